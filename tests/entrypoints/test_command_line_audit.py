"""`chalk-auth audit-store`: for people and for machines, and its exit status says whether something is wrong."""

import json
import sys

import pytest
from sqlalchemy import update

from app.domain.refresh_tokens.tables import FamilyRow
from app.entrypoints import cli
from app.entrypoints.wiring import Launcher, wiring_of
from tests.builders import a_pair, a_tenant
from tests.conftest import ROOT


@pytest.fixture
def audit(start, monkeypatch, capsys):
    """Run the command in this process; gives its status, and what it printed."""

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["chalk-auth", "audit-store", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.run(Launcher(start, start, str(ROOT / "migrations"), "none"))
        return int(end.value.code or 0), capsys.readouterr().out

    return command


def test_the_exit_status_says_whether_something_is_wrong(audit, start):
    """
    I2: nothing found is 0; a finding is 2, and is told in words or as JSON.
    """
    tools = wiring_of(start()).tools
    a_pair(tools, a_tenant(tools))
    assert audit() == (0, "SESSIONS=1\nFINDINGS=0\n")
    assert audit("--output", "json") == (0, '{"sessions": 1, "findings": []}\n')

    with tools.database.transaction() as connection:
        connection.execute(update(FamilyRow).values(generation=0))

    status, said = audit()
    assert status == 2
    assert "a generation before the first" in said
    status, said = audit("--output", "json")
    assert status == 2
    (finding,) = json.loads(said)["findings"]
    assert finding.keys() == {"rule", "subject", "what"}
    assert finding["rule"] == "session.irregular"
    assert finding["subject"].startswith("ses_")
