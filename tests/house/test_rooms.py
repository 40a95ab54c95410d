"""What a room shows of itself, and that no room reaches into another behind the linter's back."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import ROOT, Finding, broken, python_files

# What may be deleted, when its time is over: nothing hangs on it.
FORGOTTEN = {"AuditEventRow", "FamilyRow", "HourRow", "ReplyRow", "SpentAssertionRow"}


def relationships(source: str) -> Iterator[Finding]:
    """Find object links between tables; rooms refer to each other by id, and mostly by foreign key."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and {name.name for name in node.names} & {"relationship", "backref"}:
            yield node.lineno, "imports relationship()"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"relationship", "backref"}:
            yield node.lineno, "calls relationship()"


def deletions(source: str) -> Iterator[Finding]:
    """Find a statement that deletes what others hang on; to end it is to write that it has ended."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sqlalchemy"):
            if any(name.name == "delete" and name.asname for name in node.names):
                yield node.lineno, "imports delete() by another name"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"delete", "sqlalchemy.delete", "sa.delete"}:
            if ast.unparse(node.args[0]) not in FORGOTTEN:
                yield node.lineno, f"deletes {ast.unparse(node.args[0])}"
        elif isinstance(node, ast.Constant) and str(node.value).lstrip().upper().startswith("DELETE FROM"):
            yield node.lineno, "deletes by SQL of its own"


def closed_door(source: str) -> Iterator[Finding]:
    """Find a room whose `__init__.py` does not open with a sentence, or does not list what others may use."""
    tree = ast.parse(source)
    if not ast.get_docstring(tree):
        yield 1, "does not open with a sentence that a customer would understand"
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    lists = [node for node in assigned if "__all__" in ast.unparse(node).partition("=")[0]]
    if not lists:
        yield 1, "has no __all__"
    elif "tables" in ast.unparse(lists[0].value or lists[0]):
        yield lists[0].lineno, "hands out its tables"


def more_than_prose(source: str) -> Iterator[Finding]:
    """Find anything but one docstring."""
    tree = ast.parse(source)
    if not ast.get_docstring(tree):
        yield 1, "has no docstring"
    for node in tree.body[1:]:
        yield node.lineno, "holds code"


def test_no_table_leads_to_another_by_object():
    """
    Reading one row never loads another room's rows: what crosses rooms is a story, and can be read as one.
    """
    assert broken(relationships, python_files("app")) == []


def test_nothing_that_a_session_hangs_on_is_ever_deleted():
    """
    No foreign key of a session looks: tenants, keys, rooms and participants stay for as long as the database does.
    """
    assert broken(deletions, python_files("app")) == []


def test_every_room_has_a_door_with_a_sign():
    """
    A reader learns from a room's first file what it is for and all that may be asked of it.
    """
    doors = sorted((ROOT / "app/domain").glob("*/__init__.py"))

    assert doors
    assert broken(closed_door, doors) == []


def test_the_first_page_of_the_house_is_its_picture():
    """
    Importing `app` does nothing, and reading it shows the plan.
    """
    page = ROOT / "app/__init__.py"

    assert broken(more_than_prose, [page]) == []
    for floor in ("factory", "entrypoints", "protocol", "flows", "domain", "settings", "foundation"):
        assert floor in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "source",
    [
        "from sqlalchemy.orm import relationship\n",
        "from sqlalchemy import orm\nclass T:\n    room = orm.relationship('Room')\n",
        "from sqlalchemy.orm import relationship as r\n",
    ],
)
def test_a_link_between_tables_is_found(source):
    """
    An object link is reported however it is spelled; a foreign key is not.
    """
    assert list(relationships(source))
    assert not list(relationships("room_id = mapped_column(ForeignKey('rooms.id'))\n"))


@pytest.mark.parametrize(
    "source",
    [
        "from sqlalchemy import delete\nconnection.execute(delete(TenantRow).where(which))\n",
        "row = RoomRow\nconnection.execute(delete(row))\n",
        "import sqlalchemy as sa\nsa.delete(ApiKeyRow)\n",
        "from sqlalchemy import delete as forget\n",
        "connection.execute(text('delete from rooms'))\n",
    ],
)
def test_a_deletion_is_found(source):
    """
    Whatever deletes anything but what is forgotten is reported, and so is what hides it.
    """
    assert list(deletions(source))
    assert not list(deletions("from sqlalchemy import delete\nconnection.execute(delete(FamilyRow).where(which))\n"))


@pytest.mark.parametrize(
    "source",
    ["", "__all__ = ['open']\n", '"""Tenants."""\n', '"""Tenants."""\n__all__ = ["open", "tables"]\n'],
)
def test_a_room_without_a_proper_door_is_found(source):
    """
    A room that does not say what it is or what it gives is reported.
    """
    assert list(closed_door(source))
    assert not list(closed_door('"""Tenants."""\n\nimport find\n\n__all__ = ["find"]\n'))


@pytest.mark.parametrize("source", ["", "import os\n", '"""The house."""\n__version__ = "0.1.0"\n'])
def test_code_on_the_first_page_is_found(source):
    """
    Anything beside the picture on the first page is reported.
    """
    assert list(more_than_prose(source))
    assert not list(more_than_prose('"""The house."""\n'))
