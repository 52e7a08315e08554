"""The pictures of docs/terminal.md: the real programs on a pseudo-terminal, drawn by rich as SVG.

python tests/terminal/pictures.py docs/images/terminal
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from pseudo_terminal import PseudoTerminal, program
from rich.console import Console
from rich.style import Style
from rich.text import Text

from api_models.testing import Provider, Reply, chat

SIZE = (92, 27)
ANSWER = """# Why the sky is blue

Sunlight is a mix of colours. Air scatters the **short** waves far more than the long ones:

| colour | wavelength | scattered |
|---|---:|---:|
| violet | 400 nm | 9.4 |
| blue | 450 nm | 5.9 |
| red | 700 nm | 1.0 |

So blue light reaches the eye *from everywhere*. The law behind it is short:

```python
def scattering(wavelength):
    \"\"\"Rayleigh's law, red light being 1.\"\"\"
    return (700 / wavelength) ** 4

"""
COLOURS = {"brown": "yellow", "default": None}


def cut(text: str) -> list[str]:
    return [text[at : at + 5] for at in range(0, len(text), 5)]


def configure(provider: Provider, folder: str) -> None:
    path = Path(folder) / "config.toml"
    path.write_text(
        'default_provider = "anthropic"\n[providers.anthropic]\nkind = "openai_compatible"\n'
        f'base_url = "{provider.url}/v1"\nmodel = "claude-sonnet-4-5"\napi_key = "k"\n'
    )
    os.environ["API_MODELS_CONFIG"] = str(path)


def drawn(terminal: PseudoTerminal, title: str) -> str:
    """What the screen shows, as SVG."""
    screen = terminal.screen
    console = Console(record=True, width=screen.columns, file=open(os.devnull, "w"), color_system="truecolor")  # noqa: SIM115, PTH123  # until the process ends
    used = max(number for number in range(screen.lines) if screen.display[number].strip())
    for row in range(used + 1):
        line = Text(end="")
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            line.append(cell.data, style(cell))
        line.highlight_regex(
            r"(?<=\w) \N{MIDDLE DOT} .*|^(complete|stopped)(?= )", "dim"
        )  # which pyte does not see
        console.print(line, soft_wrap=True)
    return console.export_svg(title=title, unique_id=title.replace(" ", "-"))


def style(cell: object) -> Style:
    return Style(
        color=colour(cell.fg),
        bgcolor=colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
    )


def colour(name: str) -> str | None:
    if name in COLOURS:
        return COLOURS[name]
    return (
        f"#{name}"
        if len(name) == 6 and set(name) <= set("0123456789abcdef")
        else name.replace("bright", "bright_")
    )


def streaming() -> str:
    """A stream in the middle of its answer."""
    pieces = cut(ANSWER)
    with (
        Provider(Reply(chat(pieces), pace=0.02, stall_after=1 + len(pieces))) as provider,
        tempfile.TemporaryDirectory() as folder,
    ):
        configure(provider, folder)
        command = program("stream", "--max-tokens", "200", "Why is the sky blue?")
        with PseudoTerminal(command, size=SIZE) as terminal:
            terminal.wait_for(lambda text: "** 4" in text and f"{len(pieces)} of" in text)
            return drawn(terminal, "api-models stream")


def talking() -> str:
    """A chat of some turns, with what its commands say."""
    answers = [
        "The capital of France is **Paris**.",
        "1. the *Louvre*\n2. the Eiffel Tower\n3. Notre-Dame\n",
        "About **2.1 million** people live there, 12 million in",
    ]
    plan = [Reply(chat(cut(answer)), pace=0.03) for answer in answers[:2]]
    plan.append(Reply(chat(cut(answers[2])), stall_after=1 + len(cut(answers[2]))))
    with Provider(plan=plan) as provider, tempfile.TemporaryDirectory() as folder:
        configure(provider, folder)
        with PseudoTerminal(program("chat"), size=SIZE) as terminal:
            said = [
                "What is the capital of France?",
                "What should I see there?",
                "/model anthropic:claude-haiku-4-5",
            ]
            for number, line in enumerate([*said, "How many people live there?"]):
                terminal.wait_for(
                    lambda text, number=number: text.endswith(">") and text.count("> ") == number
                )
                terminal.wait_for_modes(canonical=False)
                terminal.type(line + "\r")
            terminal.wait_for(lambda text: "12 million in" in text and "q stop" in text)
            terminal.type("\x03")
            terminal.wait_for(lambda text: "stopped; Ctrl-C again leaves" in text and text.endswith("\n>"))
            return drawn(terminal, "api-models chat")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in (("stream", streaming), ("chat", talking)):
        (folder / f"{name}.svg").write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
