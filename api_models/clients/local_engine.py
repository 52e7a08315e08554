"""llama.cpp, run by a child process that serves one model file on the loopback.

Not in this process, for reasons measured with xllamacpp 2026.10: loading and unloading hold the
interpreter lock (0.3 s for the smallest model, 9 s and more while a long prompt is read); unloading
while an answer streams hangs, and leaving the interpreter then crashes two times in three. A child
can be killed in any phase, gives all memory back, and never freezes the threads of a GUI.

The child lives as long as the pipe to its standard input is open. So it ends with this process,
whatever ends that, and nothing has to be done when the interpreter exits.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..exceptions import ConfigurationError
from .local_model import INSTALL_ENGINE, is_engine_installed

THREADS_VARIABLE = "API_MODELS_LOCAL_THREADS"
SLOTS = 2
"""How many answers are generated at once; more requests wait."""
CONTEXT = 2048
"""Tokens of prompt and answer together, for each slot."""

_BATCH = 128  # prompt tokens between two looks at who hung up (0.8 s); no slower than 2048
_SERVE = "from api_models.clients.local_engine import serve; serve()"


class LocalEngine:
    """One loaded model, shared by all who acquired it; `api_key` locks its listener."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.api_key = secrets.token_hex(16)
        self.base_url = ""
        """Where it listens, with `/v1`; stays the same when the engine is started again."""
        self._users = 0
        self._owner = os.getpid()
        # Makes those who want the same model wait for the one who loads it.
        self._loading = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ensure_running(self) -> None:
        """Start the engine unless it runs; cheap enough to ask before each request.

        Raises `ConfigurationError` if the model cannot be loaded, and in a process forked off the one
        that acquired the engine.
        """
        if os.getpid() != self._owner:
            raise ConfigurationError(
                "the local model was loaded before this process was forked: make the manager after the "
                "fork, or start processes with the method 'spawn'"
            )
        with self._loading:
            if self._process is None or self._process.poll() is not None:
                self._start()

    def release(self) -> None:
        """Give up one use; the last one ends the engine. Does nothing in a forked process."""
        if os.getpid() != self._owner:
            return
        with _shared.lock:
            self._users -= 1
            if self._users:
                return
            del _shared.engines[self.path]
        with self._loading:
            self._end()

    def let_go(self) -> None:
        """In a forked process: close its copy of the pipe, which would outlive the owner's."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _start(self) -> None:
        self._end()
        order = {
            "model": str(self.path),
            "api_key": self.api_key,
            "port": urlsplit(self.base_url).port or 0,
            "threads": _thread_count(),
        }
        self._process = _start_process()
        try:
            self.base_url = _tell(self._process, order) + "/v1"
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:
                pass  # leaving closes the pipes and waits for the end


class _SharedEngines:
    """The engines of this process, by model file."""

    def __init__(self) -> None:
        # Guards the table and the users of each engine; held for a look, never while a model loads.
        self.lock = threading.Lock()
        self.engines: dict[Path, LocalEngine] = {}

    def forget(self) -> None:
        """In a forked process: begin anew, the lock too, which a thread left behind may have held."""
        for engine in self.engines.values():
            engine.let_go()
        self.engines = {}
        self.lock = threading.Lock()


_shared = _SharedEngines()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.forget)


def acquire_engine(path: Path) -> LocalEngine:
    """The engine for a model file, running; one for all who ask, until the last one releases it.

    Blocks while the model loads. Raises `ConfigurationError` if llama.cpp is missing or refuses the
    file.
    """
    if not is_engine_installed():
        raise ConfigurationError(f"the local model needs llama.cpp: {INSTALL_ENGINE}")
    path = path.expanduser().resolve()
    if not path.is_file():
        raise ConfigurationError(f"there is no model file {str(path)!r}")
    with _shared.lock:
        engine = _shared.engines.get(path) or LocalEngine(path)
        _shared.engines[path] = engine
        engine._users += 1
    try:
        engine.ensure_running()
    except BaseException:
        engine.release()
        raise
    return engine


def _thread_count() -> int:
    """One less than the cores: the threads spin, and lose half their speed to one other busy process."""
    given = os.environ.get(THREADS_VARIABLE)
    if given is None:
        affinity = getattr(os, "sched_getaffinity", None)
        cores = len(affinity(0)) if affinity else os.cpu_count() or 1
        return max(1, cores - 1)
    if not given.isdecimal() or int(given) < 1:
        raise ConfigurationError(f"{THREADS_VARIABLE} is a number of threads from 1, not {given!r}")
    return int(given)


def _start_process() -> subprocess.Popen[bytes]:
    """Start Python with the import path of this one, out of reach of the terminal's Ctrl-C."""
    search_path = [*sys.path, str(Path(__file__).parents[2])]  # this package, even after a chdir
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(search_path), "PYTHONSAFEPATH": "1"}
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise ConfigurationError(f"no process could be started for the local model: {error}") from error


def _tell(process: subprocess.Popen[bytes], order: dict[str, Any]) -> str:
    """Have the new process load a model and wait until it says at which address."""
    assert process.stdin is not None and process.stdout is not None  # both are pipes
    with contextlib.suppress(BrokenPipeError):  # it has ended; the empty line leads to its code
        process.stdin.write(json.dumps(order).encode() + b"\n")
    line = process.stdout.readline()
    answer = json.loads(line) if line else {"error": f"the engine ended with code {process.wait()}"}
    if "error" in answer:
        raise ConfigurationError(
            f"llama.cpp could not load {order['model']} ({answer['error']}): it must be a GGUF model that "
            "fits into memory, and an x86 processor must have AVX2"
        )
    return str(answer["address"])


def serve() -> None:
    """Be the child: load what the first line of input asks for, answer, serve until input ends."""
    order = json.loads(sys.stdin.readline())
    try:
        server = _load_server(order)
        answer = {"address": server.listening_address}
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent raises it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
    sys.stdin.read()
    os._exit(0)  # unloading would wait for answers that still stream


def _load_server(order: dict[str, Any]) -> Any:
    # The extra `local`, without stubs; only the child needs it.
    import xllamacpp  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415

    params = xllamacpp.CommonParams()
    params.model.path = order["model"]
    params.model_alias = {Path(order["model"]).stem}  # what answers name as their model, not the path
    params.api_keys, params.port = [order["api_key"]], order["port"]
    params.n_parallel, params.n_ctx, params.n_batch = SLOTS, SLOTS * CONTEXT, _BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order["threads"]
    params.cache_ram_mib = 0  # by default old prompts pile up in memory, up to 8 GiB
    params.warmup, params.verbosity, params.ui = False, 0, False
    return xllamacpp.Server(params)
