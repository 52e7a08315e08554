"""What a notebook calls to show a stream."""

from __future__ import annotations


class ShownInNotebooks:
    """Lets `display(stream)`, or `stream` at the end of a cell, show the text as it grows, in place.

    With ipywidgets there are buttons to pause and stop it, which work once the cell has ended.
    """

    def _ipython_display_(self) -> None:
        from .notebook_view import show  # noqa: PLC0415  # needs IPython, which is there when this is called

        show(self)
