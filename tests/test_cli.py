"""The command as its users meet it: a process with pipes, signals and an exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import api_models
from api_models.testing import Provider, Reply, chat, error_reply, responses

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130
COMMAND = [sys.executable, "-m", "api_models"]
COMMANDS = ("stream", "chat", "compare", "extract", "gui", "models", "doctor")
KEY = "sk-this-is-secret"
TIMEOUT = 30
STOP_LIMIT = 2.0  # seconds from Ctrl-C to the exit

HELLO = Reply(chat(["Hel", "lo"]))
STALLED = Reply(chat(["Hel", "lo"]), stall_after=3)  # after the role and both texts


@pytest.fixture(autouse=True)
def children_hear_control_c():
    """A shell that starts the tests in the background lets its children ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def lab(monkeypatch, tmp_path):
    """A function that makes the command ask a loopback provider by default, through a file."""
    providers = []

    def ask(reply=HELLO, **options):
        provider = Provider(reply, **options)
        providers.append(provider)
        path = tmp_path / "api_models.toml"
        path.write_text(
            'default_provider = "mylab"\n[providers.mylab]\nkind = "openai_compatible"\n'
            f'base_url = "{provider.url}/v1"\nmodel = "m1"\napi_key = "{KEY}"\n'
        )
        monkeypatch.setenv("API_MODELS_CONFIG", str(path))
        return provider

    yield ask
    for provider in providers:
        provider.close()


def run(*arguments, stdin="", **options):
    """Run the command to its end; what it printed, and its exit code."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
        **options,
    )


def begin(*arguments, **pipes):
    """Start the command, with pipes that the test holds."""
    everything = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **pipes}
    return subprocess.Popen([*COMMAND, *arguments], **everything)


def read_until(pipe, end):
    """What came until and with `end`."""
    read = b""
    while not read.endswith(end):
        piece = os.read(pipe.fileno(), 1)
        assert piece, f"the command ended after {read!r}"
        read += piece
    return read


def interrupt(process):
    """Send Ctrl-C, wait for the end; the seconds it took, and the rest of standard output and error."""
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=TIMEOUT)
    return time.monotonic() - begun, output, errors


def failed(ended, code=FAILED):
    """The one line that a failed command says, in words and not as a traceback."""
    assert ended.returncode == code, ended
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def test_stream_prints_the_answer_and_a_new_line(lab):
    provider = lab()
    ended = run("stream", "Say", "hello")
    assert (ended.returncode, ended.stdout, ended.stderr) == (DONE, "Hello\n", "")
    (request,) = provider.requests
    assert request.json["messages"] == [{"role": "user", "content": "Say hello"}]
    assert request.headers["authorization"] == f"Bearer {KEY}"


def test_stream_prints_the_text_while_it_arrives(lab):
    """The provider has not ended, and what it said can be read at the other end of a pipe."""
    provider = lab(STALLED)
    with begin("stream", "hi") as process:
        assert read_until(process.stdout, b"Hello") == b"Hello"
        assert provider.connections[0].closed_at is None
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "stdin", "asked"),
    [
        ([], "from the pipe", "from the pipe"),
        (["-"], "from the pipe", "from the pipe"),
        (["Summarise:", "-"], "from the pipe", "Summarise: from the pipe"),
        (["only", "this"], "not read", "only this"),
        ([], "drei Wörter: 日本", "drei Wörter: 日本"),
    ],
)
def test_the_prompt_comes_from_the_arguments_from_standard_input_or_both(lab, arguments, stdin, asked):
    provider = lab()
    assert run("stream", *arguments, stdin=stdin).returncode == DONE
    assert provider.requests[0].json["messages"][0]["content"] == asked


def test_bytes_that_are_no_text_do_not_stop_the_prompt(lab, monkeypatch):
    """A diff may hold any; the terminal's alphabet may lack letters of the answer too."""
    provider = lab(Reply(chat(["日", "ok"])))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    with begin("stream") as process:
        assert process.communicate(b"caf\xe9", TIMEOUT) == ("日ok\n".encode(), b"")
    assert provider.requests[0].json["messages"][0]["content"] == "caf\ufffd"
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    ended = run("stream", "hi")
    assert (ended.returncode, ended.stdout, ended.stderr) == (DONE, "?ok\n", "")


def test_options_reach_the_provider(lab):
    provider = lab()
    options = ["--model", "mylab:m2", "--system", "Be brief.", "--max-tokens", "7", "--temperature", "0.5"]
    assert run("stream", "hi", *options).returncode == DONE
    body = provider.requests[0].json
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("m2", 7, 0.5)
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_options_that_were_not_given_are_not_sent(lab):
    """Not even as null, which some servers refuse."""
    provider = lab()
    run("stream", "hi")
    assert {"max_tokens", "temperature", "system"}.isdisjoint(provider.requests[0].json)


@pytest.mark.parametrize(
    "reply", [Reply(chat(["Hel", "lo"])), Reply(responses(["Hel", "lo"]))], ids=["chat", "responses"]
)
def test_the_variables_of_openai_are_enough(monkeypatch, reply):
    """Key and host; the model is the one that is obvious. Which wire is spoken is looked at by the path."""
    with Provider(lambda request: reply if speaks(request, reply) else error_reply(404)) as provider:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", provider.url + "/v1")
        if b"output_text" in b"".join(reply.pieces()):
            path = write_config('[providers.openai]\napi = "responses"\n')
            monkeypatch.setenv("API_MODELS_CONFIG", path)
        ended = run("stream", "hi")
        assert (ended.returncode, ended.stdout, ended.stderr) == (DONE, "Hello\n", "")
        assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"


def speaks(request, reply):
    """Whether the request is for the wire of this reply."""
    return request.path == (
        "/v1/responses" if b"output_text" in b"".join(reply.pieces()) else "/v1/chat/completions"
    )


def write_config(text):
    """A configuration file in the test's own folder; its path."""
    path = Path("own.toml")
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_json_prints_every_event_as_a_line(lab):
    lab()
    ended = run("stream", "--json", "hi")
    assert (ended.returncode, ended.stderr) == (DONE, "")
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    assert events[0]["event"] == "StreamStarted"
    assert "".join(event["text"] for event in events if event["event"] == "TokenReceived") == "Hello"
    assert events[-1]["event"] == "StreamCompleted"
    assert events[-1]["result"]["text"] == "Hello"


def test_json_tells_a_failure_as_an_event(lab):
    """And the exit code says it too; standard error stays out of it."""
    lab(error_reply(401))
    ended = run("stream", "--json", "hi")
    assert (ended.returncode, ended.stderr) == (FAILED, "")
    last = json.loads(ended.stdout.splitlines()[-1])
    assert (last["event"], last["error"]["error"]) == ("StreamFailed", "AuthenticationError")


def test_stats_are_one_line_on_standard_error(lab):
    """Standard output is the answer alone."""
    lab()
    ended = run("stream", "--stats", "hi")
    assert (ended.returncode, ended.stdout) == (DONE, "Hello\n")
    assert re.fullmatch(
        r"-- mylab:test-model: 2 tokens in \d+\.\d\d s \(\d+/s\), first after \d+ ms; stop reason stop; "
        r"usage 11 in, 2 out \(reported\) --\n",
        ended.stderr,
    )


def test_stats_of_an_answer_without_text_have_no_first_token(lab):
    lab(Reply(chat([])))
    ended = run("stream", "--stats", "hi")
    assert (ended.returncode, ended.stdout) == (DONE, "")
    assert "0 tokens" in ended.stderr
    assert "first after -;" in ended.stderr


@pytest.mark.parametrize("shown", [True, False])
def test_thinking_is_shown_on_standard_error_if_wanted(lab, shown):
    lab(Reply(chat(["yes"], reasoning=["hm", "m"])))
    ended = run("stream", "hi", *(["--thinking"] if shown else []))
    assert (ended.returncode, ended.stdout, ended.stderr) == (DONE, "yes\n", "hmm" if shown else "")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["stream", ""], "the prompt is empty"),
        (["stream"], "the prompt is empty"),
        (["stream", "--max-tokens", "0", "hi"], "max_tokens must be"),
        (["stream", "--model", "groq:m", "hi"], "set GROQ_API_KEY"),
        (["stream", "--model", "local:nothing.gguf", "hi"], "there is no model file"),
    ],
)
def test_what_cannot_work_is_said_in_one_line_and_exits_with_2(lab, arguments, named):
    provider = lab()
    ended = run(*arguments)
    assert named in failed(ended, MISUSED)
    assert ended.stdout == ""
    assert provider.requests == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "required: COMMAND"),
        (["straem"], "invalid choice: 'straem'"),
        (["stream", "--modle", "m", "hi"], "--modle"),
        (["stream", "--max-tokens", "many", "hi"], "invalid int value: 'many'"),
        (["models", "remove"], "invalid choice: 'remove'"),
    ],
)
def test_a_wrong_command_shows_the_usage_and_exits_with_2(arguments, named):
    ended = run(*arguments)
    assert ended.returncode == MISUSED
    assert ended.stderr.startswith("usage: api-models")
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", [["stream", "hi"], ["chat"], ["doctor"]])
@pytest.mark.parametrize(
    ("text", "named"), [("default_provider = ", "is not TOML"), ("[provider]", "did you mean 'providers'?")]
)
def test_a_bad_configuration_file_is_said_in_one_line(command, text, named, monkeypatch):
    monkeypatch.setenv("API_MODELS_CONFIG", write_config(text))
    assert named in failed(run(*command), MISUSED)


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        (error_reply(401), "scripted 401"),
        (error_reply(404, {"error": {"message": "no such model"}}), "no such model"),
        (Reply([b"<html>Sign in</html>"], content_type="text/html"), "error: "),
    ],
)
def test_what_went_wrong_is_said_in_one_line_and_exits_with_1(lab, reply, named):
    lab(reply)
    ended = run("stream", "hi")
    assert named in failed(ended)
    assert ended.stdout == ""


def test_what_had_arrived_is_printed_before_the_error(lab):
    """An answer that broke off is no success, and its text is not lost."""
    wire = b"".join(event.wire for event in chat(["Hel", "lo"])[:3])
    lab(Reply(chat(["Hel", "lo"]), cut_at=len(wire)))
    ended = run("stream", "hi")
    assert failed(ended)
    assert ended.stdout == "Hello\n"


def test_a_key_is_not_repeated_with_an_error(lab):
    lab(error_reply(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}))
    assert KEY not in failed(run("stream", "hi"))


@pytest.mark.parametrize(
    ("reply", "arguments"), [(error_reply(401), ["hi"]), (HELLO, [""])], ids=["provider", "configuration"]
)
def test_debug_shows_the_traceback(lab, reply, arguments):
    lab(reply)
    ended = run("stream", "--debug", *arguments)
    assert ended.returncode == FAILED
    assert "Traceback (most recent call last)" in ended.stderr
    assert "api_models.exceptions." in ended.stderr
    assert KEY not in ended.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_control_c_keeps_what_arrived_stops_the_wire_and_exits_with_130(lab, options):
    """Within two seconds, while the provider is silent."""
    provider = lab(STALLED)
    with begin("stream", "hi", *options) as process:
        seen = read_until(process.stdout, b'"text": "lo", "index": 1}\n' if options else b"Hello")
        assert provider.connections[0].stalled.wait(TIMEOUT)
        took, rest, errors = interrupt(process)
    assert process.returncode == INTERRUPTED
    assert took < STOP_LIMIT
    assert errors == b""
    assert provider.wait_for_close()
    assert len(provider.requests) == 1
    if options:
        last = json.loads(rest.splitlines()[-1])
        assert (last["event"], last["partial_text"]) == ("StreamCancelled", "Hello")
    else:
        assert seen + rest == b"Hello\n"


@pytest.mark.parametrize("how", [{"delay": float("inf")}, {"stall_after": 1}], ids=["headers", "body"])
def test_control_c_before_the_first_token_exits_too(lab, how):
    provider = lab(Reply(chat(["Hel", "lo"]), **how))
    with begin("stream", "hi") as process:
        assert provider.wait_for_requests(1)
        assert provider.connections[0].stalled.wait(TIMEOUT)
        took, output, errors = interrupt(process)
    assert (process.returncode, output, errors) == (INTERRUPTED, b"", b"")
    assert took < STOP_LIMIT
    assert provider.wait_for_close()


def test_control_c_between_two_attempts_exits_too(lab):
    """The command waits for the time that Retry-After asked for."""
    provider = lab(error_reply(503, retry_after="20"))
    with begin("stream", "hi", "--json") as process:
        read_until(process.stdout, b'"StreamRetrying"')
        took, _, errors = interrupt(process)
    assert (process.returncode, errors) == (INTERRUPTED, b"")
    assert took < STOP_LIMIT
    assert len(provider.requests) == 1


def test_control_c_while_the_prompt_is_typed_exits_with_130(lab):
    lab()
    with begin("stream", stdin=subprocess.PIPE) as process:
        wait_until_reading(process)
        took, output, errors = interrupt(process)
    assert (process.returncode, output, errors) == (INTERRUPTED, b"", b"")
    assert took < STOP_LIMIT


def wait_until_reading(process):
    """Until the command waits for its standard input; where the system does not tell, give it time."""
    folder = Path(f"/proc/{process.pid}")
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        try:
            waits_in, call = (folder / "wchan").read_text(), (folder / "syscall").read_text().split()
        except OSError:
            threading.Event().wait(1)
            return
        if "pipe" in waits_in or (call[0] in ("0", "63") and call[1] == "0x0"):  # read, of descriptor 0
            return
        threading.Event().wait(0.01)
    raise AssertionError("the command never read its standard input")


def wait_until_still(process):
    """Until the command's main thread waits for a lock, and goes on waiting."""
    call, still = Path(f"/proc/{process.pid}/syscall"), 0
    deadline = time.monotonic() + TIMEOUT
    while still < 5 and time.monotonic() < deadline:
        threading.Event().wait(0.01)
        try:
            waits = call.read_text().split()[0] in ("202", "98")  # futex, of x86-64 and of ARM
        except OSError:
            threading.Event().wait(1)
            return
        still = still + 1 if waits else 0
    assert still == 5, "the command never came to rest"


def test_a_reader_that_leaves_early_ends_the_command_quietly(lab):
    """As with `api-models stream ... | head -c 1`: no traceback, and nobody pays for the rest."""
    provider = lab(Reply(chat(["x"] * 2000), pace=0.005))
    with begin("stream", "hi") as process:
        assert read_until(process.stdout, b"x") == b"x"
        process.stdout.close()
        assert process.wait(TIMEOUT) == FAILED
        assert process.stderr.read() == b""
    assert provider.wait_for_close()
    assert provider.connections[0].bytes_sent < 100_000


@pytest.mark.parametrize("arguments", [["stream", "hi"], ["stream", "--json", "hi"], ["models"], ["doctor"]])
def test_a_reader_that_never_was_ends_the_command_quietly(lab, arguments):
    lab()
    reading, writing = os.pipe()
    os.close(reading)
    with begin(*arguments, stdout=writing) as process:
        os.close(writing)
        assert process.wait(TIMEOUT) == FAILED
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full disk to write to")
@pytest.mark.parametrize("arguments", [["stream", "hi"], ["doctor"]])
def test_a_full_disk_is_said_in_one_line(lab, arguments):
    lab()
    with Path("/dev/full").open("wb") as full, begin(*arguments, stdout=full) as process:
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == FAILED
    assert errors.decode() == "error: [Errno 28] No space left on device\n"


def test_chat_remembers_what_was_said(lab):
    """Each turn is sent with all that went before; the end of input leaves."""
    texts = iter([["I", "am", "one"], ["two"]])
    provider = lab(lambda request: Reply(chat(next(texts))))
    ended = run("chat", "--system", "Be brief.", stdin="first\n\nsecond\n")
    assert (ended.returncode, ended.stderr) == (DONE, "")
    assert ended.stdout == "> Iamone\n> > two\n> \n"
    assert [(m["role"], m["content"]) for m in provider.requests[1].json["messages"]] == [
        ("system", "Be brief."),
        ("user", "first"),
        ("assistant", "Iamone"),
        ("user", "second"),
    ]


def test_chat_leaves_at_the_end_of_input():
    """As Ctrl-D is on a terminal; nothing is asked of anybody."""
    ended = run("chat", stdin="")
    assert (ended.returncode, ended.stdout, ended.stderr) == (DONE, "> \n", "")


def test_chat_goes_on_after_a_failure_as_if_it_had_not_been_said(lab):
    """The question without an answer is taken back: two questions in a row would confuse the model."""
    provider = lab(HELLO, plan=[error_reply(400)])
    ended = run("chat", stdin="first\nsecond\n")
    assert ended.returncode == DONE
    assert ended.stdout == "> > Hello\n> \n"
    assert ended.stderr.startswith("error: ")
    assert [m["content"] for m in provider.requests[1].json["messages"]] == ["second"]


def test_control_c_in_a_chat_stops_the_answer_and_a_second_one_leaves(lab):
    """What had arrived is part of the conversation."""
    provider = lab(HELLO, plan=[STALLED])
    with begin("chat") as process:
        read_until(process.stdout, b"> ")
        process.stdin.write(b"first\n")
        process.stdin.flush()
        read_until(process.stdout, b"Hello")
        assert provider.connections[0].stalled.wait(TIMEOUT)
        wait_until_still(process)
        process.send_signal(signal.SIGINT)
        assert read_until(process.stdout, b"> ") == b"\n> "
        assert provider.wait_for_close(provider.connections[0])
        process.stdin.write(b"second\n")
        process.stdin.flush()
        assert read_until(process.stdout, b"> ") == b"Hello\n> "
        wait_until_reading(process)
        took, output, errors = interrupt(process)
    assert (process.returncode, output) == (DONE, b"\n")
    assert errors == b"-- stopped; Ctrl-C again leaves --\n"
    assert took < STOP_LIMIT
    assert [m["content"] for m in provider.requests[1].json["messages"]] == ["first", "Hello", "second"]


def test_a_chat_that_cannot_work_ends_at_the_first_turn():
    assert "set GROQ_API_KEY" in failed(run("chat", "--model", "groq:m", stdin="hi\n"), MISUSED)


def test_compare_shows_the_answers_side_by_side_and_their_figures(lab):
    provider = lab(plan=[HELLO], reply=Reply(chat(["Hel", "p"])))
    ended = run("compare", "m1", "m2", "Say", "hello", env={**os.environ, "COLUMNS": "60"})
    assert (ended.returncode, ended.stderr) == (DONE, "")
    names, line, texts, _, headings, first, second = ended.stdout.splitlines()
    assert [each.strip() for each in names.split("|")] == ["m1", "m2"]
    assert sorted(each.strip() for each in texts.split("|")) == ["Hello", "Help"]
    assert headings.startswith("track  state      first token")
    assert (first.split()[:2], second.split()[:2]) == (["m1", "completed"], ["m2", "completed"])
    assert sorted(request.json["model"] for request in provider.requests) == ["m1", "m2"]
    assert all("Say hello" in str(request.json["messages"]) for request in provider.requests)


def test_the_prompt_may_stand_behind_the_options(lab):
    provider = lab()
    ended = run("compare", "m1", "m2", "--mode", "race", "Say", "it.")
    assert (ended.returncode, ended.stdout) == (DONE, "Hello\n")
    assert provider.requests[0].json["messages"][-1]["content"] == "Say it."
    wrong = run("compare", "m1", "m2", "--mode", "race", "Say", "--it")
    assert (wrong.returncode, wrong.stdout) == (MISUSED, "")
    assert "unrecognized arguments: Say --it" in wrong.stderr


def test_compare_takes_more_than_two_and_prints_json(lab):
    lab()
    ended = run("compare", "m1", "m2", "hi", "--and", "m3", "--json")
    tracks = json.loads(ended.stdout)["tracks"]
    assert [(track["name"], track["text"]) for track in tracks] == [(f"m{n}", "Hello") for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("mode", "lines"),
    [
        ("race", ["Hello"]),
        ("prefer", ["Hello"]),
        ("consensus", ["Hello"]),
        ("merge", ["m1: Hello", "m2: Hello"]),
    ],
)
def test_compare_prints_one_answer_in_the_other_modes_and_the_figures_beside_it(lab, mode, lines):
    """Where a draft was shown before, it stays above."""
    lab()
    ended = run("compare", "m1", "m2", "hi", "--mode", mode)
    shown = sorted(ended.stdout.splitlines())
    assert shown[-len(lines) :] == lines
    assert shown[: -len(lines)] in ([], ["Hello"] if mode == "prefer" else [])
    assert (ended.returncode, "\ntrack  state" in "\n" + ended.stderr) == (DONE, True)


def test_compare_fails_when_all_have_failed(lab):
    lab(error_reply(401))
    ended = run("compare", "m1", "m2", "hi")
    assert ended.returncode == FAILED
    assert ended.stdout.count("AuthenticationError") == 2
    assert KEY not in ended.stdout + ended.stderr


def test_control_c_stops_a_comparison_on_the_wire(lab):
    provider = lab(STALLED)
    process = begin("compare", "m1", "m2", "hi")
    assert provider.wait_for_requests(2, TIMEOUT)
    interrupt(process)
    assert process.wait(TIMEOUT) == INTERRUPTED
    assert all(provider.wait_for_close(connection) is not None for connection in provider.connections)


def test_models_lists_the_local_model_and_the_providers():
    ended = run("models")
    assert (ended.returncode, ended.stderr) == (DONE, "")
    assert re.search(r"local:SmolLM2-135M-Instruct +\d+ MB +/.*\.gguf", ended.stdout)
    assert re.search(r"openai +gpt-\S+ +https://api.openai.com/v1", ended.stdout)
    assert re.search(r"ollama +- +http://localhost:11434", ended.stdout)
    assert run("models", "list").stdout == ended.stdout


def test_models_install_is_content_with_what_is_there():
    """It names the file, and fetches nothing."""
    ended = run("models", "install")
    assert (ended.returncode, ended.stderr) == (DONE, "")
    ready = re.search(r"the local model is ready: (.*)\n", ended.stdout)
    assert ready
    assert Path(ready[1]).stat().st_size > 90_000_000


def test_doctor_says_where_a_key_comes_from_and_never_the_key(lab, monkeypatch):
    lab()
    with Path(os.environ["API_MODELS_CONFIG"]).open("a", encoding="utf-8") as file:
        file.write(f'[providers.xai]\napi_key = "{KEY}"\n')
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("API_MODELS_GROQ_API_KEY", KEY)
    ended = run("doctor")
    assert (ended.returncode, ended.stderr) == (DONE, "")
    assert re.search(r"openai +set, from OPENAI_API_KEY\n", ended.stdout)
    assert re.search(r"groq +set, from API_MODELS_GROQ_API_KEY\n", ended.stdout)
    assert re.search(r"xai +set, from configuration file\n", ended.stdout)
    assert re.search(r"anthropic +not set \(ANTHROPIC_API_KEY\)\n", ended.stdout)
    assert "default provider: mylab" in ended.stdout
    assert re.search(r"local model: ready, /.*\.gguf", ended.stdout)
    assert KEY not in ended.stdout
    assert KEY[3:] not in ended.stdout


def test_the_help_names_every_command():
    ended = run("--help")
    assert ended.returncode == DONE
    assert re.findall(r"^    (\w+)", ended.stdout, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(command):
    ended = run(command, "--help")
    assert (ended.returncode, ended.stderr) == (DONE, "")
    assert ended.stdout.startswith(f"usage: api-models {command}")
    assert "--debug" in ended.stdout


def test_the_version_is_that_of_the_package():
    assert run("--version").stdout == f"api-models {api_models.__version__}\n"


def test_the_installed_command_is_the_same():
    """`api-models` beside the interpreter, as pip puts it there."""
    command = Path(sys.executable).with_name("api-models")
    ended = subprocess.run(
        [command, "--version"], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert (ended.returncode, ended.stdout) == (DONE, f"api-models {api_models.__version__}\n")


def test_without_any_key_the_local_model_answers():
    ended = run("stream", "--max-tokens", "8", "--stats", "Say hello.")
    assert ended.returncode == DONE
    assert ended.stdout.strip()
    assert "-- local:" in ended.stderr
