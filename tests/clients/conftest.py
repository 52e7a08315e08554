"""Fixtures of the clients' tests: a certificate that they trust."""

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
