"""Colours for a light and a dark window, and which of the two the user's desktop asks for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark", "system"]


@dataclass(frozen=True)
class Palette:
    """Each colour by what it is for; text on its ground has a contrast of 4.5 to 1 or better."""

    is_dark: bool
    window: str
    card: str
    field: str
    border: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    on_accent: str
    button: str
    button_hover: str
    prompt: str
    """The ground of what the user asked."""
    selection: str
    good: str
    warning: str
    danger: str
    danger_ground: str


LIGHT = Palette(
    is_dark=False,
    window="#f2f3f6",
    card="#ffffff",
    field="#ffffff",
    border="#d9dce3",
    text="#1c2130",
    muted="#616a7d",
    accent="#3056d3",
    accent_hover="#2546b4",
    on_accent="#ffffff",
    button="#ffffff",
    button_hover="#eceef3",
    prompt="#edf1fd",
    selection="#c5d3fb",
    good="#17794a",
    warning="#96590b",
    danger="#b3261e",
    danger_ground="#fcebea",
)
DARK = Palette(
    is_dark=True,
    window="#14161c",
    card="#1c1f27",
    field="#171a21",
    border="#343945",
    text="#e5e8ef",
    muted="#9aa3b5",
    accent="#6f92ff",
    accent_hover="#8aa7ff",
    on_accent="#0e1220",
    button="#262a34",
    button_hover="#313643",
    prompt="#252c42",
    selection="#37467a",
    good="#5fcf97",
    warning="#e3ae5c",
    danger="#ff8a80",
    danger_ground="#3a2022",
)

_ASK_SYSTEM = {
    "darwin": ["defaults", "read", "-g", "AppleInterfaceStyle"],
    "linux": ["gsettings", "get", "org.gnome.desktop.interface", "color-scheme"],
    "win32": [
        "reg", "query", r"HKCU\Software\Microsoft\Windows\CurrentVersion\Themes\Personalize",
        "/v", "AppsUseLightTheme",
    ],
}  # fmt: skip
_PATIENCE = 1.0  # seconds for a desktop to say what it prefers, before the window is shown in light


def palette_of(theme: Theme) -> Palette:
    dark = theme == "dark" or (theme == "system" and _system_is_dark())
    return DARK if dark else LIGHT


def _system_is_dark() -> bool:
    command = _ASK_SYSTEM.get(sys.platform)
    if command is None:
        return False
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.rstrip().endswith("0x0") if sys.platform == "win32" else "dark" in answer.lower()
