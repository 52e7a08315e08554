"""A program for the desktop: ask one model, or two side by side, and watch the answers come.

`conversation`, `status`, `choices` and `palette` know no toolkit; `examples/desktop/qt_program.py` builds
another window on them. The `tk_` files are the window of `api-models gui`.
"""
