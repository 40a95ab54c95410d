"""Time, chance and the environment enter by one door each."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import ROOT, Finding, broken, python_files

# Modules that are nothing but chance.
FORBIDDEN_MODULES = {"random", "secrets"}

# Durations may be measured (`time.monotonic`, `time.perf_counter`): they say how long, not when.
FORBIDDEN_NAMES = {
    *(f"datetime.datetime.{name}" for name in ("now", "today", "utcnow")),
    "datetime.date.today",
    *(f"time.{name}" for name in ("ctime", "gmtime", "localtime", "strftime", "time", "time_ns")),
    *(f"sqlalchemy.func.{name}" for name in ("current_timestamp", "now", "random")),
    *(f"os.{name}" for name in ("environ", "environb", "getenv", "getrandom", "putenv", "urandom")),
    *(f"{module}.uuid{version}" for module in ("uuid", "uuid_utils", "uuid_utils.compat") for version in range(1, 9)),
}


def aliases(tree: ast.Module) -> dict[str, str]:
    """Map every name that the module's imports bind to the dotted name behind it."""
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                top = name.name.partition(".")[0]
                bound[name.asname or top] = name.name if name.asname else top
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                bound[name.asname or name.name] = f"{node.module}.{name.name}"
    return bound


def time_and_chance(source: str) -> Iterator[Finding]:
    """Find where a module asks the time, draws lots or reads the environment by itself, under whatever name."""
    tree = ast.parse(source)
    bound = aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named = {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            named = {node.module or ""} | {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Attribute):
            first, dot, rest = ast.unparse(node).partition(".")
            named = {bound.get(first, first) + dot + rest}
        else:
            continue
        for name in sorted(named & (FORBIDDEN_MODULES | FORBIDDEN_NAMES)):
            yield node.lineno, f"uses {name}; ask foundation or settings"


def test_only_foundation_and_settings_meet_the_world():
    """
    A test that stops the clock stops it everywhere, and no setting is read behind the frozen object's back.
    """
    doors = [*python_files("app/foundation"), ROOT / "app/settings.py"]

    everyone_else = [file for file in python_files("app") if file not in doors]

    assert broken(time_and_chance, everyone_else) == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\nstart = datetime.now()\n",
        "from datetime import UTC, datetime as d\nstart = d.now(UTC)\n",
        "import datetime as dt\nstart = dt.datetime.utcnow()\n",
        "from datetime import date\nday = date.today()\n",
        "import time\nclock = time.time\n",
        "from time import time\n",
        "import os\nhome = os.environ['HOME']\n",
        "from os import getenv\n",
        "import os as system\nkey = system.urandom(32)\n",
        "import secrets\n",
        "from secrets import token_urlsafe\n",
        "import random as chance\n",
        "import uuid\nname = uuid.uuid4()\n",
        "from uuid_utils.compat import uuid7\n",
        "import sqlalchemy as sa\nwhen = sa.func.now()\n",
    ],
)
def test_a_second_clock_or_source_of_chance_is_found(source):
    """
    An alias does not hide who asks the time, draws lots or reads the environment.
    """
    assert list(time_and_chance(source))


def test_what_is_no_clock_is_left_alone():
    """
    Arithmetic on times, durations, paths and parsing identifiers are everybody's.
    """
    source = (
        "import os\nimport time\nfrom datetime import datetime, timedelta\nfrom uuid import UUID\n"
        "def age(now: datetime, clock) -> timedelta:\n    clock.now()\n    return now - datetime.fromtimestamp(0)\n"
        "began = time.monotonic()\nname = UUID(int=0)\npath = os.path.join('a', 'b')\n"
    )

    assert not list(time_and_chance(source))
