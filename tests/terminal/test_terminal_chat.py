"""`api-models chat` on a real terminal: lines typed, answers stopped, commands obeyed."""

from __future__ import annotations

import json
import sys

import pytest

pytest.importorskip("pty", reason="this system has no pseudo-terminals")
pytest.importorskip("pyte", reason="pyte is not installed: no screen to look at, terminal programs untested")
pytest.importorskip("rich", reason="rich is not installed: nothing is drawn")

from pseudo_terminal import TIMEOUT, PseudoTerminal, program

from api_models.testing import Provider, Reply, chat, error_reply

DONE, INTERRUPTED = 0, 130
STALLED = Reply(chat(["some ", "text"]), stall_after=3)


def answer(text):
    return Reply(chat(list(text)))


class Chat(PseudoTerminal):
    """A chat with a provider that gives these replies one after another."""

    def __init__(self, monkeypatch, tmp_path, *plan, **options):
        self.provider = Provider(answer("the end"), plan=plan)
        path = tmp_path / "api_models.toml"
        path.write_text(
            'default_provider = "mylab"\n[providers.mylab]\nkind = "openai_compatible"\n'
            f'base_url = "{self.provider.url}/v1"\nmodel = "m1"\napi_key = "k"\n'
        )
        monkeypatch.setenv("API_MODELS_CONFIG", str(path))
        super().__init__(program("chat"), **options)
        self.wait_for_prompt()

    def __exit__(self, *exc_info):
        super().__exit__()
        self.provider.close()

    def wait_for_prompt(self):
        """Until the last line is an empty prompt, and keys go to the line editor."""
        self.wait_for(lambda text: text.rstrip().endswith("\n>") or text == ">")
        self.wait_for_modes(canonical=False)

    def say(self, line):
        self.type(f"{line}\r")

    def ask(self, line):
        """Say it, and wait for the prompt behind the answer; what came between."""
        self.say(line)
        text = self.wait_for(lambda text: text.endswith("\n>") and f"> {line}\n" in text)
        self.wait_for_prompt()
        return text.rpartition(f"> {line}\n")[2].removesuffix("\n>").strip()

    def asked(self, number):
        return [message["content"] for message in self.provider.requests[number].json["messages"]]


@pytest.fixture
def talk(monkeypatch, tmp_path):
    opened = []

    def begin(*plan, **options):
        opened.append(Chat(monkeypatch, tmp_path, *plan, **options))
        return opened[-1]

    yield begin
    for each in opened:
        each.__exit__()


def test_each_turn_is_sent_with_what_went_before(talk):
    terminal = talk(answer("one"), answer("two"))
    assert terminal.ask("first").startswith("one\n")
    assert terminal.ask("second").startswith("two\n")
    assert terminal.asked(1) == ["first", "one", "second"]
    terminal.type("\x04")
    assert terminal.wait() == DONE
    assert terminal.modes == terminal.modes_before


def test_a_line_is_edited_and_found_again(talk):
    """The arrow up brings back what was typed before; the arrow left moves inside it."""
    terminal = talk(answer("one"), answer("two"))
    terminal.ask("first")
    terminal.type("\x1b[A")
    terminal.wait_for(lambda text: text.endswith("\n> first"))
    terminal.say("\x1b[Dr")
    terminal.wait_for(lambda text: "> firsrt\ntwo\n" in text and text.endswith("\n>"))
    assert terminal.asked(1) == ["first", "one", "firsrt"]


def test_control_c_stops_the_answer_and_keeps_it(talk):
    terminal = talk(STALLED, answer("two"))
    terminal.say("first")
    terminal.wait_for(lambda text: "some text" in text and "q stop" in text)
    terminal.type("\x03")
    terminal.wait_for(lambda text: "-- stopped; Ctrl-C again leaves --\n>" in text)
    assert terminal.provider.wait_for_close(terminal.provider.connections[0])
    terminal.wait_for_prompt()
    assert terminal.ask("second").startswith("two")
    assert terminal.asked(1) == ["first", "some text", "second"]


def test_control_c_twice_leaves(talk):
    terminal = talk(STALLED)
    terminal.say("first")
    terminal.wait_for(lambda text: "some text" in text and "q stop" in text)
    terminal.type("\x03")
    terminal.wait_for(lambda text: "Ctrl-C again leaves --\n>" in text)
    terminal.wait_for_prompt()
    terminal.type("\x03")
    assert terminal.wait() in (DONE, INTERRUPTED)
    assert terminal.modes == terminal.modes_before


def test_control_c_at_a_half_typed_line_clears_it(talk):
    terminal = talk(answer("one"))
    terminal.type("not this")
    terminal.wait_for(lambda text: text.endswith("> not this"))
    terminal.type("\x03")
    terminal.wait_for(lambda text: text.endswith("\n>"))
    terminal.wait_for_prompt()
    assert terminal.ask("but this").startswith("one")
    assert terminal.asked(0) == ["but this"]


def test_control_c_while_a_stream_is_being_started_stops_the_turn_and_not_the_chat():
    """It comes when there is nothing yet that could be stopped; what is started then is stopped."""
    with PseudoTerminal([sys.executable, "-c", INTERRUPTED_AT_ONCE]) as terminal:
        terminal.wait_for(lambda text: text == ">")
        terminal.wait_for_modes(canonical=False)
        terminal.type("hi\r")
        terminal.wait_for(lambda text: "-- stopped; Ctrl-C again leaves --\n>" in text)
        terminal.wait_for_modes(canonical=False)
        terminal.type("hi\r")
        terminal.wait_for(lambda text: text.endswith("the answer\n>"))
        assert terminal.text.count("the answer") == 1
        terminal.type("\x04")
        assert terminal.wait() == DONE


INTERRUPTED_AT_ONCE = """
import os, signal, threading
from api_models import APIModelManager, ConsoleHandler
from api_models.terminal.chat import Chat
class Client:
    asked = 0
    def generate_stream(self, prompt, params):
        Client.asked += 1
        if Client.asked == 1:
            threading.Event().wait(0.2)
        yield "the answer"
def factory(entry):
    os.kill(os.getpid(), signal.SIGINT)
    return Client()
manager = APIModelManager()
manager.register_provider("lab", factory)
Chat(manager, ConsoleHandler(), "lab", {}).run()
"""


def test_keys_pause_resume_and_stop_an_answer(talk):
    terminal = talk(STALLED, answer("two"))
    terminal.say("first")
    terminal.wait_for(lambda text: "some text" in text and "p pause" in text)
    terminal.type("p")
    terminal.wait_for(lambda text: "p resume" in text)
    terminal.type("p")
    terminal.wait_for(lambda text: "p pause" in text)
    terminal.type("q")
    terminal.wait_for(lambda text: "\nstopped · 2 tokens" in text and text.endswith("\n>"))
    terminal.wait_for_prompt()
    terminal.ask("second")
    assert terminal.asked(1) == ["first", "some text", "second"]


def test_retry_asks_again_without_the_first_answer(talk):
    terminal = talk(answer("one"), answer("two"), answer("better"), answer("three"))
    terminal.ask("first")
    terminal.ask("second")
    assert terminal.ask("/retry").startswith("better")
    assert terminal.asked(2) == ["first", "one", "second"]
    terminal.ask("third")
    assert terminal.asked(3) == ["first", "one", "second", "better", "third"]


def test_retry_asks_again_what_failed(talk):
    terminal = talk(error_reply(400), answer("one"))
    assert "next: check the model's name" in terminal.ask("first")
    assert terminal.ask("/retry").startswith("one")
    assert terminal.asked(1) == ["first"]


def test_retry_has_to_have_something_to_ask(talk):
    assert talk().ask("/retry") == "-- nothing was asked yet --"


def test_model_asks_another_one_from_now_on(talk):
    """One that cannot be asked is told, and the chat goes on with the one before."""
    terminal = talk()
    assert terminal.ask("/model") == "-- asking the default model --"
    assert terminal.ask("/model mylab:m2") == "-- asking mylab:m2 --"
    assert "mylab:m2" in terminal.ask("first")
    terminal.ask("/model groq:m")
    told = terminal.ask("second")
    assert "GROQ_API_KEY" in told
    assert "still asking mylab:m2" in told
    terminal.ask("third")
    assert [request.json["model"] for request in terminal.provider.requests] == ["m2", "m2"]


@pytest.mark.parametrize("name", ["talk.md", "talk.json"])
def test_save_keeps_the_conversation(talk, tmp_path, name):
    """As something to read, or as messages to go on with; again and again into the same file."""
    terminal = talk(answer("one"), answer("two"))
    terminal.ask("first")
    assert terminal.ask(f"/save {tmp_path / name}") == f"-- saved to {tmp_path / name} --"
    terminal.ask("second")
    assert "saved" in terminal.ask(f"/save  {tmp_path / name}")
    saved = (tmp_path / name).read_text()
    if name.endswith(".md"):
        assert saved == "## You\n\nfirst\n\n## Model\n\none\n\n## You\n\nsecond\n\n## Model\n\ntwo\n\n"
    else:
        assert [message["content"] for message in json.loads(saved)] == ["first", "one", "second", "two"]


def test_save_writes_over_no_other_file(talk, tmp_path):
    (tmp_path / "mine.md").write_text("precious")
    terminal = talk(size=(200, 30))
    assert "mine.md exists; choose another name" in terminal.ask(f"/save {tmp_path / 'mine.md'}")
    assert "No such file" in terminal.ask(f"/save {tmp_path / 'nowhere' / 'mine.md'}")
    assert (tmp_path / "mine.md").read_text() == "precious"


def test_help_tells_every_command_and_quit_leaves(talk):
    terminal = talk()
    told = terminal.ask("/help")
    assert all(f"/{name}" in told for name in ("model", "retry", "save", "help", "quit"))
    assert "there is no /hepl; /help tells" in terminal.ask("/hepl")
    terminal.say("/quit")
    assert terminal.wait() == DONE


def test_a_path_is_no_command(talk):
    terminal = talk(answer("one"))
    terminal.ask("/etc/hosts: what is it?")
    assert terminal.asked(0) == ["/etc/hosts: what is it?"]


def test_a_second_control_c_leaves_although_the_first_is_not_yet_obeyed():
    """A source that cannot be woken keeps the chat waiting; nobody has to wait with it."""
    with PseudoTerminal([sys.executable, "-c", DEAF]) as terminal:
        terminal.wait_for(lambda text: text == ">")
        terminal.wait_for_modes(canonical=False)
        terminal.type("hi\r")
        terminal.wait_for(lambda text: "and nothing more" in text)
        terminal.type("\x03")
        terminal.wait_for(lambda text: "not listening" in text)
        terminal.type("\x03")
        terminal.wait_for(lambda text: "left" in text)
        assert terminal.process.wait(TIMEOUT) == 0


DEAF = """
import sys, threading
from api_models import APIModelManager, ConsoleHandler
from api_models.terminal import showing
showing.STOPPING_PATIENCE = 60.0  # longer than this test waits
from api_models.terminal.chat import Chat
class Client:
    def generate_stream(self, prompt, params):
        return self
    def __iter__(self):
        return self.texts()
    aborted = threading.Event()
    def texts(self):
        yield "some text"
        print("and nothing more", flush=True)
        self.aborted.wait()
        while "wait" not in sys._current_frames()[threading.main_thread().ident].f_code.co_name:
            threading.Event().wait(0.01)
        print("not listening", flush=True)
        threading.Event().wait()
    def abort(self):
        self.aborted.set()
manager = APIModelManager()
manager.register_provider("deaf", lambda entry: Client())
try:
    Chat(manager, ConsoleHandler(), "deaf", {}).run()
except KeyboardInterrupt:
    print("left", flush=True)
"""
