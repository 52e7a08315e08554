"""A virtual screen with a keyboard, a mouse and a camera: Xvfb, xdotool and a little Xlib."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

NEEDED = ("Xvfb", "xdotool")
DOTS = 96


def missing() -> str:
    """What a virtual screen lacks here, in words; empty if nothing."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if ctypes.util.find_library("X11") is None:
        absent.append("libX11")
    return (
        f"no virtual screen: {', '.join(absent)} not installed (apt-get install xvfb xdotool)"
        if absent
        else ""
    )


class Screen:
    """One Xvfb, on a display number of its own choosing; ends with `close`."""

    def __init__(self, folder: Path, width: int = 1280, height: int = 960, dots: int = DOTS) -> None:
        self._folder = folder
        reader, writer = os.pipe()
        options = ["-displayfd", str(writer), "-screen", "0", f"{width}x{height}x24", "-dpi", str(dots)]
        self._server = subprocess.Popen(
            ["Xvfb", *options, "-nolisten", "tcp", "-fbdir", str(folder)],
            pass_fds=[writer],
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as pipe:  # says the number once the server is ready
            self.display = f":{pipe.readline().strip()}"
        self._x = Xlib(self.display)

    def close(self) -> None:
        self._x.close()
        self._server.terminate()
        self._server.wait()

    def xdotool(self, *arguments: object) -> str:
        environment = {**os.environ, "DISPLAY": self.display}
        done = subprocess.run(
            ["xdotool", *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def window_of(self, process: int) -> int | None:
        """The window of a process, once it is shown."""
        found = self.xdotool("search", "--onlyvisible", "--pid", process, "--class", "api-models")
        return int(found.splitlines()[0]) if found else None

    def title(self, window: int) -> str:
        return self._x.title(window)

    def ask_to_close(self, window: int) -> None:
        """What a window manager does when its cross is clicked."""
        self._x.ask_to_close(window)

    def rows(self, width: int, height: int, top: int = 0) -> list[bytes]:
        """The left of the screen, so much of it, as rows of red, green and blue."""
        wire = (self._folder / "Xvfb_screen0").read_bytes()
        fields = struct.unpack(">25I", wire[:100])
        start, row_length = fields[0] + fields[19] * 12, fields[12]
        starts = (start + y * row_length for y in range(top, top + height))
        return [_rgb(wire[at : at + width * 4]) for at in starts]


class Xlib:
    """The two things for which xdotool is too slow, or too old."""

    def __init__(self, display: str) -> None:
        self._lib = lib = ctypes.CDLL(ctypes.util.find_library("X11"))
        lib.XOpenDisplay.restype = ctypes.c_void_p
        lib.XInternAtom.restype = ctypes.c_ulong
        self._display = ctypes.c_void_p(lib.XOpenDisplay(display.encode()))

    def close(self) -> None:
        self._lib.XCloseDisplay(self._display)

    def title(self, window: int) -> str:
        name = ctypes.c_char_p()
        self._lib.XFetchName(self._display, ctypes.c_ulong(window), ctypes.byref(name))
        return (name.value or b"").decode()

    def ask_to_close(self, window: int) -> None:
        atoms = [
            self._lib.XInternAtom(self._display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
        ]
        event = ClientMessage(33, 0, 1, self._display, window, atoms[0], 32, (ctypes.c_long * 5)(atoms[1]))
        buffer = ctypes.create_string_buffer(bytes(event), 192)  # as long as an XEvent
        self._lib.XSendEvent(self._display, ctypes.c_ulong(window), 0, ctypes.c_long(0), buffer)
        self._lib.XFlush(self._display)


class ClientMessage(ctypes.Structure):
    """Xlib's XClientMessageEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
    )


def _rgb(row: bytes) -> bytes:
    """Of a row of blue, green, red and nothing."""
    pixels = bytearray(len(row) // 4 * 3)
    pixels[0::3], pixels[1::3], pixels[2::3] = row[2::4], row[1::4], row[0::4]
    return bytes(pixels)


def png(width: int, rows: list[bytes]) -> bytes:
    """A PNG, with a table of colours if there are no more than it can hold."""
    pixels = [[row[at : at + 3] for at in range(0, len(row), 3)] for row in rows]
    colours = sorted({pixel for row in pixels for pixel in row})
    table = b""
    if len(colours) <= 256:
        numbers = {colour: bytes([number]) for number, colour in enumerate(colours)}
        rows, table = [b"".join([numbers[pixel] for pixel in row]) for row in pixels], b"".join(colours)
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 3 if table else 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = [(b"IHDR", header), *([(b"PLTE", table)] if table else []), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(said)) + kind + said + struct.pack(">I", zlib.crc32(kind + said))
        for kind, said in chunks
    )
