"""`chalk-auth events`: what was done in a tenant's name, by an operator at the server's own command line."""

import json
import threading

import click

from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.follow_events import follow_events
from app.flows.results import AT_THE_COMMAND_LINE, Entry
from app.foundation.clock import rfc3339
from app.foundation.identifiers import print_id

_EVERY_SECONDS = 1
_MOST = 10_000


@click.group()
def events() -> None:
    """Look at the audit events of a tenant."""


@events.command("tail")
@click.option("--tenant", required=True, help="The tenant's id.")
@click.option("--limit", type=click.IntRange(0, _MOST), default=20, show_default=True, help="How many to begin with.")
@click.option("--follow", is_flag=True, help="Go on with those that come, until interrupted.")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="json: an object a line."
)
@click.pass_obj
def tail(launcher: Launcher, *, tenant: str, limit: int, follow: bool, output: str) -> None:
    """Print the last audit events of a tenant, the earliest first."""
    print_one = _json if output == "json" else _text
    pause = threading.Event()
    try:
        for batch in follow_events(AT_THE_COMMAND_LINE, tenant, limit, wiring_of(launcher.open_ready()).tools):
            for entry in batch:
                click.echo(print_one(entry))
            if not follow:
                return
            pause.wait(_EVERY_SECONDS)
    except KeyboardInterrupt:
        # That is how one stops following.
        return


def _text(entry: Entry) -> str:
    facts = {"actor": entry.actor, "address": entry.address, **entry.data}
    known = [f"{name}={value}" for name, value in facts.items() if value is not None]
    return "  ".join([rfc3339(entry.created_at), entry.type, *known])


def _json(entry: Entry) -> str:
    return json.dumps(
        {
            "id": print_id("evt", entry.id),
            "type": entry.type,
            "created_at": rfc3339(entry.created_at),
            "actor": entry.actor,
            "address": entry.address,
            "request_id": entry.request_id,
            "data": entry.data,
        }
    )
