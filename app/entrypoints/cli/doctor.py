"""`chalk-auth doctor`: whether a deployment is in order, and what to do where it is not."""

import json
import sys

import click
from alembic.script import ScriptDirectory

from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.examine_deployment import examine_deployment
from app.flows.results import Diagnosis
from app.foundation.errors import ConfigurationError

_SIGNS = {"ok": "ok     ", "warning": "WARNING", "fault": "FAULT  "}


@click.command()
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)
@click.pass_obj
def doctor(launcher: Launcher, output: str) -> None:
    """Examine settings, files, database, clock and keys; exit status 1 when something is at fault."""
    findings = _examine(launcher)
    if output == "json":
        told = [{"check": each.check, "level": each.level, "message": each.message} for each in findings]
        click.echo(json.dumps(told))
    else:
        for each in findings:
            click.echo(f"{_SIGNS[each.level]} {each.check}: {each.message}")
    if any(each.level == "fault" for each in findings):
        sys.exit(1)


def _examine(launcher: Launcher) -> list[Diagnosis]:
    try:
        application = launcher.open()
    except ConfigurationError as error:
        return [Diagnosis("settings", "fault", str(error))]
    head = ScriptDirectory(launcher.migrations).get_current_head()
    return [Diagnosis("settings", "ok", "all can be read"), *examine_deployment(wiring_of(application).tools, head)]
