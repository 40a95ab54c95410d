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
@click.option(
    "--measure-seconds",
    type=click.FloatRange(0, 10),
    default=0.2,
    show_default=True,
    help="How long to sign, about ten times, to tell how fast this machine can; 0 to leave it out.",
)
@click.pass_obj
def doctor(launcher: Launcher, output: str, measure_seconds: float) -> None:
    """Examine settings, files, database, clock and keys; exit status 1 when something is at fault."""
    findings = _examine(launcher, measure_seconds)
    if output == "json":
        told = [{"check": each.check, "level": each.level, "message": each.message} for each in findings]
        click.echo(json.dumps(told))
    else:
        for each in findings:
            click.echo(f"{_SIGNS[each.level]} {each.check}: {each.message}")
    if any(each.level == "fault" for each in findings):
        sys.exit(1)


def _examine(launcher: Launcher, measure_seconds: float) -> list[Diagnosis]:
    try:
        application = launcher.open()
    except ConfigurationError as error:
        return [Diagnosis("settings", "fault", str(error))]
    head = ScriptDirectory(launcher.migrations).get_current_head()
    found = examine_deployment(wiring_of(application).tools, head, measure_seconds=measure_seconds)
    return [Diagnosis("settings", "ok", "all can be read"), *found]
