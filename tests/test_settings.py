"""What configuration, environment and file say becomes one, and what cannot work is said in its own words."""

from __future__ import annotations

import pytest

from api_models.clients.presets import KINDS, PRESETS
from api_models.exceptions import ConfigurationError
from api_models.settings import MissingKeyError, ProviderSettings, Settings

KEY = "sk-this-is-secret"


@pytest.fixture
def write_file(tmp_path):
    """A function that writes the configuration file and returns the environment that names it."""

    def write(text, name="named.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return {"API_MODELS_CONFIG": str(path)}

    return write


def settings(config=None, **environ):
    """Settings that see these variables and no others; HOME is an empty place."""
    return Settings(config, {"HOME": "/nonexistent", **environ})


def fails(config=None, provider=None, **environ):
    """What settings, or one provider of them, fail with."""
    with pytest.raises(ConfigurationError) as caught:
        made = settings(config, **environ)
        if provider:
            made.provider(provider)
    return str(caught.value)


SOURCES = ("configuration", "environment", "file", "default")


@pytest.mark.parametrize("highest", SOURCES)
@pytest.mark.parametrize(
    ("key", "variable", "default"),
    [
        ("api_key", "VLLM_API_KEY", None),
        ("base_url", "VLLM_BASE_URL", PRESETS["vllm"].base_url),
        ("model", "API_MODELS_VLLM_MODEL", None),
    ],
)
def test_configuration_goes_before_environment_before_file_before_default(
    highest, key, variable, default, write_file
):
    """Each source wins over all that stand after it."""
    said = {source: f"http://{source}/v1" for source in SOURCES[SOURCES.index(highest) : 3]}
    config = {"providers": {"vllm": {key: said["configuration"]}}} if "configuration" in said else None
    environ = {variable: said["environment"]} if "environment" in said else {}
    if "file" in said:
        environ |= write_file(f'[providers.vllm]\n{key} = "{said["file"]}"\n')
    found = getattr(settings(config, **environ).provider("vllm"), key)
    assert found == said.get(highest, default)


def test_the_vendors_variable_goes_before_the_variable_of_the_house():
    """`API_MODELS_GROQ_API_KEY` counts where `GROQ_API_KEY` is not set, or empty."""
    own = {"API_MODELS_GROQ_API_KEY": "house"}
    assert settings(GROQ_API_KEY="vendor", **own).provider("groq").api_key == "vendor"
    assert settings(GROQ_API_KEY="", **own).provider("groq").api_key == "house"


def test_each_provider_has_variables_of_its_own_for_the_rest():
    """A provider of the user's own is set up by `API_MODELS_<PROVIDER>_...` too."""
    config = {"providers": {"mylab": {"kind": "openai_compatible"}}}
    environ = {
        "API_MODELS_MYLAB_BASE_URL": "http://lab/v1",
        "API_MODELS_MYLAB_MODEL": "m",
        "API_MODELS_MYLAB_API_KEY": KEY,
    }
    found = settings(config, **environ).provider("mylab")
    assert (found.base_url, found.model, found.api_key) == ("http://lab/v1", "m", KEY)


def test_file_and_configuration_are_merged_key_by_key(write_file):
    """A key the configuration leaves out comes from the file."""
    environ = write_file(
        '[providers.mylab]\nkind = "openai_compatible"\nbase_url = "http://f/v1"\nmodel = "f"\n'
    )
    found = settings({"providers": {"mylab": {"model": "c"}}}, **environ).provider("mylab")
    assert (found.kind, found.base_url, found.model) == ("openai_compatible", "http://f/v1", "c")


def test_stream_settings_of_the_configuration_change_those_of_the_file(write_file):
    """Each of the two changes only what it names."""
    environ = write_file("[stream]\nmax_retries = 7\nbuffer_size = 3\n")
    stream = settings({"stream": {"buffer_size": 5}}, **environ).stream
    assert (stream.max_retries, stream.buffer_size) == (7, 5)


def test_the_second_key_variable_counts_where_the_first_is_not_set():
    """Gemini's key may stand in `GOOGLE_API_KEY`."""
    assert settings(GOOGLE_API_KEY="g").provider("gemini").api_key == "g"
    assert settings(GOOGLE_API_KEY="g", GEMINI_API_KEY="m").provider("gemini").api_key == "m"


def test_the_old_name_of_openais_host_still_counts():
    assert (
        settings(OPENAI_API_KEY="k", OPENAI_API_BASE="http://h/v1").provider("openai").base_url
        == "http://h/v1"
    )


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"provider": {}}, "did you mean 'providers'?"),
        ({"streams": {}}, "did you mean 'stream'?"),
        ({"stream": {"bufer_size": 2}}, "did you mean 'buffer_size'?"),
        ({"stream": "smoth"}, "did you mean 'smooth'?"),
        ({"providers": {"openai": {"api_kei": "k"}}}, "did you mean 'api_key'?"),
        ({"providers": {"openai": {"baseurl": "http://h"}}}, "did you mean 'base_url'?"),
        ({"providers": {"mylab": {"kind": "openai_compatable"}}}, "did you mean 'openai_compatible'?"),
        ({"providers": {"mylab": {"kind": "openai_compatible", "transport": "htp"}}}, "did you mean 'http'?"),
        ({"providers": {"openai": {"api": "response"}}}, "did you mean 'responses'?"),
        ({"providers": {"openai": {"api": "chat_completion"}}}, "did you mean 'chat_completions'?"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_right_one(config, named):
    """At once, before anything is asked of a provider."""
    assert named in fails(config)


@pytest.mark.parametrize(
    ("name", "near"), [("opnai", "openai"), ("antropic", "anthropic"), ("olama", "ollama"), ("grok", "groq")]
)
def test_an_unknown_provider_is_answered_with_the_nearest_known_one(name, near):
    """Whether it is asked for, or has an entry that says nothing of its kind."""
    assert fails(provider=name) == f"unknown provider {name!r}: did you mean {near!r}?"
    assert f"did you mean {near!r}?" in fails({"providers": {name: {"api_key": "k"}}}, provider=name)


def test_a_name_near_to_none_is_answered_with_all_of_them():
    said = fails({"providers": {"mylab": {"kind": "xyzzy"}}})
    assert all(kind in said for kind in KINDS)


def test_a_provider_of_ones_own_needs_a_kind_and_a_place():
    """An entry without a kind is kept, since such a provider may be registered later."""
    entry = {"base_url": "http://h/v1"}
    assert settings({"providers": {"mylab": entry}}).entry("mylab") == entry
    assert "'mylab' needs a 'kind'" in fails({"providers": {"mylab": entry}}, "mylab")
    assert "set 'base_url'" in fails({"providers": {"mylab": {"kind": "openai_compatible"}}}, "mylab")


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ([1], "the configuration is a mapping, not list"),
        ({"providers": ["openai"]}, "'providers' in the configuration is a mapping, not list"),
        ({"providers": {"openai": "sk-x"}}, "the entry of provider 'openai' is a mapping, not str"),
        ({"providers": {"openai": {"api_key": 5}}}, "api_key of provider 'openai' must be a str"),
        ({"providers": {"openai": {"model": ["m"]}}}, "model of provider 'openai' must be a str"),
        ({"providers": {"openai": {"base_url": "api.openai.com"}}}, "needs http:// or https://"),
        ({"providers": {"openai": {"headers": 5}}}, "headers of provider 'openai' must be a mapping"),
        ({"providers": {"groq": {"finish_reason_ends": "no"}}}, "must be True or False, not 'no'"),
        ({"stream": 5}, "config must be a StreamConfig"),
        ({"stream": {"buffer_size": 0}}, "buffer_size must be"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(config, named):
    assert named in fails(config)


@pytest.mark.parametrize("name", ["ollama", "local"])
def test_a_wire_without_an_sdk_refuses_the_sdk(name):
    """It used to be a KeyError of two words."""
    assert f"no SDK speaks the wire of {name}" in fails({"providers": {name: {"transport": "sdk"}}}, name)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, "http://localhost:11434"),
        ("", "http://localhost:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("gpu", "http://gpu:11434"),
        ("gpu/", "http://gpu:11434"),
        ("gpu:99", "http://gpu:99"),
        ("http://gpu:99/", "http://gpu:99"),
        ("http://gpu", "http://gpu:80"),
        ("https://gpu", "https://gpu:443"),
        ("https://gpu/ollama", "https://gpu:443/ollama"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:99", "http://[::1]:99"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host, url):
    found = settings(**({} if host is None else {"OLLAMA_HOST": host})).provider("ollama")
    assert (found.base_url, found.kind, found.transport) == (url, "ollama", "http")


def test_ollama_under_v1_speaks_the_wire_that_everybody_speaks():
    found = settings({"providers": {"ollama": {"base_url": "http://gpu:99/v1/"}}}).provider("ollama")
    assert (found.kind, found.base_url) == ("openai_compatible", "http://gpu:99/v1")
    assert (
        settings({"providers": {"ollama": {"base_url": "gpu:99"}}}).provider("ollama").base_url
        == "http://gpu:99"
    )


@pytest.mark.parametrize(
    ("environ", "default"),
    [
        ({}, "local"),
        ({"OPENAI_API_KEY": "k"}, "openai"),
        ({"ANTHROPIC_API_KEY": "k"}, "anthropic"),
        ({"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}, "anthropic"),
        ({"GROQ_API_KEY": "k"}, "local"),
        ({"OPENAI_API_KEY": ""}, "local"),
        ({"API_MODELS_PROVIDER": "groq", "ANTHROPIC_API_KEY": "k"}, "groq"),
    ],
)
def test_the_default_is_the_first_of_anthropic_and_openai_with_a_key_else_local(environ, default):
    assert settings(**environ).default_provider == default


def test_the_default_follows_configuration_then_environment_then_file(write_file):
    environ = write_file('default_provider = "groq"\n')
    assert settings(**environ).default_provider == "groq"
    environ["API_MODELS_PROVIDER"] = "xai"
    assert settings(**environ).default_provider == "xai"
    assert settings({"default_provider": "ollama"}, **environ).default_provider == "ollama"


def test_a_key_in_the_configuration_makes_its_provider_the_default():
    assert settings({"providers": {"openai": {"api_key": "k"}}}).default_provider == "openai"


def test_the_file_in_the_users_configuration_folder_is_read(write_file, tmp_path):
    """`XDG_CONFIG_HOME` says where the folder is, else it is `~/.config`."""
    write_file('default_provider = "xai"\n', "xdg/api_models/config.toml")
    write_file('default_provider = "groq"\n', "home/.config/api_models/config.toml")
    xdg, home = str(tmp_path / "xdg"), str(tmp_path / "home")
    assert Settings(None, {"XDG_CONFIG_HOME": xdg, "HOME": home}).default_provider == "xai"
    assert Settings(None, {"HOME": home}).default_provider == "groq"


def test_the_file_that_is_named_goes_before_the_one_in_the_folder(write_file, tmp_path):
    write_file('default_provider = "xai"\n', "xdg/api_models/config.toml")
    environ = write_file('default_provider = "groq"\n')
    assert Settings(None, {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), **environ}).default_provider == "groq"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("default_provider = ", "is not TOML"),
        (b"default_provider = '\xff'", "is not TOML"),
        ("[provider]\n", "key of the configuration file 'provider': did you mean 'providers'?"),
        ('[providers.mylab]\nkind = "opnai"\n', "did you mean 'openai'?"),
        ("[stream]\nbuffer_size = 0\n", "buffer_size must be"),
    ],
)
def test_a_bad_file_is_said_to_be_one(text, named, write_file):
    """A file that is no TOML is named by its path."""
    environ = write_file(text)
    said = fails(**environ)
    assert named in said
    assert "TOML" not in said or environ["API_MODELS_CONFIG"] in said


def test_a_file_that_is_named_must_be_there():
    """The one in the folder need not."""
    assert "cannot read the configuration file /nonexistent/x.toml" in fails(
        API_MODELS_CONFIG="/nonexistent/x.toml"
    )
    assert settings().default_provider == "local"


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.needs_key])
def test_a_missing_key_names_the_variable_to_set(name):
    with pytest.raises(MissingKeyError) as caught:
        settings().provider(name)
    assert str(caught.value) == (
        f"no key for {name}: set {PRESETS[name].key_variables[0]}, or 'api_key' in its configuration"
    )


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_resolves_with_a_key(name):
    """Each is complete: a wire that is spoken, a place, and the key that was given."""
    preset = PRESETS[name]
    found = settings(**dict.fromkeys(preset.key_variables[:1], KEY)).provider(name)
    assert isinstance(found, ProviderSettings)
    assert found.kind in KINDS
    assert found.api_key == (KEY if preset.key_variables else None)
    assert (found.base_url is None) == (name == "local")
    assert found.transport == ("sdk" if found.kind in ("anthropic", "openai") else "http")
    assert found.model == preset.model


def test_the_source_of_a_key_is_told(write_file):
    """What `api-models doctor` prints."""
    assert settings().key_source("groq") is None
    assert settings(GROQ_API_KEY=KEY).key_source("groq") == "GROQ_API_KEY"
    assert settings({"providers": {"groq": {"api_key": KEY}}}).key_source("groq") == "configuration"
    environ = write_file(f'[providers.groq]\napi_key = "{KEY}"\n')
    assert settings(**environ).key_source("groq") == "configuration file"


def test_a_key_never_shows_in_a_repr():
    """Nor do headers, which may carry one."""
    entry = {"api_key": KEY, "headers": {"X-Key": KEY}}
    made = settings({"providers": {"groq": entry}})
    found = made.provider("groq")
    assert (found.api_key, found.headers) == (KEY, {"X-Key": KEY})
    assert KEY not in repr(found)
    assert KEY not in repr(made)


def test_a_bad_key_is_not_repeated_with_another_keys_message():
    """The message about one value says nothing of the others."""
    assert KEY not in fails({"providers": {"openai": {"api_key": KEY, "api": "x"}}})
    assert KEY not in fails({"providers": {"openai": {"api_key": KEY, "base_url": "x"}}})


def test_the_environment_is_read_once():
    """A manager made before a variable changed keeps to what it was."""
    environ = {"HOME": "/nonexistent", "GROQ_API_KEY": "before"}
    made = Settings(None, environ)
    environ["GROQ_API_KEY"] = "after"
    assert made.provider("groq").api_key == "before"


def test_the_default_model_is_what_the_environment_asks_for():
    assert settings().default_model_id is None
    assert settings(API_MODELS_MODEL="").default_model_id is None
    assert settings(API_MODELS_MODEL="groq:m").default_model_id == "groq:m"


def test_a_vendors_key_is_not_sent_to_a_host_under_another_name():
    """A gateway that speaks a vendor's wire gets a key of its own, or none."""
    entry = {"kind": "anthropic", "base_url": "http://gateway.example"}
    environ = {"ANTHROPIC_API_KEY": "sk-vendor-key", "ANTHROPIC_BASE_URL": "http://elsewhere.example"}
    settings = Settings({"providers": {"my-gateway": entry}}, environ)
    with pytest.raises(ConfigurationError, match="API_MODELS_MY_GATEWAY_API_KEY"):
        settings.provider("my-gateway")
    settings = Settings(
        {"providers": {"my-gateway": entry}}, {**environ, "API_MODELS_MY_GATEWAY_API_KEY": "own"}
    )
    found = settings.provider("my-gateway")
    assert (found.api_key, found.base_url) == ("own", "http://gateway.example")


def test_a_provider_that_is_asked_through_its_sdk_has_no_other_transport():
    with pytest.raises(ConfigurationError, match="transport"):
        Settings({"providers": {"openai": {"api_key": "k", "transport": "http"}}}, {}).provider("openai")
