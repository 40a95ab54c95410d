"""`chalk-auth doctor` as an operator runs it: a process with an environment of its own."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence

from tests.conftest import ROOT
from tests.servers import COMMAND

Findings = dict[tuple[str, str], str]


def diagnose(environment: Mapping[str, str], command: Sequence[str] = (COMMAND,)) -> tuple[int, Findings]:
    """
    Give its exit status, and what it says of each check at which level.

    How fast the machine signs is left out: that is no fault of a configuration.
    """
    around = {name: value for name, value in os.environ.items() if not name.startswith("CHALK_")}
    done = subprocess.run(
        [*command, "doctor", "--output", "json", "--measure-seconds", "0"],
        cwd=ROOT,
        env=around | dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, {(each["check"], each["level"]): each["message"] for each in json.loads(done.stdout)}
