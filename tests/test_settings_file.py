"""What can be wrong with the file of the settings, and that it is named."""

from __future__ import annotations

import pytest

from api_models.exceptions import ConfigurationError
from api_models.settings_file import read_settings


def test_tables_are_read_as_mappings(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        'default_provider = "lab"\n[providers.lab]\nkind = "openai_compatible"\n', encoding="utf-8"
    )
    expected = {"default_provider": "lab", "providers": {"lab": {"kind": "openai_compatible"}}}
    assert read_settings(path) == expected


@pytest.mark.parametrize("content", [b"no = = toml", b"\xff\xfe"])
def test_what_is_no_toml_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"config\.toml is not TOML"):
        read_settings(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"cannot read the configuration file .*nowhere\.toml"):
        read_settings(tmp_path / "nowhere.toml")
