"""`chalk-auth invalidate-before`: after a restored backup, no session from before is trusted."""

from datetime import datetime

import click

from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.invalidate_before import invalidate_before

_STILL_TO_DO = (
    "chalk-auth: API keys, tenants, rooms and participants stand as they were backed up. What was revoked since is in "
    "the log alone: docs/operations/backups.md says how to end it again."
)


@click.command("invalidate-before")
@click.argument("moment", metavar="TIME")
@click.pass_obj
def invalidate(launcher: Launcher, moment: str) -> None:
    """
    End every session, of all tenants, that was opened before TIME: after a backup was restored.

    TIME is `now`, or like 2026-11-24T03:10:00Z. Tenants' clients open new sessions by their keys; participants have to
    be given new tokens.
    """
    tools = wiring_of(launcher.open()).tools
    now = tools.clock.now()
    done = invalidate_before(now if moment == "now" else _parsed(moment, now), tools)
    click.echo(f"SESSIONS={done.sessions}\nTENANTS={done.tenants}")
    click.echo(_STILL_TO_DO, err=True)


def _parsed(moment: str, now: datetime) -> datetime:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as error:
        raise click.UsageError("TIME must be now, or like 2026-11-24T03:10:00Z") from error
    if parsed.tzinfo is None:
        raise click.UsageError("TIME must say its zone: Z for UTC")
    if parsed > now:
        raise click.UsageError("TIME lies in the future")
    return parsed
