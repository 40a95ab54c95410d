"""`chalk-auth keys`: the API keys of a tenant, by an operator at the server's own command line."""

import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import click

from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.check_api_key import check_api_key
from app.flows.create_api_key import KeyWanted, create_api_key
from app.flows.look_up_api_keys import look_up_api_keys
from app.flows.results import AT_THE_COMMAND_LINE, CreatedKey, KeyDetails
from app.flows.revoke_api_key import revoke_api_key
from app.flows.rotate_api_key import Reason, rotate_api_key
from app.flows.tools import Tools
from app.foundation.clock import rfc3339
from app.foundation.names import is_name

Command = Callable[..., None]

_OUTPUT = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)
_ROW = "{:12}  {:8}  {:4}  {:20}  {:20}  {:>10}  {}"
_COLUMNS = {
    "id": "id",
    "status": "status",
    "mode": "mode",
    "created_at": "created at",
    "expires_at": "expires at",
    "rate_limit_per_minute": "per minute",
    "name": "name",
}
_PAGE = 100


def _on_a_tenant(command: Command) -> Command:
    tenant = click.option("--tenant", required=True, help="The tenant's id.")
    return tenant(_OUTPUT(click.pass_obj(command)))


@click.group()
def keys() -> None:
    """Look after the API keys of a tenant."""


@keys.command("create")
@click.option("--name", required=True, help="For people.")
@click.option("--mode", type=click.Choice(["live", "test"]), default="live", show_default=True, help="What it reaches.")
@click.option("--scope", help="What it may do, with spaces between; all, if not given.")
@click.option("--expires-at", help="Until when it works, as 2027-01-31T00:00:00Z; without end, if not given.")
@click.option("--rate-limit", type=click.IntRange(1, 1_000_000), help="Requests a minute; as usual, if not given.")
@click.option("--allow-browsers", is_flag=True, help="A browser may send it, where anyone can read it.")
@_on_a_tenant
def create(launcher: Launcher, *, tenant: str, output: str, name: str, **asked: Any) -> None:
    """Issue another key of a tenant. It is shown this once."""
    if not is_name(name):
        raise click.BadParameter("must have 1 to 200 characters, and no control characters", param_hint="--name")
    ends = asked["expires_at"]
    wanted = KeyWanted(
        name,
        asked["scope"],
        None if ends is None else _moment(ends),
        mode=asked["mode"],
        requests_per_minute=asked["rate_limit"],
        from_browsers=asked["allow_browsers"],
    )
    _print_created(create_api_key(AT_THE_COMMAND_LINE, tenant, wanted, _tools(launcher)), output)


@keys.command("list")
@_on_a_tenant
def list_keys(launcher: Launcher, tenant: str, output: str) -> None:
    """Show every key of a tenant, also those that do not work any more."""
    tools = _tools(launcher)
    now = tools.clock.now()
    found = [_facts(key, now) for key in _all(tenant, tools)]
    if output == "json":
        click.echo(json.dumps(found))
        return
    click.echo(_ROW.format(*_COLUMNS.values()))
    for each in found:
        click.echo(_ROW.format(*(each[name] or "-" for name in _COLUMNS)))


@keys.command("rotate")
@click.argument("key_id")
@click.option("--grace", type=click.IntRange(0, 2_592_000), default=0, help="How many seconds the old one works on.")
@click.option("--compromised", is_flag=True, help="Somebody has it: it dies at once, and every session that it opened.")
@_on_a_tenant
def rotate(launcher: Launcher, *, tenant: str, output: str, key_id: str, grace: int, compromised: bool) -> None:
    """Replace a key by one with the same rights and the same end. It is shown this once."""
    tools = _tools(launcher)
    reason: Reason = "compromised" if compromised else "routine"
    _print_created(rotate_api_key(AT_THE_COMMAND_LINE, tenant, grace, reason, tools, presented_id=key_id), output)


@keys.command("revoke")
@click.argument("key_id")
@_on_a_tenant
def revoke(launcher: Launcher, tenant: str, output: str, key_id: str) -> None:
    """Revoke a key at once, and end every session that it opened."""
    revoke_api_key(AT_THE_COMMAND_LINE, tenant, key_id, _tools(launcher))
    click.echo(json.dumps({"id": key_id, "revoked": True}) if output == "json" else f"revoked {key_id}")


@keys.command("check")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)
def check(output: str) -> None:
    """
    Tell whether a string is written like a key. It is read from standard input, so that it stands in no list of
    processes; nothing is asked of the server, so a key that is written right may not exist.
    """
    written = check_api_key(sys.stdin.readline().strip())
    if written is None:
        raise click.ClickException("This is not written like an API key: a character is wrong, or missing.")
    facts = {"id": written.id, "kind": written.kind, "mode": written.mode}
    click.echo(json.dumps(facts) if output == "json" else f"{written.id}: {written.kind}, {written.mode}")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.BadParameter("must be a time like 2027-01-31T00:00:00Z", param_hint="--expires-at")
    return moment.astimezone(UTC)


def _all(tenant: str, tools: Tools) -> Iterable[KeyDetails]:
    cursor = None
    while True:
        page = look_up_api_keys(AT_THE_COMMAND_LINE, tenant, (cursor, _PAGE), tools)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _facts(key: KeyDetails, now: datetime) -> dict[str, str | int | None]:
    return {
        "id": f"key_{key.id}",
        "name": key.name,
        "mode": key.mode,
        "status": key.status_at(now),
        "scope": key.scopes,
        "rate_limit_per_minute": key.requests_per_minute,
        "created_at": rfc3339(key.created_at),
        "expires_at": None if key.expires_at is None else rfc3339(key.expires_at),
    }


def _print_created(created: CreatedKey, output: str) -> None:
    if output == "json":
        click.echo(json.dumps({"id": created.issued.name, "api_key": created.issued.text}))
        return
    click.echo(f"KEY_ID={created.issued.name}")
    click.echo(f"API_KEY={created.issued.text}")


def _tools(launcher: Launcher) -> Tools:
    return wiring_of(launcher.open_ready()).tools
