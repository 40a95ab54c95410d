"""Where the database lies: what a URL means, and the folder of a SQLite file."""

import pytest
from sqlalchemy import create_engine

from app.foundation.database import prepare, resolve_url
from app.foundation.errors import ConfigurationError
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p%2Fw@h/d?sslmode=require", "postgresql+psycopg://u:p%2Fw@h/d?sslmode=require"),
        ("postgresql+psycopg:///d", "postgresql+psycopg:///d"),
        ("sqlite:///var/chalk.db", f"sqlite:///{ROOT}/var/chalk.db"),
        ("sqlite:////srv/chalk.db", "sqlite:////srv/chalk.db"),
    ],
)
def test_a_database_url_is_made_definite(given, meant):
    """
    The driver is named, a relative file lies under the project wherever the server was started, the rest is kept.
    """
    assert resolve_url(given, ROOT) == meant
    assert resolve_url(meant, ROOT) == meant


@pytest.mark.parametrize("given", ["", "x", "sqlite:nonsense", "sqlite://", "sqlite:///:memory:", "postgresql://h:x/d"])
def test_a_url_that_cannot_serve_has_no_meaning(given):
    """
    What cannot be read, or would be lost with the process, is none.
    """
    assert resolve_url(given, ROOT) is None


def test_sqlite_makes_the_folder_of_its_file(tmp_path):
    """
    A fresh clone has no `var/`; the first start makes it.
    """
    engine = create_engine(f"sqlite:///{tmp_path}/var/deep/chalk.db")
    prepare(engine)

    with engine.connect():
        assert (tmp_path / "var" / "deep" / "chalk.db").exists()
    engine.dispose()


def test_a_file_that_cannot_have_a_folder_is_said_in_a_sentence(tmp_path):
    """
    When SQLite has no place to lie, the server says so instead of falling over.
    """
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=str(tmp_path)):
        prepare(create_engine(f"sqlite:///{tmp_path}/file/chalk.db"))
