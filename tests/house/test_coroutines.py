"""Nothing waits for a coroutine: the application calls every function as it is (`_Application` in the factory)."""

import ast
from collections.abc import Iterator

from tests.house.sources import Finding, broken, python_files


def coroutines(source: str) -> Iterator[Finding]:
    """Find the functions that give a coroutine."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AsyncFunctionDef):
            yield node.lineno, f"{node.name} is a coroutine, which nobody would wait for"


def test_no_function_is_a_coroutine():
    """
    Flask is not asked to look for them; a view that were one would answer 500.
    """
    assert broken(coroutines, python_files("app")) == []


def test_a_coroutine_is_found():
    """
    The rule bites, also on a method.
    """
    assert [line for line, _ in coroutines("class C:\n    async def f(self): ...\n    def g(self): ...\n")] == [2]
