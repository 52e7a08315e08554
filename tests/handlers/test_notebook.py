"""A stream in a notebook, in a real kernel: the output is replaced as it grows, and buttons control it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

jupyter = pytest.importorskip(
    "jupyter_client.manager", reason="ipykernel is not installed: notebooks are not tested"
)
pytest.importorskip("ipykernel", reason="ipykernel is not installed: notebooks are not tested")

TIMEOUT = 30.0
ROOT = Path(__file__).parents[2]
BEGIN = """
import sys, warnings; sys.path[:0] = [{root!r}, {tests!r}]
from fakes import ScriptedSource
from api_models.model_manager import ModelStream
def begin(*tokens, **config):
    global source
    source, stream = ScriptedSource(*tokens), ModelStream(config)
    stream.start_stream(source, {{"provider": "lab", "model": "m"}})
    return stream
"""


class Notebook:
    """A kernel, and what the browser would have heard of it."""

    def __init__(self):
        environment = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        self.manager, self.client = jupyter.start_new_kernel(
            kernel_name="python3", startup_timeout=TIMEOUT, env=environment
        )
        self.heard, self.at = [], 0  # what was heard, and how much of it was looked at

    def forget(self):
        self.heard, self.at = [], 0

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code):
        """Run a cell to its end; what it printed."""
        before, name = len(self.heard), self.client.execute(code)
        while not (self.hear()["msg_type"] == "status" and ended(self.heard[-1], name)):
            pass
        failed = [m["content"]["traceback"] for m in self.heard[before:] if m["msg_type"] == "error"]
        assert not failed, failed
        return "".join(m["content"]["text"] for m in self.heard[before:] if m["msg_type"] == "stream")

    def hear(self):
        self.heard.append(self.client.get_iopub_msg(timeout=TIMEOUT))
        return self.heard[-1]

    def wait_for(self, condition):
        """The next message, behind those that were waited for before, of which this holds."""
        while True:
            if self.at == len(self.heard):
                self.hear()
            self.at += 1
            if condition(self.heard[self.at - 1]):
                return self.heard[self.at - 1]

    def wait_for_output(self, *parts):
        """The output that holds all of this; every one replaces the first."""

        def shows(message):
            said = message["content"].get("data", {}).get("text/plain", "")
            return message["msg_type"] in ("display_data", "update_display_data") and all(
                p in said for p in parts
            )

        return self.wait_for(shows)

    def click(self, label):
        """Click the newest button with this label, as the browser tells the kernel of it."""
        opened = [m["content"] for m in self.heard if m["msg_type"] == "comm_open"]
        names = [c["comm_id"] for c in opened if c["data"]["state"].get("description") == label]
        content = {"comm_id": names[-1], "data": {"method": "custom", "content": {"event": "click"}}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))


def ended(status, name):
    return status["content"]["execution_state"] == "idle" and status["parent_header"].get("msg_id") == name


@pytest.fixture(scope="module")
def notebook():
    opened = Notebook()
    opened.run(BEGIN.format(root=str(ROOT), tests=str(ROOT / "tests")))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def nothing_heard(notebook):
    notebook.forget()


def test_the_output_of_a_running_stream_is_replaced_as_it_grows(notebook):
    """The cell ends at once; what comes later replaces what stands there, to the end."""
    notebook.run("stream = begin('# Bees\\n'); stream")
    first = notebook.wait_for_output("waiting")
    notebook.wait_for_output("streaming · lab:m · 1 tokens", "# Bees")
    notebook.run("source.push('fly')")
    grown = notebook.wait_for_output("# Bees\nfly")
    notebook.run("source.end(); stream.result()")
    last = notebook.wait_for_output("complete · lab:m · 2 tokens", "# Bees\nfly")
    names = {m["content"]["transient"]["display_id"] for m in (first, grown, last)}
    assert len(names) == 1
    assert last["content"]["data"]["text/markdown"].endswith("\n\n# Bees\nfly")


def test_a_stream_that_has_ended_is_shown_at_once(notebook):
    notebook.run("stream = begin('all of it'); source.end(); stream.wait(); display(stream)")
    shown = [m for m in notebook.heard if m["msg_type"] == "update_display_data"]
    assert "all of it" in shown[-1]["content"]["data"]["text/plain"]


def test_buttons_pause_resume_and_stop(notebook):
    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: buttons are not tested")
    notebook.run("stream = begin('some'); display(stream)")
    notebook.wait_for_output("streaming", "some")
    notebook.click("Pause")
    notebook.wait_for_output("paused", "some")
    notebook.wait_for(lambda m: m["content"].get("data", {}).get("state", {}).get("description") == "Resume")
    notebook.run("source.push(' more')")
    notebook.click("Pause")
    notebook.wait_for_output("streaming", "some more")
    notebook.click("Stop")
    notebook.wait_for_output("stopped", "some more")
    notebook.wait_for(lambda m: m["content"].get("data", {}).get("state", {}).get("display") == "none")
    assert notebook.run("print(stream.state, source.wait_until_closed())") == "cancelled None\n"


def test_what_went_wrong_stands_above_the_text_with_what_to_do(notebook):
    """Where an unfinished block of code cannot swallow it."""
    notebook.run("stream = begin('```\\ncode'); display(stream); source.fail(OSError('`cut`'))")
    shown = notebook.wait_for_output("failed", "code")["content"]["data"]["text/markdown"]
    assert shown.index("error: ") < shown.index("```")
    assert "OSError(''cut'')" in shown


def test_an_answer_that_begins_again_is_begun_anew_in_place(notebook):
    notebook.run("from api_models import ResetNotice, StreamChunk\nstream = begin('old'); display(stream)")
    notebook.wait_for_output("old")
    notebook.run("source.push(ResetNotice('broke'), StreamChunk(thinking='hm\\nm'), 'new').end()")
    shown = notebook.wait_for_output("complete", "new")["content"]["data"]
    assert "old" not in shown["text/plain"]
    assert "> hm\n> m\n\nnew" in shown["text/markdown"]


def test_several_models_at_once_are_shown_like_one(notebook):
    notebook.run(
        "from api_models import APIModelManager\n"
        "manager = APIModelManager()\n"
        "manager.register_provider('lab', lambda entry: type('Lab', (), {'generate_stream': lambda *_: ['of one']})())\n"
        "manager.generate_tracks('hi', ['lab:a', 'lab:b'])"
    )
    notebook.wait_for_output("complete", "of one")
    notebook.run("manager.close()")


def test_no_thread_is_left(notebook):
    notebook.run("stream = begin('a'); display(stream)\nsource.end()")
    notebook.wait_for_output("complete")
    notebook.run(
        "import threading\nfor t in threading.enumerate():\n    if t.name.startswith('api-models'): t.join(10)\n"
    )
    assert (
        notebook.run("print([t.name for t in threading.enumerate() if t.name.startswith('api-models')])")
        == "[]\n"
    )


def test_without_buttons_the_text_is_shown_all_the_same(notebook):
    notebook.run(
        "import api_models.handlers.notebook_view as view; kept, view.ipywidgets = view.ipywidgets, None"
    )
    notebook.forget()
    notebook.run("stream = begin('plain'); display(stream); source.end()")
    notebook.wait_for_output("complete", "plain")
    assert not [m for m in notebook.heard if m["msg_type"].startswith("comm")]
    notebook.run("view.ipywidgets = kept")


def test_ipython_on_a_terminal_falls_back_to_the_repr(capsys):
    """There no output can be replaced."""
    shells = pytest.importorskip("IPython.core.interactiveshell")
    from api_models.model_manager import ModelStream

    shell = shells.InteractiveShell.instance()
    try:
        shell.push({"stream": ModelStream()})
        shell.run_cell("stream", store_history=False)
        assert "ModelStream at" in capsys.readouterr().out
    finally:
        shells.InteractiveShell.clear_instance()
