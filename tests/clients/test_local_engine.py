"""The local engine: real llama.cpp, real model, real HTTP to its listener."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from api_models.clients.local_engine import SLOTS, LocalEngine, acquire_engine
from api_models.clients.local_model import find_model, is_engine_installed
from api_models.exceptions import ConfigurationError

PATIENCE = 20.0
"""Seconds until a test that hangs fails."""
SOON = 5.0
"""Seconds within which a freed slot or a dead engine must show; a whole answer takes much longer."""

GONE = 2.0
"""As above, and less than the 5 seconds after which a live engine closes a silent connection."""

HOLDER = """
import json, os, sys, threading, urllib.request
from pathlib import Path
from api_models.clients.local_engine import acquire_engine
engine = acquire_engine(Path(sys.argv[1]))
print(engine.base_url, flush=True)
sys.stdin.readline()
"""
READ_ON = """
body = {"messages": [{"role": "user", "content": "Count."}], "stream": True, "ignore_eos": True}
request = urllib.request.Request(engine.base_url + "/chat/completions", json.dumps(body).encode(), {
    "Authorization": "Bearer " + engine.api_key, "Content-Type": "application/json"})
response = urllib.request.urlopen(request)
response.readline()
threading.Thread(target=response.read, daemon=True).start()
print("leaving", flush=True)
"""


@pytest.fixture(scope="module")
def model() -> Path:
    if not is_engine_installed():
        reason = "xllamacpp is not installed: pip install 'api-models[local]', if this platform has a wheel"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return find_model(environ={})


@pytest.fixture(scope="module")
def engine(model: Path) -> Iterator[LocalEngine]:
    engine = acquire_engine(model)
    yield engine
    engine.release()


@pytest.fixture
def other_model(model: Path, tmp_path: Path) -> Path:
    """The same model as another file, for which no engine runs."""
    copy = tmp_path / "other.gguf"
    try:
        os.link(model, copy)
    except OSError:
        shutil.copyfile(model, copy)
    return copy


def post(base_url: str, api_key: str, prompt: str = "Count to one thousand.", **params: object) -> Any:
    """Start a streamed answer, without an end of its own unless the parameters set one."""
    body = {
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
        "max_tokens": 1500,
        "ignore_eos": True,
        "temperature": 0,
        **params,
    }
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{base_url}/chat/completions", json.dumps(body).encode(), headers)
    return urllib.request.urlopen(request, timeout=PATIENCE)


def texts(response: Any) -> Iterator[str]:
    for line in response:
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                if choice["delta"].get("content"):
                    yield choice["delta"]["content"]


def first_text(response: Any) -> str:
    """The first text of an answer, whose connection is then closed."""
    with response:
        return next(texts(response))


def connect(base_url: str) -> socket.socket:
    address = urlsplit(base_url)
    return socket.create_connection((str(address.hostname), address.port or 0), timeout=SOON)


def refuses(base_url: str) -> bool:
    try:
        connect(base_url).close()
    except ConnectionRefusedError:
        return True
    return False


def ends(watch: socket.socket) -> bool:
    """Whether the other end of a connection goes away in time; a live engine would keep it."""
    watch.settimeout(GONE)
    try:
        return watch.recv(1) == b""
    except ConnectionResetError:
        return True


@contextmanager
def holder(model: Path, code: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that holds an engine until a line comes, then runs the code and leaves; and the address."""
    command = [sys.executable, "-c", HOLDER + code, str(model)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            assert base_url, process.communicate()[1]
            yield process, base_url
        finally:
            process.kill()


def test_a_completion_streams_in_tokens_and_names_the_model(engine: LocalEngine) -> None:
    """A real answer comes in several pieces, to its end marker."""
    response = post(
        engine.base_url, engine.api_key, "What is the capital of France?", max_tokens=12, ignore_eos=False
    )
    lines = [line[6:].strip() for line in response if line.startswith(b"data: ")]
    chunks = [json.loads(line) for line in lines[:-1]]
    pieces = [chunk["choices"][0]["delta"].get("content") for chunk in chunks if chunk["choices"]]
    assert "".join(filter(None, pieces)).strip()
    assert len(pieces) > 2  # the role, and text in more than one piece
    assert lines[-1] == b"[DONE]"
    assert {chunk["model"] for chunk in chunks} == {engine.path.stem}


def test_a_wrong_key_is_refused(engine: LocalEngine) -> None:
    """Another user of this machine cannot use the listener."""
    for key in ("wrong", ""):
        with pytest.raises(urllib.error.HTTPError, match="401") as raised:
            post(engine.base_url, key)
        raised.value.close()


def test_two_threads_that_ask_at_once_share_one_engine(other_model: Path) -> None:
    """The second waits for the first one's load and gets a running engine."""
    together = threading.Barrier(2)
    acquired: list[tuple[LocalEngine, str]] = []

    def acquire() -> None:
        together.wait(PATIENCE)
        engine = acquire_engine(other_model)
        acquired.append((engine, engine.base_url))

    threads = [threading.Thread(target=acquire, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    (first, first_url), (second, second_url) = acquired
    assert first is second
    assert first_url == second_url != "/v1"
    first.release()
    assert not refuses(first_url)
    second.release()
    assert refuses(first_url)


def test_a_released_engine_is_gone_and_can_be_acquired_again(other_model: Path) -> None:
    """The last release ends the listener, also while an answer streams; the next user gets a new engine."""
    engine = acquire_engine(other_model)
    response = post(engine.base_url, engine.api_key)
    assert next(texts(response))
    began = time.monotonic()
    engine.release()
    assert time.monotonic() - began < 1.0
    assert refuses(engine.base_url)
    with pytest.raises((http.client.HTTPException, OSError)):
        response.read()
    again = acquire_engine(other_model)
    assert again is not engine
    assert first_text(post(again.base_url, again.api_key))
    again.release()


def test_an_engine_that_died_is_started_again_at_the_same_address(other_model: Path) -> None:
    """A killed engine costs a load, and no user has to learn a new address."""
    engine = acquire_engine(other_model)
    base_url, process = engine.base_url, engine._process
    assert process is not None
    process.kill()
    process.wait(PATIENCE)
    engine.ensure_running()
    assert engine.base_url == base_url
    assert first_text(post(engine.base_url, engine.api_key))
    engine.release()


@pytest.mark.parametrize(
    ("answers", "prompt"),
    [(SLOTS, "Count to one thousand."), (1, "one two three four " * 340)],
    ids=["generating", "reading"],
)
def test_hanging_up_frees_the_slot(other_model: Path, answers: int, prompt: str) -> None:
    """The next request is served at once, though all slots were taken, or a long prompt was being read."""
    engine = acquire_engine(other_model)
    taken = [post(engine.base_url, engine.api_key, prompt) for _ in range(answers)]
    for response in taken:
        response.close()
    began = time.monotonic()
    assert first_text(post(engine.base_url, engine.api_key, "Hello"))
    assert time.monotonic() - began < SOON
    engine.release()


@pytest.mark.parametrize("leave", ["", "sys.exit()", "os._exit(0)"])
def test_exit_while_generating_is_quick_and_clean(model: Path, leave: str) -> None:
    """A daemon thread still reads: exit code 0, nothing on stderr, and no process is left behind."""
    with holder(model, READ_ON + leave) as (process, base_url), connect(base_url) as watch:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "leaving\n"
        began = time.monotonic()
        _, errors = process.communicate(timeout=PATIENCE)
        assert time.monotonic() - began < 1.0
        assert (process.returncode, errors) == (0, "")
        assert ends(watch)


def test_the_engine_ends_with_a_killed_process(model: Path) -> None:
    """Nothing of the killed process could tell it to."""
    with holder(model) as (process, base_url), connect(base_url) as watch:
        process.kill()
        assert ends(watch)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_is_refused_at_once_and_may_load_its_own(model: Path) -> None:
    """The fork may not use the engine it inherited, nor end it; with one of its own it works."""
    forking = """
from api_models.exceptions import ConfigurationError
child = os.fork()
if not child:
    try:
        engine.ensure_running()
    except ConfigurationError as error:
        print("refused:", error, flush=True)
    engine.release()
    own = acquire_engine(Path(sys.argv[1]))
    print("own" if own.base_url != engine.base_url else "shared", flush=True)
    own.release()
    os._exit(0)
os.waitpid(child, 0)
engine.ensure_running()
print(engine.base_url, flush=True)
"""
    with holder(model, forking) as (process, base_url):
        output, errors = process.communicate("go\n", timeout=PATIENCE)
    refused, own, kept = output.splitlines()
    assert "after the fork" in refused
    assert (own, kept, errors) == ("own", base_url, "")


def test_a_file_that_is_no_model_is_named(model: Path, tmp_path: Path) -> None:
    """A truncated model is an error of ours, and leaves nothing behind that spoils the next try."""
    broken = tmp_path / "broken.gguf"
    with model.open("rb") as whole:
        broken.write_bytes(whole.read(5_000_000))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"broken\.gguf"):
            acquire_engine(broken)


def test_a_missing_file_is_named(model: Path) -> None:
    """No process is started for nothing."""
    with pytest.raises(ConfigurationError, match=r"nothing\.gguf"):
        acquire_engine(model.with_name("nothing.gguf"))


def test_a_missing_engine_names_the_extra_and_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no llama.cpp learns what to install, how large it is and where it runs."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"api-models\[local\].*34 MB.*macOS"):
        acquire_engine(Path("model.gguf"))


@pytest.mark.parametrize("threads", ["0", "two", "-1", ""])
def test_a_bad_number_of_threads_is_refused(
    other_model: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    """The variable is named."""
    monkeypatch.setenv("API_MODELS_LOCAL_THREADS", threads)
    with pytest.raises(ConfigurationError, match="API_MODELS_LOCAL_THREADS"):
        acquire_engine(other_model)


def test_the_number_of_threads_can_be_set(other_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another number the engine runs as well."""
    monkeypatch.setenv("API_MODELS_LOCAL_THREADS", "2")
    engine = acquire_engine(other_model)
    assert first_text(post(engine.base_url, engine.api_key))
    engine.release()
