"""Fixtures of the clients' tests: a certificate that they trust, a clock that they move."""

from __future__ import annotations

import ssl

import pytest
import trustme


@pytest.fixture(scope="session")
def certificate_authority():
    return trustme.CA()


@pytest.fixture
def tls_server_context(certificate_authority, tmp_path, monkeypatch):
    """A server's context whose certificate the code under test trusts, by the environment."""
    bundle = tmp_path / "authority.pem"
    certificate_authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate_authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


class Clock:
    """Counts seconds, and stands still until the test moves it."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()
