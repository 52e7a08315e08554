"""What a new process pays: for the import, and until the first token of its first request.

    python -m benchmarks.cold [--rounds 11]

Each time a new interpreter: the wall time of `import api_models` less that of an empty program, and
the time from starting the process to its first token, from a server that answers at once.
"""

from __future__ import annotations

import compileall
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from .measure import Bar, Chart, Findings, Goal, interleaved, parser, ratio
from .server import served

Programs = dict[str, tuple[str, str]]
"""Name -> kind of its bar, source."""

_ROOT = Path(__file__).parents[1]
_SDKS = re.compile("anthropic|openai")
_TELL = """
import sys, time
def on_text(text, told=[]):
    if not told:
        told.append(print(time.perf_counter_ns(), flush=True))
"""
_SOCKET = (
    _TELL
    + """
import socket, orjson as parser
host, _, port = sys.argv[1].partition("/")[0].rpartition(":")
line = socket.create_connection((host, int(port)))
path = "/" + sys.argv[1].partition("/")[2] + "/v1/chat/completions"
line.sendall(f"POST {path} HTTP/1.1\\r\\nHost: h\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}".encode())
got = b""
while not got.endswith(b"0\\r\\n\\r\\n"):
    got += line.recv(65536)
for event in got.split(b"data: ")[1:]:
    at = event.find(b"\\n")
    if event[:at] != b"[DONE]":
        choices = parser.loads(event[:at])["choices"]
        if choices and (text := choices[0]["delta"].get("content")):
            on_text(text)
"""
)
_SSECLIENT = (
    _TELL
    + """
import json, requests, sseclient
response = requests.post(f"http://{sys.argv[1]}/v1/chat/completions", json={}, stream=True)
for event in sseclient.SSEClient(response).events():
    if event.data != "[DONE]":
        choices = json.loads(event.data)["choices"]
        if choices and (text := choices[0]["delta"].get("content")):
            on_text(text)
"""
)
_OURS = (
    _TELL
    + """
from api_models import APIModelManager, StreamHandler
class Tell(StreamHandler):
    def on_token_received(self, token, index):
        on_text(token)
entry = {ENTRY}
manager = APIModelManager({"providers": {"PROVIDER": {"api_key": "sk-bench", **entry}}})
manager.generate_stream_with_handlers("hi", "PROVIDER:m", {"max_tokens": 9}, [Tell()]).result()
"""
)
_ANTHROPIC = (
    _TELL
    + """
import anthropic
client = anthropic.Anthropic(api_key="k", base_url=f"http://{sys.argv[1]}", max_retries=0)
message = [{"role": "user", "content": "hi"}]
for event in client.messages.create(model="m", max_tokens=9, messages=message, stream=True):
    if event.type == "content_block_delta":
        on_text(event.delta.text)
"""
)
_HTTP = '"kind": "openai_compatible", "base_url": f"http://{sys.argv[1]}/v1"'
_SDK = '"base_url": f"http://{sys.argv[1]}"'

_FLOOR, _OURS_HTTP, _REQUESTS = "raw socket + orjson", "ours, HTTP client", "requests + sseclient"
_PROGRAMS = {
    _FLOOR: ("floor", _SOCKET),
    _REQUESTS: ("peer", _SSECLIENT),
    _OURS_HTTP: ("ours", _OURS.replace("ENTRY", _HTTP).replace("PROVIDER", "lab")),
    "anthropic create()": ("peer", _ANTHROPIC),
    "ours, anthropic:": ("ours", _OURS.replace("ENTRY", _SDK).replace("PROVIDER", "anthropic")),
}
_NOTHING, _IMPORT = "bare Python", "import api_models"
_IMPORTS = {
    _NOTHING: ("floor", "pass"),
    _IMPORT: ("ours", "import api_models"),
    "import requests, sseclient": ("peer", "import requests, sseclient"),
    "import openai": ("peer", "import openai"),
    "import anthropic": ("peer", "import anthropic"),
}


def whole(program: str) -> float:
    """Milliseconds from the start of a process to its end."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, cwd=_ROOT)
    return (time.perf_counter() - begun) * 1e3


def to_first_token(program: str, address: str) -> float:
    """Milliseconds from the start of a process to its first token."""
    begun = time.perf_counter_ns()
    command = [sys.executable, "-c", program, address]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=_ROOT)
    return (int(done.stdout) - begun) / 1e6


def show_imports(findings: Findings, programs: Programs, rounds: int) -> None:
    found = interleaved(rounds, {name: partial(whole, program) for name, (_, program) in programs.items()})
    bars = [Bar.of(name, kind, found[name]) for name, (kind, _) in programs.items()]
    findings.charts.append(Chart("A process that only imports", "ms", bars, logarithmic=True))
    over = median(one - other for one, other in zip(found[_IMPORT], found[_NOTHING], strict=True))
    shown = [f"{median(found[name]):.0f} ms" for name in (_IMPORT, _NOTHING)]
    findings.goals.append(Goal("import api_models, over bare Python", over, "ms", 60, 30, *shown))


def show_first_token(findings: Findings, programs: Programs, address: str, rounds: int) -> None:
    works = {name: partial(to_first_token, program, address) for name, (_, program) in programs.items()}
    found = interleaved(rounds, works)
    bars = [Bar.of(name, kind, found[name]) for name, (kind, _) in programs.items()]
    findings.charts.append(
        Chart("From the start of the process to its first token", "ms", bars, logarithmic=True)
    )
    figure = ratio(found[_OURS_HTTP], found[_REQUESTS])
    shown = [f"{median(found[name]):.0f} ms" for name in (_OURS_HTTP, _REQUESTS)]
    measure = "process start to first token, HTTP client x requests + sseclient"
    findings.goals.append(Goal(measure, figure, "x", 1.2, 1.0, *shown))


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__, rounds=11)
    options.add_argument("--no-sdks", action="store_true", help="leave out what loads an SDK: a second each")
    given = options.parse_args(arguments)
    findings = Findings("cold", "A new process")
    compileall.compile_dir(_ROOT / "api_models", quiet=1)  # as an installer does, which the peers came by
    imports, programs = (
        {name: each for name, each in table.items() if not (given.no_sdks and _SDKS.search(name))}
        for table in (_IMPORTS, _PROGRAMS)
    )
    show_imports(findings, imports, given.rounds)
    with served() as root:
        show_first_token(findings, programs, f"{root.removeprefix('http://')}/all-5", given.rounds)
    findings.write(given.json, vars(given))


if __name__ == "__main__":
    main()
