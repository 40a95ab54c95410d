"""Which way the arrows point: the contracts of pyproject.toml, and proof that each of them can be broken."""

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import ROOT, Finding, broken, exceptions, python_files

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

# A house in miniature that keeps every contract; each break below puts one file wrong.
MINIATURE = {
    "app/__init__.py": "",
    "app/factory.py": "import flask\nfrom app.entrypoints import cli, oauth\n",
    "app/entrypoints/__init__.py": "",
    "app/entrypoints/oauth.py": "from app.entrypoints import headers, wiring\nfrom app.protocol import server\n",
    "app/entrypoints/headers.py": "",
    "app/entrypoints/wiring.py": "from app.entrypoints import headers\n",
    "app/entrypoints/cli/__init__.py": "from app.entrypoints.cli import demo\n",
    "app/entrypoints/cli/demo.py": "from app.entrypoints import wiring\nfrom app.flows import open_tenant\n",
    "app/protocol/__init__.py": "",
    "app/protocol/server.py": "import authlib.oauth2\nfrom app.flows import open_tenant\n",
    "app/flows/__init__.py": "",
    "app/flows/open_tenant.py": "from app.flows import refusals, steps, tools\n",
    "app/flows/close_tenant.py": "from app.domain import tenants\nfrom app.flows import results\n",
    "app/flows/steps.py": "from app.flows import refusals, tools\n",
    "app/flows/tools.py": "from app import settings\n",
    "app/flows/results.py": "",
    "app/flows/refusals.py": "from app.foundation import errors\n",
    "app/domain/__init__.py": "",
    "app/domain/tenants/__init__.py": "from app.domain.tenants import tables\n",
    "app/domain/tenants/tables.py": "import sqlalchemy\nfrom app.foundation import errors\n",
    "app/domain/rooms/__init__.py": "",
    "app/domain/rooms/rooms.py": "",
    "app/domain/rooms/tables.py": "",
    "app/settings.py": "from app.foundation import errors\n",
    "app/foundation/__init__.py": "",
    "app/foundation/errors.py": "",
    "app/foundation/clock.py": "",
}

BREAKS = [
    ("floors", "app/foundation/clock.py", "from app import settings"),
    ("floors", "app/domain/rooms/rooms.py", "from app.flows import tools"),
    ("floors", "app/flows/results.py", "from app.protocol import server"),
    ("floors", "app/services.py", ""),
    ("rooms", "app/domain/rooms/rooms.py", "from app.domain import tenants"),
    ("rooms", "app/domain/rooms/rooms.py", "from app.domain.tenants import tables"),
    ("tables", "app/flows/close_tenant.py", "from app.domain.tenants import tables"),
    ("tables", "app/flows/close_tenant.py", "from app.domain.tenants.tables import Tenant"),
    ("stories", "app/flows/close_tenant.py", "from app.flows import open_tenant"),
    ("stories", "app/flows/steps.py", "from app.flows import open_tenant"),
    ("stories", "app/flows/tools.py", "from app.flows import open_tenant"),
    ("steps", "app/flows/results.py", "from app.flows import steps"),
    ("steps", "app/flows/tools.py", "from app.flows import steps"),
    ("doors", "app/entrypoints/oauth.py", "from app.entrypoints.cli import demo"),
    ("doors", "app/entrypoints/cli/demo.py", "from app.entrypoints import oauth"),
    ("doors", "app/entrypoints/wiring.py", "from app.entrypoints import oauth"),
    ("doors-share", "app/entrypoints/headers.py", "from app.entrypoints import wiring"),
    ("stories-only", "app/factory.py", "from app.domain import rooms"),
    ("stories-only", "app/entrypoints/cli/demo.py", "from app.domain.rooms import rooms"),
    ("stories-only", "app/protocol/server.py", "from app.domain.rooms.rooms import Room"),
    ("no-web", "app/flows/open_tenant.py", "import flask"),
    ("no-web", "app/domain/rooms/rooms.py", "from werkzeug.exceptions import NotFound"),
    ("no-web", "app/settings.py", "from flask_sqlalchemy import SQLAlchemy"),
    ("no-web", "app/foundation/clock.py", "from authlib.jose import jwt"),
    ("authlib", "app/entrypoints/oauth.py", "from authlib.oauth2 import OAuth2Error"),
    ("authlib", "app/factory.py", "import authlib"),
    ("sql", "app/entrypoints/oauth.py", "from sqlalchemy import select"),
    ("sql", "app/protocol/server.py", "import sqlalchemy.orm"),
    ("sql", "app/flows/open_tenant.py", "from sqlalchemy.orm import Session"),
    ("acyclic", "app/domain/rooms/tables.py", "from app.domain.rooms import rooms\n"),
    ("acyclic", "app/foundation/errors.py", "from app.foundation import clock\n"),
]
# A circle takes two: what the first file of an `acyclic` break is imported by.
CIRCLES = {
    "app/domain/rooms/rooms.py": "from app.domain.rooms import tables",
    "app/foundation/clock.py": "from app.foundation import errors",
}


def lint(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter, with this project's contracts, over the `app` that stands in a folder."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo", "--config", str(ROOT / "pyproject.toml"), *options],
        cwd=folder, env=quiet, capture_output=True, text=True, check=False,
    )  # fmt: skip


def build(folder: Path, files: dict[str, str]) -> None:
    """Write these files, and the folders they need."""
    for name, source in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")


def imports_inside_functions(source: str) -> Iterator[Finding]:
    """
    Find imports that happen when a function is called, which hide an arrow and slow its first caller.

    `# house: <reason>` on the line above lets one stand.
    """
    excused = {line + 1 for line in exceptions(source)}
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, FUNCTIONS):
            for node in ast.walk(function):
                if getattr(node, "lineno", None) in excused:
                    continue
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node.lineno, "imports inside a function"
                elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"__import__", "importlib.import_module"}:
                    yield node.lineno, "imports by name inside a function"


def test_every_arrow_of_the_house_points_down():
    """
    A reader who opens a file knows that nothing above it, and no neighbour, can be involved.
    """
    answer = lint(ROOT)

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_contracts_let_a_well_built_house_stand(tmp_path):
    """
    The contracts forbid only what the plan forbids: the arrows it draws are allowed.
    """
    build(tmp_path, MINIATURE)

    answer = lint(tmp_path)

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(("contract", "file", "source"), BREAKS)
def test_a_wrong_arrow_breaks_its_contract(tmp_path, contract, file, source):
    """
    A wrong import cannot slip in: the contract that forbids it says so.
    """
    circle = CIRCLES if contract == "acyclic" else {}
    build(tmp_path, MINIATURE | circle | {file: source})

    answer = lint(tmp_path, "--contract", contract)

    assert answer.returncode == 1
    assert "1 broken" in answer.stdout, answer.stdout + answer.stderr


def test_each_contract_is_shown_to_break():
    """
    A contract that cannot fail is a defect: none is without a wrong arrow above.
    """
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    contracts = {contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]}

    assert contracts == {contract for contract, _, _ in BREAKS}


def test_no_import_hides_in_a_function():
    """
    The imports at the top of a file are all that it needs; none is reached on the quiet.
    """
    assert broken(imports_inside_functions, python_files("app")) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import os\n",
        "class C:\n    async def f(self):\n        if self:\n            from os import path\n",
        "def f():\n    return importlib.import_module('app.flows')\n",
        "f = lambda: __import__('os')\n",
        "def f():\n    # house:\n    import os\n",
    ],
)
def test_a_hidden_import_is_found(source):
    """
    An import that waits inside a function is reported wherever it hides.
    """
    assert list(imports_inside_functions(source))
    assert not list(imports_inside_functions("import os\nif os:\n    import sys\n"))
    assert not list(imports_inside_functions("def f():\n    # house: an extra\n    import os\n"))
