"""The promises that the protocol makes, and that each of them is kept by a test that names it."""

import ast
import re
from collections.abc import Iterator

from tests.house.sources import python_files

# Of the token endpoint, metadata, revocation, introspection, client assertions, token exchange and bearer tokens.
PROMISES = [
    *(f"A{number}" for number in range(1, 22) if number not in {12, 13}),
    *("F1", "F2", "F4", "F6", "F7"),
    *("G1", "G2", "G3", "G4", "G6", "G7", "G9", "G10"),
    *("H1", "H2", "H3", "H5"),
    *("I", "L", "M"),
]


def cited(source: str) -> Iterator[str]:
    """Find what the tests of a file promise: the ids before the colon of their docstrings (`A7, A9: ...`)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            ids, colon, _ = (ast.get_docstring(node) or "").partition(":")
            if colon and re.fullmatch(r"[A-Z]+ ?\d*(, [A-Z]+ ?\d*)*", ids):
                yield from ids.split(", ")


def kept_by_nobody(sources: list[str]) -> list[str]:
    """List the promises that no test in these sources names."""
    named = {each for source in sources for each in cited(source)}
    return [each for each in PROMISES if each not in named]


def test_every_promise_of_the_protocol_is_tested_beside_the_rfcs():
    """
    Whoever asks whether an id is kept finds the test for it in tests/protocol/.
    """
    assert kept_by_nobody([file.read_text(encoding="utf-8") for file in python_files("tests/protocol")]) == []


def test_a_promise_that_nobody_names_is_found():
    """
    The rule can fail: an id counts only whole, at the head of a test's docstring, and not in prose or another function.
    """
    named = 'def test_x():\n    """\n    A1, M, CONTRACT 3: it holds, unlike A3: or A4.\n    """\n'
    others = (
        '"""A2: a module."""\ndef helper():\n    """A5: no test."""\ndef test_y():\n    """A16"""\n    "A17: later"\n'
    )

    assert kept_by_nobody([named, others]) == [each for each in PROMISES if each not in {"A1", "M"}]
    assert len(PROMISES) == 39
