"""The command `api-models`: stream, chat, compare, extract, gui, models, doctor.

Exit codes: 0 done, 1 failed, 2 the command or the configuration is wrong, 130 stopped by Ctrl-C or a key.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any

from . import __version__
from .clients.local_model import install_model, list_models
from .clients.presets import PRESETS
from .dual_track.agreement import most_alike
from .dual_track.consensus import consensus
from .dual_track.merge import merge
from .dual_track.mode import Mode
from .dual_track.side_by_side import side_by_side
from .exceptions import APIModelError, ConfigurationError
from .handlers.json_lines import JSONLinesHandler
from .handlers.rich_handler import can_draw
from .model_manager import APIModelManager
from .settings import Settings
from .streaming.exceptions import HandlerError, StreamCancelledError
from .streaming.stream_events import StreamResult
from .streaming.stream_handler import StreamHandler
from .streaming.stream_state import StreamState
from .terminal.chat import Chat
from .terminal.columns import growing
from .terminal.doctor import findings
from .terminal.showing import keys_of, shown, stop

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130

_MODES: dict[str, Mode | str] = {
    "race": "race",
    "prefer": "prefer",
    "merge": merge("sentence"),
    "consensus": consensus(most_alike),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parsed(arguments)
    if not options.debug:
        logging.getLogger("api_models").setLevel(logging.CRITICAL)  # errors are told in one line
    _take_any_text()
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return FAILED
    except (APIModelError, OSError) as error:
        if options.debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        if isinstance(error, OSError):
            _forget_output()  # a full disk, most likely
        return MISUSED if isinstance(error, ConfigurationError) else FAILED
    return code


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; words of the prompt may stand behind them, too, where argparse expects none any more."""
    parser = _parser()
    options, words = parser.parse_known_args(arguments)
    if words and ("prompt" not in options or any(word.startswith("-") for word in words if word != "-")):
        parser.error(f"unrecognized arguments: {' '.join(words)}")
    if words:
        options.prompt = [*options.prompt, *words]
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="api-models",
        description="Stream answers of language models; without a key the local model answers.",
    )
    parser.add_argument("--version", action="version", version=f"api-models {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    stream = _command(commands, "stream", "stream the answer to one prompt", _stream)
    stream.add_argument("prompt", nargs="*", help="the prompt; a lone - (or none) reads standard input")
    stream.add_argument("--json", action="store_true", help="print every event as a line of JSON")
    stream.add_argument("--stats", action="store_true", help="print times and counts at the end")
    chat = _command(commands, "chat", "talk; Ctrl-C stops an answer, twice leaves, as does Ctrl-D", _chat)
    for command in (stream, chat):
        command.add_argument("--model", metavar="M", help="provider:model, a provider, or a model")
        command.add_argument("--thinking", action="store_true", help="show the thinking, on standard error")
        command.add_argument(
            "--plain", action="store_true", help="no Markdown, no keys: the text as it comes"
        )
    compare = _add_compare(commands)
    extract = _add_extract(commands)
    gui = _command(commands, "gui", "open a window: ask one model, or two side by side", _gui)
    gui.add_argument(
        "--model", action="append", default=[], metavar="M", help="as above; twice for two side by side"
    )
    gui.add_argument("--theme", choices=["system", "light", "dark"], default="system")
    for command in (stream, chat, compare, extract, gui):
        command.add_argument("--system", metavar="S", help="the system prompt")
        command.add_argument("--max-tokens", type=int, metavar="N", help="longest answer, in tokens")
        command.add_argument("--temperature", type=float, metavar="T")
    models = _command(commands, "models", "list the models at hand, or install the local one", _models)
    models.add_argument("action", nargs="?", choices=["list", "install"], default="list")
    _command(commands, "doctor", "say what is installed, and which keys are set", _doctor)
    return parser


def _add_compare(commands: Any) -> argparse.ArgumentParser:
    compare = _command(commands, "compare", "ask several models at once, side by side", _compare)
    compare.add_argument("models", nargs=2, metavar="MODEL", help="provider:model, a provider, or a model")
    compare.add_argument("prompt", nargs="*", help="the prompt; a lone - (or none) reads standard input")
    compare.add_argument("--and", dest="more", action="append", default=[], metavar="M", help="one more")
    compare.add_argument("--mode", choices=["compare", *_MODES], default="compare")
    compare.add_argument("--json", action="store_true", help="print the comparison as JSON, and nothing else")
    compare.add_argument("--thinking", action="store_true", help="show the thinking, on standard error")
    compare.add_argument("--plain", dest="grows", action="store_false", help="draw nothing before the end")
    compare.set_defaults(plain=True)
    return compare


def _add_extract(commands: Any) -> argparse.ArgumentParser:
    extract = _command(commands, "extract", "make an object of a text, and watch it grow", _extract)
    extract.add_argument(
        "prompt", metavar="text", nargs="*", help="the text; a lone - (or none) reads standard input"
    )
    extract.add_argument(
        "--schema",
        required=True,
        metavar="S",
        help="what is wanted: FILE.json, a JSON schema, or module:Type",
    )
    extract.add_argument("--model", metavar="M", help="provider:model, a provider, or a model")
    extract.add_argument("--json-lines", action="store_true", help="a line of JSON each time it has grown")
    extract.add_argument("--plain", action="store_true", help="on a terminal, the JSON as it comes")
    extract.add_argument(
        "--max-repairs", type=int, default=1, metavar="N", help="how often to ask again if it is not valid"
    )
    return extract


def _command(
    commands: Any, name: str, summary: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(run=run)
    return parser


def _params(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "system": options.system,
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
    }


def _stream(options: argparse.Namespace) -> int:
    with APIModelManager() as manager:
        answer = _answer(manager, _prompt(options), options, _handler(options))
    if answer is None:
        return FAILED
    if options.stats:
        _print_stats(answer)
    return DONE


def _prompt(options: argparse.Namespace) -> str:
    return " ".join(sys.stdin.read() if word == "-" else word for word in options.prompt or ["-"])


def _handler(options: argparse.Namespace) -> StreamHandler:
    if getattr(options, "json", False):
        return JSONLinesHandler(sys.stdout)
    return shown(options.plain, options.thinking, options.max_tokens)


def _answer(
    manager: APIModelManager, prompt: Any, options: argparse.Namespace, handler: StreamHandler
) -> StreamResult | None:
    """The whole answer; None if it failed, of which the handler has told. Ctrl-C stops it."""
    stream = manager.generate_stream_with_handlers(
        prompt, options.model, _params(options), [handler], {"handler_errors": "stop"}
    )
    try:
        with keys_of(handler, stream):
            return stream.result()
    except KeyboardInterrupt:
        stop(handler, stream)
        raise
    except StreamCancelledError:
        raise KeyboardInterrupt from None  # by a key, which means the same
    except HandlerError as error:
        raise error.__cause__ or error from None  # standard output is gone: main() knows what to do
    except APIModelError:
        if options.debug:
            raise
        return None


def _print_stats(answer: StreamResult) -> None:
    stats, usage = answer.stats, answer.usage
    first = stats["time_to_first_token"]
    print(
        f"-- {answer.provider}:{answer.model}: {stats['tokens_received']} tokens in "
        f"{stats['elapsed_time']:.2f} s ({stats['tokens_per_second']:.0f}/s), first after "
        f"{'-' if first is None else f'{first * 1000:.0f} ms'}; stop reason {answer.stop_reason}; "
        f"usage {usage.input_tokens} in, {usage.output_tokens} out ({usage.source}) --",
        file=sys.stderr,
    )


def _compare(options: argparse.Namespace) -> int:
    """Ask several models; what was said is told as the mode wants it, and the figures at last."""
    shows_answer = options.mode != "compare" and not options.json
    handlers = [_TrackConsole() if options.mode == "merge" else _handler(options)] if shows_answer else []
    mode = _MODES.get(options.mode, options.mode)
    models = [*options.models, *options.more]
    with APIModelManager() as manager:
        tracks = manager.generate_tracks(
            _prompt(options), models, mode, _params(options), handlers, {"handler_errors": "stop"}
        )
        is_drawn = options.grows and not shows_answer and not options.json
        with tracks, growing(tracks) if is_drawn else contextlib.nullcontext():
            tracks.wait()
        comparison = tracks.compare()
    if options.json:
        print(comparison.to_json())
    else:
        if not shows_answer:
            texts = {track.name: track.text for track in comparison.tracks}
            print(side_by_side(texts, shutil.get_terminal_size().columns), end="\n\n")
        print(comparison, file=sys.stderr if shows_answer else sys.stdout)
    return DONE if tracks.state == StreamState.COMPLETED else FAILED


def _extract(options: argparse.Namespace) -> int:
    """Make an object of a text; lines of JSON where nobody looks."""
    from .terminal import extract  # noqa: PLC0415  # loads pydantic, which the others do without

    wanted = extract.wanted_by(options.schema)
    params = {**_params(options), "system": options.system or extract.INSTRUCTION}
    is_drawn = can_draw(sys.stdout) and not options.json_lines
    handler = extract.shown_object(options.plain) if is_drawn else None
    with APIModelManager() as manager:
        stream = manager.generate_structured(
            _prompt(options),
            wanted,
            options.model,
            params,
            [handler] if handler else [],
            {"handler_errors": "stop"},
            max_repairs=options.max_repairs,
        )
        return DONE if extract.follow(stream, handler, sys.stdout) else FAILED


class _TrackConsole(StreamHandler):
    """A line for each sentence, with who said it."""

    def on_token_received(self, token: str, index: int) -> None:
        if said := token.strip():
            print(f"{getattr(token, 'track', '')}: {said}", flush=True)


def _chat(options: argparse.Namespace) -> int:
    with APIModelManager() as manager:
        Chat(manager, _handler(options), options.model, _params(options)).run()
    return DONE


def _gui(options: argparse.Namespace) -> int:
    from .desktop.tk_program import run  # noqa: PLC0415  # tkinter is not for those who open no window

    run(
        options.model,
        {name: value for name, value in _params(options).items() if value is not None},
        options.theme,
    )
    return DONE


def _models(options: argparse.Namespace) -> int:
    if options.action == "install":
        path = install_model(lambda line: print(line, flush=True))
        print(f"the local model is ready: {path}")
        return DONE
    ready = list_models()
    print("local models:")
    for model in ready:
        print(f"  local:{model.name}  {model.size / 1e6:.0f} MB  {model.path}")
    if not ready:
        print("  none; `api-models models install` fetches one (93 MB)")
    print("providers (the model asked for when none is named):")
    for name, preset in PRESETS.items():
        print(f"  {name:<12} {preset.model or '-':<24} {preset.base_url or 'in this process'}")
    return DONE


def _doctor(options: argparse.Namespace) -> int:
    print(f"api-models {__version__}, Python {platform.python_version()}, {platform.platform()}")
    print("\n".join(findings(Settings())))
    return DONE


def _take_any_text() -> None:
    """Bytes that are no text, in a diff for example, and characters a terminal lacks end no command."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _forget_output() -> None:
    """Standard output is gone: keep Python from complaining when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
