"""The pictures of docs/gui.md, taken of the real program; `make pictures` runs this.

    python tests/desktop/pictures.py FOLDER

Takes no picture of a moment: each shows a state in which the program stays.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from program import Program, configuration, until
from screen import Screen, png

from api_models.testing import Provider, Reply, Request, chat

QUESTION = "Why is the sky blue, and red in the evening?"
THOUGHT = "Rayleigh scattering. Keep it short, and say what changes in the evening."
ANSWER = """Sunlight looks white, but all colours are in it.

On its way through the air it meets molecules that are far smaller than its waves. They scatter short waves \
much more than long ones: blue light, of about 450 nanometres, some four times as often as red light of 650. \
So wherever you look, some of the blue that was on its way to somewhere else ends in your eye.

In the evening the light comes a longer way through the air. Most of the blue has left it before it reaches \
you, and what remains is red."""
SHORTER = """Air scatters blue light more than red light, so blue reaches you from every part of the sky.

When the sun is low"""
QT = Path(__file__).parents[2] / "examples" / "desktop" / "qt_program.py"


def words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")]


def reply(request: Request) -> Reply:
    if request.json["model"] == "m-attic":
        events = chat(words(SHORTER), reasoning=[THOUGHT])
        return Reply(events, cut_at=sum(len(event.wire) for event in events[:-3]) + 200, pace=0.02)
    return Reply(chat(words(ANSWER), reasoning=[THOUGHT]), pace=0.015)


def asked(screen: Screen, path: Path, theme: str, *arguments: str, size: tuple[int, int]) -> Program:
    program = Program(screen, path, "--theme", theme, *arguments)
    program.resize(*size)
    program.ask(QUESTION)
    return program


def take(screen: Screen, path: Path, folder: Path) -> None:
    one, two = (900, 640), (1120, 640)
    both = ("--model", "lab", "--model", "attic")
    for name, theme, models, size, end in (
        ("one-light", "light", (), one, "Done"),
        ("one-dark", "dark", (), one, "Done"),
        ("two-light", "light", both, two, "Done: lab | Failed: attic"),
        ("two-dark", "dark", both, two, "Done: lab | Failed: attic"),
    ):
        program = asked(screen, path, theme, *models, size=size)
        program.wait_for(end)
        save(screen, folder / f"{name}.png", size)
        if name == "one-light":
            program.press("F1")
            save(screen, folder / "keys.png", size)
        program.close()
    program = asked(screen, path, "light", size=one)
    program.wait_for("Streaming")
    until(lambda: len(program.answer()) > 200)
    program.press("ctrl+p")
    program.wait_for("Paused")
    save(screen, folder / "paused.png", one)
    program.close()


def save(screen: Screen, path: Path, size: tuple[int, int]) -> None:
    """The picture, once the program has nothing more to draw."""
    screen.xdotool("mousemove", 2000, 2000)  # the pointer is no part of it
    seen: list[bytes] = []

    def is_settled() -> bool:
        seen.append(b"".join(screen.rows(*size)))
        return len(seen) > 60 and len(set(seen[-60:])) <= 2  # with and without the cursor that blinks

    until(is_settled)
    path.write_bytes(png(size[0], screen.rows(*size)))
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def take_qt(folder: Path, path: Path) -> None:
    """Without a screen, by a widget's own means, in a process of its own."""
    code = f"""
import runpy, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
module = runpy.run_path({str(QT)!r})
application = QApplication([])
module["coloured"](application, module["palette_of"]("light"))
manager = module["APIModelManager"]()
window = module["Window"](manager, module["model_choices"](), module["palette_of"]("light"))
window.show()
window.prompt.setText({QUESTION!r})
window.ask()

def look():
    if not window.conversation.is_running:
        window.grab().save({str(folder / "qt.png")!r})
        application.quit()

timer = QTimer(interval=100, timeout=look)
timer.start()
application.exec()
manager.close()
"""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "API_MODELS_CONFIG": str(path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Provider(reply) as lab, Provider(reply) as attic:
        path = configuration(Path(scratch), {"lab": lab, "attic": attic})
        screen = Screen(Path(scratch))
        try:
            take(screen, path, folder)
        finally:
            screen.close()
        try:
            take_qt(folder, path)
        except subprocess.CalledProcessError:
            print("no picture of Qt: PySide6 is not installed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
