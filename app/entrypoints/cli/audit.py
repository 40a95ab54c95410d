"""`chalk-auth audit-store`: is there anything in the database that may never be there?"""

import dataclasses
import json
import sys

import click

from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.audit_store import audit_store


@click.command("audit-store")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For whom.")
@click.pass_obj
def audit(launcher: Launcher, output: str) -> None:
    """Look for what may never be in the database; exit status 2 when something is. Nothing is changed."""
    found = audit_store(wiring_of(launcher.open()).tools)
    if output == "json":
        told = {"sessions": found.sessions, "findings": [dataclasses.asdict(each) for each in found.findings]}
        click.echo(json.dumps(told))
    else:
        for each in found.findings:
            click.echo(f"{each.rule}  {each.subject}  {each.what}")
        click.echo(f"SESSIONS={found.sessions}")
        click.echo(f"FINDINGS={len(found.findings)}")
    if found.findings:
        sys.exit(2)
