"""The house is held to its plan: floors, borders, sizes, and a test module for each module."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "api_models"

# A room may import rooms on lower floors only: neither upward nor sideways.
FLOORS = {
    "exceptions": 1,
    "on_demand": 1,
    "streaming": 2,
    "clients": 3,
    "stages": 3,
    "handlers": 3,
    "settings_file": 3,
    "wrapped_stream": 3,
    "settings": 4,
    "arguments": 4,
    "dual_track": 4,
    "structured": 4,
    "providers": 5,
    "model_manager": 6,
    "serving": 7,
    "relay": 7,
    "desktop": 7,
    "terminal": 7,
    "testing": 7,
    "__init__": 8,
    "cli": 8,
    "__main__": 9,
}
# Arrows that go where none should, each with its reason.
EXCUSED = {
    ("api_models.cli", "api_models"): "the command prints the version",
}
# Rooms into which nobody looks from outside.
PORCH = {"serving", "relay", "testing"}

WIRE = {
    "anthropic", "certifi", "h11", "http", "httpx", "httpx2", "openai", "requests", "socket", "ssl",
    "sseclient", "tenacity", "urllib3", "xllamacpp",
}  # fmt: skip
SPEAKS_HTTP = {"clients", "serving", "relay", "testing"}

# Imports inside functions hide an arrow, so each has a reason.
LAZY = {
    ("api_models.clients.anthropic_client", "anthropic"): "takes a second to load",
    ("api_models.clients.openai_client", "openai"): "takes half a second to load",
    ("api_models.clients.sdk_client", "api_models.clients.sdk_transport"): "needs httpx2",
    ("api_models.clients.local_engine", "xllamacpp"): "optional",
    ("api_models.cli", "api_models.desktop.tk_program"): "needs tkinter",
    ("api_models.structured.response_model", "api_models.structured.schema_model"): "needs jsonschema",
    ("api_models.handlers.rich_handler", "api_models.handlers.rich_screen"): "needs rich",
    ("api_models.dual_track.agreement", "rapidfuzz.distance"): "optional",
    ("api_models.terminal.growing_object", "api_models.handlers.rich_screen"): "needs rich",
    ("api_models.handlers.notebook", "api_models.handlers.notebook_view"): "needs IPython",
    ("api_models.handlers.recording", "api_models.handlers.recording_async"): "needs asyncio",
}
# The same for what is always there, but takes time to load that most programs need not spend.
LATE = {
    (
        "api_models.streaming.parts.frozen",
        "dataclasses",
    ): "loads inspect; only who asks for fields by it has need of it",
    ("api_models.settings", "api_models.settings_file"): "loads tomllib; most programs have no such file",
    ("api_models.streaming.parts.backlog", "api_models.streaming.parts.spill"): "loads pickle and tempfile",
    ("api_models.clients.resilience", "api_models.clients.repeats"): "loads tenacity, for repeats alone",
    ("api_models.model_manager", "api_models.dual_track"): "most programs ask one model at a time",
    ("api_models.model_manager", "api_models.structured"): "most answers are texts",
    ("api_models.cli", "api_models.terminal.extract"): "loads pydantic",
    ("api_models.structured.response_model", "api_models.structured.typed_model"): "not for schemas",
    ("api_models.arguments", "api_models.stages.staged_source"): "most streams have no stages",
}
# Where modules are imported by a name that is data: the arrows are in the data.
DYNAMIC = {"api_models.clients"}
# What the packages load by name for who asks; the arrows are in their tables.
LOADER = "api_models.on_demand"

# Modules whose tests stand elsewhere, or that are not tested by a module of their own.
UNTESTED = {
    "stages.matching": "tested with the policies that find things, in test_policies",
    "streaming.exceptions": "a tree of classes, tested with the events and the errors in test_stream_events",
}

LONGEST_FILE, LONGEST_FUNCTION = 350, 40

# The heart: all that runs one stream. Its parts stand in a folder below, and know nothing of it.
HEART = {
    "exceptions", "stream_config", "stream_events", "stream_handler", "stream_manager", "stream_processor",
    "stream_source", "stream_state",
}  # fmt: skip
LARGEST_HEART = 1200
PARTS = "api_models.streaming.parts"


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def room(module: str) -> str:
    """The room of the house that a module stands in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def targets(module: str, node: ast.AST) -> Iterator[str]:
    """The absolute names of the modules an import statement loads."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
            for _ in range(node.level - 1):
                package = package.rpartition(".")[0]
            base = f"{package}.{base}".rstrip(".")
        for alias in node.names:
            yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in FILES else base


def imports(module: str) -> set[str]:
    return {target for node in ast.walk(TREES[module]) for target in targets(module, node)}


def own_imports(module: str) -> set[str]:
    return {target for target in imports(module) if target in FILES}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of_code(source: str) -> int:
    """Lines that hold code: blank ones, comments and docstrings, those of fields too, are none."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    spoken = {
        line
        for token in tokens
        if token.type != tokenize.COMMENT and token.string.strip()
        for line in range(token.start[0], token.end[0] + 1)
    }
    silent = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    return len(spoken - silent)


def test_every_room_has_a_floor():
    """A new file at the root, or a new folder, is given its place in the house before it is used."""
    assert {room(module) for module in FILES} <= set(FLOORS)


@pytest.mark.parametrize("module", FILES)
def test_imports_run_downward(module):
    """No module imports upward or sideways: neighbours could be removed with one `rm` each."""
    for target in own_imports(module):
        if room(target) == room(module) or (module, target) in EXCUSED:
            continue
        assert FLOORS[room(target)] < FLOORS[room(module)], f"{module} imports {target}"


@pytest.mark.parametrize("module", FILES)
def test_nobody_imports_the_porch(module):
    """Serving, relay and testing may be torn down without a trace."""
    strangers = {room(target) for target in own_imports(module)} - {room(module)}
    assert not strangers & PORCH


@pytest.mark.parametrize("module", FILES)
def test_the_face_is_for_guests(module):
    """Our own modules import from where a thing stands, never from `api_models` itself."""
    assert "api_models" not in {t for t in own_imports(module) if (module, t) not in EXCUSED}


def test_imports_make_no_circle():
    """The modules can be put into an order in which each comes after all it imports."""
    graph = {name: own_imports(name) - {name} for name in FILES}
    for module, target in EXCUSED:
        graph.get(module, set()).discard(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None


@pytest.mark.parametrize("module", [name for name in FILES if room(name) in ("streaming", "exceptions")])
def test_the_heart_needs_the_standard_library_alone(module):
    """Nothing from outside is needed to read, run or test the heart."""
    for target in imports(module):
        top = target.partition(".")[0]
        assert top == "api_models" or top in sys.stdlib_module_names, target


def test_the_heart_is_eight_files():
    """Who has read these has read all that runs a stream; what else is needed is a part."""
    heart = {name.rpartition(".")[2] for name in FILES if name.rpartition(".")[0] == "api_models.streaming"}
    assert heart - {"parts"} == HEART


def test_the_heart_is_read_in_twenty_minutes():
    """The eight together stay below so many lines of code."""
    sources = [(PACKAGE / "streaming" / f"{name}.py").read_text(encoding="utf-8") for name in HEART]
    assert sum(map(lines_of_code, sources)) < LARGEST_HEART


def test_lines_of_code_are_counted():
    """What the limit is measured with counts what a reader has to think about."""
    source = '"""What\n\nit is."""\n\nx = 1  # why\n"""What x is."""\n\n\n# how\ndef f():\n    """Do."""\n    return """a\n\nb"""\n'
    assert lines_of_code(source) == 5


@pytest.mark.parametrize("module", [name for name in FILES if name.startswith(PARTS)])
def test_parts_know_nothing_of_streams(module):
    """A part needs nothing of ours but errors, so that it can be read, tested and used by itself."""
    for target in own_imports(module) - {PARTS}:
        assert target.startswith(PARTS) or target in (
            "api_models.exceptions",
            "api_models.streaming.exceptions",
        )


@pytest.mark.parametrize("module", [name for name in FILES if room(name) not in SPEAKS_HTTP])
def test_only_clients_speak_to_providers(module):
    """SDKs, HTTP and sockets stay behind one border, and so do their types and errors."""
    assert not {target.partition(".")[0] for target in imports(module)} & WIRE


@pytest.mark.parametrize("module", [name for name in FILES if name != "api_models.desktop.tk_toolkit"])
def test_tkinter_is_imported_in_one_place(module):
    """Whoever needs a window imports it from there, where it is said what to do without."""
    assert not {target for target in imports(module) if target.partition(".")[0] == "tkinter"}


@pytest.mark.parametrize("module", FILES)
def test_imports_inside_functions_have_a_reason(module):
    """An import that hides in a function stands in the list above, or moves to the top of its file."""
    hidden = {
        target
        for function in functions(TREES[module])
        for node in ast.walk(function)
        for target in targets(module, node)
    }
    assert {(module, target) for target in hidden} <= {*LAZY, *LATE}


@pytest.mark.parametrize("module", FILES)
def test_modules_are_imported_by_statements(module):
    """Only the makers of clients import by a name that is data, and what they name exists."""
    calls = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call)
    }
    if module == LOADER:
        return
    if module not in DYNAMIC:
        assert not calls & {"import_module", "__import__"}
        return
    names = [
        node.value
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(".")
    ]
    assert names
    assert {module + name for name in names} <= set(FILES)


def test_the_import_loads_nothing_optional():
    """`import api_models` loads no SDK, no HTTP and no optional library."""
    code = "import json, sys, api_models; print(json.dumps(sorted(sys.modules)))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.partition(".")[0] for name in json.loads(child.stdout)}
    heavy = (
        "anthropic openai requests httpx httpx2 urllib3 pydantic jiter rapidfuzz rich tenacity sseclient xllamacpp "
        "IPython ipywidgets tkinter _tkinter PySide6"
    )
    assert not loaded & set(heavy.split())


@pytest.mark.parametrize(
    "module",
    [
        name
        for name, path in FILES.items()
        if room(name) in ("streaming", "clients", "stages") and path.stem != "__init__"
    ],
)
def test_every_module_has_its_test_module(module):
    """Who looks for the tests of a module knows where they are."""
    _, *folders, name = module.split(".")
    if ".".join([*folders, name]) not in UNTESTED:
        assert (ROOT / "tests").joinpath(*folders, f"test_{name}.py").exists()


@pytest.mark.parametrize("module", FILES)
def test_files_are_short(module):
    """A file that grows over the limit holds two things."""
    assert len(FILES[module].read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("module", FILES)
def test_functions_are_short(module):
    """A function, its docstring aside, fits on a page."""
    for function in functions(TREES[module]):
        lines = function.end_lineno - function.lineno + 1
        first = function.body[0]
        if ast.get_docstring(function) is not None:
            lines -= first.end_lineno - first.lineno + 1
        assert lines <= LONGEST_FUNCTION, function.name


@pytest.mark.parametrize(
    "table", [EXCUSED, LAZY, LATE, UNTESTED], ids=["EXCUSED", "LAZY", "LATE", "UNTESTED"]
)
def test_every_exception_has_a_reason(table):
    """The lists of exceptions stay short, and each entry says why."""
    assert all(table.values())
    assert len(table) < 14


def test_excuses_that_are_needed_no_more_are_gone():
    """An exception that nothing makes use of is taken off its list."""
    assert all(target in imports(module) for module, target in EXCUSED)
    known = {f"{room(name)}.{name.rpartition('.')[2]}" for name in FILES}
    assert set(UNTESTED) <= known


def test_the_package_ships_its_types():
    """Users' type checkers see our annotations."""
    assert (PACKAGE / "py.typed").exists()
