"""What things are called, what they say of themselves, and what is left undone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import ROOT, Finding, broken, comments, python_files

# A thing without a name is not understood yet.
NAMELESS = {"base", "common", "core", "helper", "helpers", "misc", "util", "utils"}

UNDONE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b", re.IGNORECASE)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def nameless(files: list[Path]) -> list[str]:
    """Name the modules and folders that are called after nothing."""
    return [str(file) for file in files if NAMELESS & {file.stem.strip("_"), *file.parts}]


def undone(source: str) -> Iterator[Finding]:
    """Find comments that put work off."""
    for line, comment in comments(source).items():
        if UNDONE.search(comment):
            yield line, f"leaves work behind: {comment}"


def undocumented(source: str) -> Iterator[Finding]:
    """
    Find public functions, classes and methods of public classes that do not say what they give.

    What replaces an inherited or declared method (`@override`) or reads a property's other half is explained there.
    """
    yield from _undocumented(ast.parse(source))


def _undocumented(scope: ast.Module | ast.ClassDef) -> Iterator[Finding]:
    for node in scope.body:
        if not isinstance(node, Definition) or node.name.startswith("_") or _explained_elsewhere(node):
            continue
        if ast.get_docstring(node) is None:
            yield node.lineno, f"{node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node)


def _explained_elsewhere(node: Definition) -> bool:
    decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(decorators & {"override", "overload", "setter", "deleter"})


def unpromising_tests(source: str) -> Iterator[Finding]:
    """Find tests that do not open with the promise they keep, or that are not run at all."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            if not ast.get_docstring(node):
                yield node.lineno, f"{node.name} does not say its promise"
        elif isinstance(node, ast.Attribute) and re.search(r"pytest\.(mark\.)?(skip|skipif|xfail)$", ast.unparse(node)):
            yield node.lineno, f"is not run: {ast.unparse(node)}"


def test_every_module_has_a_name_of_its_own():
    """
    A stranger finds the right file on the first guess: nothing is filed under "other".
    """
    assert nameless([file.relative_to(ROOT) for file in python_files("app", "migrations", "tests")]) == []


def test_nothing_is_left_for_later():
    """
    What is on main is finished; what is not is an issue, not a comment.
    """
    assert broken(undone, python_files("app", "migrations", "tests")) == []


def test_every_public_name_says_what_it_gives():
    """
    A caller learns from the name and its docstring what to expect, without reading the body.
    """
    assert broken(undocumented, python_files("app")) == []


def test_every_test_opens_with_its_promise():
    """
    A failing test says which promise is broken, and none is set aside.
    """
    assert broken(unpromising_tests, python_files("tests")) == []


@pytest.mark.parametrize("file", ["app/utils.py", "app/flows/helpers.py", "app/core/keys.py", "app/domain/_base.py"])
def test_a_nameless_module_is_found(file):
    """
    A drawer for odds and ends is reported, as a file or as a folder.
    """
    assert nameless([Path(file)])
    assert not nameless([Path("app/foundation/clock.py"), Path("app/domain/rooms/rooms.py")])


def test_work_put_off_is_found():
    """
    A note to do something later is reported; the same word in a string is not.
    """
    assert list(undone("x = 1  # TODO: think\n"))
    assert list(undone("# fixme\nx = 1\n"))
    assert not list(undone("x = 'TODO'  # methods are hacksaws\n"))


@pytest.mark.parametrize(
    "source",
    [
        "def f(): ...\n",
        "async def f(): ...\n",
        "class C: ...\n",
        "class C:\n    '''Hold.'''\n    def f(self): ...\n",
        "@decorated\ndef f(): ...\n",
    ],
)
def test_a_name_without_a_docstring_is_found(source):
    """
    A public name that explains nothing is reported; private ones and overriding methods are not.
    """
    assert list(undocumented(source))
    assert not list(
        undocumented("def f():\n    '''Do.'''\n    def g(): ...\ndef _f(): ...\nclass _C:\n    def f(self): ...\n")
    )
    assert not list(
        undocumented("class C:\n    '''Hold.'''\n    @override\n    def f(self): ...\n    def __eq__(self, o): ...\n")
    )


@pytest.mark.parametrize(
    "source",
    [
        "def test_f(): ...\n",
        "class TestF:\n    def test_f(self): ...\n",
        "@pytest.mark.skip\ndef test_f():\n    '''Keep.'''\n",
        "def test_f():\n    '''Keep.'''\n    pytest.skip('slow')\n",
        "@pytest.mark.xfail(reason='hard')\ndef test_f():\n    '''Keep.'''\n",
    ],
)
def test_a_test_without_promise_is_found(source):
    """
    A test that promises nothing, or is set aside, is reported; its helping functions are free.
    """
    assert list(unpromising_tests(source))
    assert not list(unpromising_tests("def build(): ...\ndef test_f():\n    '''Keep.'''\n"))
