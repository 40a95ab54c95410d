"""
The documents against the code: what they list is what there is, and what they point at exists.

Each check takes the texts that it compares, so that a wrong one can be fed to it.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import app
import app.factory
from app import settings
from app.entrypoints.chalk.dialect import errors as chalk
from app.flows import refusals
from app.foundation.errors import ServiceError
from app.protocol import errors as oauth
from tests.house.sources import ROOT, python_files

DOCS = ROOT / "docs"
FOLDERS = [ROOT / folder / "README.md" for folder in ("keys", "deploy")]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *FOLDERS, *sorted(DOCS.rglob("*.md"))]
SECTIONS = ["Context", "Choice", "Price", "What would change our mind"]

Row = list[str]
Table = Mapping[type[ServiceError], tuple[int, str]]

_EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
_PATH = re.compile(r"(?<![\w/.])(?:app|docs|migrations|tests)/[\w./-]*[\w/]")


def read(page: Path) -> str:
    """Give the text of a page."""
    return page.read_text(encoding="utf-8")


def rows(text: str) -> dict[str, Row]:
    """Read the rows of a page's tables that begin with a word in backticks: that word, and the other cells."""
    split = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| `")
    ]
    return {first.strip("` "): others for first, *others in split}


def differences(documented: Mapping[str, Any], real: Mapping[str, Any]) -> list[str]:
    """Name what stands on one side only, and what does not say the same on both."""
    lines = [f"{name}: is not documented" for name in real if name not in documented]
    lines += [f"{name}: is documented, and does not exist" for name in documented if name not in real]
    both = [name for name in real if name in documented]
    return lines + [f"{name}: {documented[name]} is {real[name]}" for name in both if documented[name] != real[name]]


def wrong_settings(text: str, variables: Iterable[Mapping[str, Any]]) -> list[str]:
    """Compare docs/settings.md with the settings: name, meaning, default, and bounds where the code has any."""
    documented, real = {}, {}
    page = rows(text)
    for variable in variables:
        default = f"`{variable['default']}`" if variable["default"] else "none"
        bounds = _bounds(variable)
        real[variable["name"]] = [variable["meaning"], default, *([bounds] if bounds else [])]
    for name, cells in page.items():
        documented[name] = cells[: len(real.get(name, cells))]
    return differences(documented, real)


def _bounds(variable: Mapping[str, Any]) -> str | None:
    try:
        variable["parse"]("\0")
    except ValueError as error:
        return str(error)
    return None


def subclasses(root: type[ServiceError]) -> Iterator[type[ServiceError]]:
    """Walk every refusal of the application that was ever defined."""
    for one in root.__subclasses__():
        if one.__module__.startswith("app."):
            yield one
        yield from subclasses(one)


def wrong_refusals(text: str, found: Iterable[type[ServiceError]], json: Table, rfc: Table) -> list[str]:
    """Compare docs/errors.md with the refusals and with both tables: code, message, statuses and codes."""
    real = {}
    for one in found:
        statuses = ["{} `{}`".format(*table[one]) if one in table else "missing in a table" for table in (json, rfc)]
        real[one.__name__] = [f"`{one.code}`", one.public, *statuses]
    documented = {
        name: [code, message, *(cell.removesuffix("†").strip() for cell in dialects)]
        for name, (code, message, _when, *dialects) in rows(text).items()
    }
    return differences(documented, real)


def missing_events(text: str, sources: Iterable[str]) -> list[str]:
    """Name the events that the code notes and the page does not list, and the other way round."""
    listed = dict.fromkeys(name for name in rows(text) if _EVENT.fullmatch(name))
    return differences(listed, dict.fromkeys(name for source in sources for name in _events(source)))


def _events(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "logs.event":
            # A name may be chosen by a condition; every constant of the first argument is one.
            constants = [part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
            yield from (str(value) for value in constants)


def broken_links(text: str, folder: Path) -> list[str]:
    """Name the relative links that lead nowhere, as seen from the page's folder."""
    return [target for target, _ in _LINK.findall(text) if target and not (folder / target).exists()]


def missing_paths(text: str) -> list[str]:
    """Name the paths of the project that a text speaks of and that do not exist; `docs/decisions/0003` may be short."""
    return [path for path in _PATH.findall(text) if not ((ROOT / path).exists() or list(ROOT.glob(f"{path}-*.md")))]


def missing_sections(text: str) -> list[str]:
    """Name what a decision does not say, or does not say in its place."""
    found = re.findall(r"^## (.+)$", text, re.MULTILINE)
    return [] if found == SECTIONS else [f"has {found}, not {SECTIONS}"]


def picture(text: str) -> list[str]:
    """Read the picture of the house on a page: its lines without the margin."""
    lines = text[: text.rfind("┘")].splitlines()
    start = next((number for number, line in enumerate(lines) if re.match(r"\s*factory\.py ", line)), len(lines))
    return [line.strip() for line in lines[start:]]


def test_every_setting_is_documented():
    """
    An operator finds each variable with its meaning, default and bounds, and none that does not exist.
    """
    assert wrong_settings(read(DOCS / "settings.md"), settings.variables()) == []


def test_every_refusal_is_documented_and_translated():
    """
    A client finds each refusal with what it looks like in both dialects, and none that does not exist.
    """
    found = list(subclasses(ServiceError))

    assert wrong_refusals(read(DOCS / "errors.md"), found, chalk.TABLE, oauth.TABLE) == []
    assert set(chalk.TABLE) == set(oauth.TABLE) == set(found)


def test_every_refusal_is_in_the_list_and_in_its_tree():
    """
    Whoever opens the list of refusals sees all of them, drawn and exported.
    """
    names = {one.__name__ for one in subclasses(ServiceError)}

    drawn = re.findall(r"[├└]── (\w+)", refusals.__doc__ or "")
    assert sorted(drawn) == sorted(names)
    assert set(refusals.__all__) == names | {"ServiceError"}


def test_every_event_is_in_the_runbook():
    """
    Whoever reads an event in the log at night finds what it means and what to do.
    """
    assert missing_events(read(DOCS / "operations.md"), map(read, python_files("app"))) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_everything_that_a_page_points_at_exists(page):
    """
    No link and no path on a page leads nowhere.
    """
    assert broken_links(read(page), page.parent) == []
    assert missing_paths(read(page)) == []


def test_every_page_that_the_code_points_at_exists():
    """
    A comment that sends the reader to a document sends them to one that is there.
    """
    assert {str(file): missing_paths(read(file)) for file in python_files("app") if missing_paths(read(file))} == {}


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_every_decision_says_what_it_cost(page):
    """
    A decision gives its context, its choice, its price, and what would change our mind.
    """
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+", page.stem)
    assert missing_sections(read(page)) == []


def test_the_picture_of_the_house_is_the_same_everywhere():
    """
    The package, the README and the architecture page show one house.
    """
    house = picture(app.__doc__ or "")

    assert len(house) >= 10
    assert picture(read(ROOT / "README.md")) == picture(read(DOCS / "architecture.md")) == house


def test_a_page_that_rotted_is_found():
    """
    Each check names what is missing, what is too much and what says something else.
    """
    one = {"name": "CHALK_A", "meaning": "so much", "default": "5", "parse": int}
    bounds = _bounds(one)
    assert wrong_settings(f"| `CHALK_A` | so much | `5` | {bounds} |", [one]) == []
    for page in ("", f"| `CHALK_A` | so much | `6` | {bounds} |", "| `CHALK_A` | so much | `5` | any |"):
        assert len(wrong_settings(page, [one])) == 1
    assert len(wrong_settings(f"| `CHALK_A` | so much | `5` | {bounds} |\n| `CHALK_B` | x | none | y |", [one])) == 1

    table: Table = {refusals.NotFoundError: (404, "NOT_FOUND")}
    row = "| `NotFoundError` | `not_found` | Not found | Gone. | 404 `NOT_FOUND` † | 404 `NOT_FOUND` |"
    assert wrong_refusals(row, table, table, table) == []
    for page, tables in ((row, [table, {}]), (row.replace("404", "410", 1), [table, table]), ("", [table, table])):
        assert len(wrong_refusals(page, table, *tables)) == 1
    assert len(wrong_refusals(row, [], table, table)) == 1

    source = 'logs.event("key.lost" if lost else "key.found", key=1)'
    assert missing_events("| `key.lost` | x |\n| `key.found` | y |", [source]) == []
    assert len(missing_events("| `key.lost` | x |\n| `key.gone` | y |", [source])) == 2


def test_a_pointer_to_nowhere_is_found():
    """
    A dead link, a file that moved, a decision without its price and another picture are each reported.
    """
    assert broken_links("[a](docs/x.md) [b](README.md#two-commands) [c](#d) [e](https://example.org/f)", ROOT) == [
        "docs/x.md"
    ]
    assert missing_paths("see app/factory.py, app/flows/ and docs/decisions/0003; not app/models.py") == [
        "app/models.py"
    ]
    assert missing_sections("".join(f"## {name}\n" for name in SECTIONS)) == []
    assert missing_sections("## Context\n## Choice\n## What would change our mind\n")
    assert picture("  factory.py  joins\n └─┘ x") == ["factory.py  joins", "└─"]
    assert picture("no house") == []
