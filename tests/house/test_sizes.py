"""How big things may grow before they must be parted; `# house: <reason>` lets one stand."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import ROOT, Finding, broken, exceptions, python_files

LINES_A_FILE = 250
LINES_A_FUNCTION = 40
ENTRIES_A_FOLDER = 9

# Lists on purpose: one story a file, one room a folder, all refusals on one page.
LONG_FOLDERS = {"app/domain", "app/flows"}
LONG_FILES = {"app/flows/refusals.py"}


def has_docstring(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a module or function opens with a docstring."""
    return ast.get_docstring(node, clean=False) is not None


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines from `def` to its end, without the docstring: explaining more must not cost."""
    opening = function.body[0]
    prose = (opening.end_lineno or 0) - opening.lineno + 1 if has_docstring(function) else 0
    return (function.end_lineno or 0) - function.lineno + 1 - prose


def excused_as_a_whole(source: str) -> bool:
    """Tell whether a file holds its exception: at its top, above the first line of code."""
    tree = ast.parse(source)
    code = tree.body[1:] if has_docstring(tree) else tree.body
    first_line_of_code = code[0].lineno if code else source.count("\n") + 2
    return any(line < first_line_of_code for line in exceptions(source))


def long_file(source: str) -> Iterator[Finding]:
    """Find a file that is too long."""
    lines = source.count("\n")
    if lines > LINES_A_FILE and not excused_as_a_whole(source):
        yield 1, f"{lines} lines, more than {LINES_A_FILE}"


def long_functions(source: str) -> Iterator[Finding]:
    """Find functions that are too long; their exception stands right above them or in their head."""
    excused = exceptions(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length(node) > LINES_A_FUNCTION:
            top = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if not excused & set(range(top - 1, node.body[0].lineno)):
                yield node.lineno, f"{node.name} has {length(node)} lines, more than {LINES_A_FUNCTION}"


def crowded_folders(top: Path, allowed: set[str]) -> list[str]:
    """
    Name the folders under `top` that hold too many modules and packages.

    `__init__.py` is the folder's door and does not count; it may hold the exception.
    """
    crowded = []
    for folder in [top, *(path for path in top.rglob("*") if path.is_dir() and path.name != "__pycache__")]:
        entries = [path for path in folder.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))]
        entries = [path for path in entries if path.name != "__init__.py"]
        door = folder / "__init__.py"
        excused = door.exists() and excused_as_a_whole(door.read_text(encoding="utf-8"))
        name = folder.relative_to(top.parent).as_posix()
        if len(entries) > ENTRIES_A_FOLDER and name not in allowed and not excused:
            crowded.append(f"{name}: {len(entries)} entries, more than {ENTRIES_A_FOLDER}")
    return crowded


def function(lines: int, above: str = "", head: str = "") -> str:
    """Make a function of so many lines, for the rules to judge."""
    return f"import os\n\n{above}@wraps\ndef f():{head}\n" + "    os\n" * (lines - 1)


def test_every_file_can_be_read_in_one_sitting():
    """
    A file is short enough to be read once and kept in mind.
    """
    listed = [ROOT / name for name in LONG_FILES]

    assert broken(long_file, [file for file in python_files("app") if file not in listed]) == []


def test_every_function_fits_on_a_screen():
    """
    A function's whole body is seen at once.
    """
    assert broken(long_functions, python_files("app")) == []


def test_every_folder_is_taken_in_at_a_glance():
    """
    A newcomer who opens a folder sees few enough names to guess the right one.
    """
    assert crowded_folders(ROOT / "app", LONG_FOLDERS) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n" * 251,
        "# house:\n" + "x = 1\n" * 251,
        "x = 1\n" * 251 + "# house: too late, down here\n",
        "x = '# house: not a comment'\n" * 251,
    ],
)
def test_a_long_file_is_found(source):
    """
    A file past the limit is reported unless a reason stands at its top.
    """
    assert list(long_file(source))
    assert not list(long_file("x = 1\n" * 250))
    assert not list(long_file('"""A table."""\n\n# house: one row a country\nimport os\n' + "x = 1\n" * 250))


@pytest.mark.parametrize("source", [function(41), function(41, "# house: far\n\n\n"), function(41, "# long\n")])
def test_a_long_function_is_found(source):
    """
    A function past the limit is reported unless a reason stands at its head; its docstring costs nothing.
    """
    assert list(long_functions(source))
    assert not list(long_functions(function(40)))
    assert not list(long_functions(function(41, above="# house: one match over all outcomes\n")))
    assert not list(long_functions(function(41, head="  # house: one match over all outcomes")))
    assert not list(long_functions(function(40, head='\n    """Do.\n\n    Well.\n    """')))


def test_a_crowded_folder_is_found(tmp_path):
    """
    A tenth name in a folder is reported, unless the folder is a list or its door gives the reason.
    """
    room = tmp_path / "app" / "room"
    room.mkdir(parents=True)
    for number in range(10):
        (room / f"noun_{number}.py").touch()
    (room / "__init__.py").touch()

    assert crowded_folders(tmp_path / "app", set()) == ["app/room: 10 entries, more than 9"]
    assert crowded_folders(tmp_path / "app", {"app/room"}) == []

    (room / "__init__.py").write_text('"""A room."""\n\n# house: ten nouns, one law\n', encoding="utf-8")
    assert crowded_folders(tmp_path / "app", set()) == []
