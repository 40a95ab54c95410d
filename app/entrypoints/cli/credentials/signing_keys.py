"""`chalk-auth signing-keys`: look at the keys, and take a step by hand."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import click

from app.entrypoints.cli.credentials.forcing import forced, refusal, said
from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.activate_signing_key import activate_signing_key
from app.flows.import_signing_key import import_signing_key
from app.flows.look_up import look_up_signing_keys
from app.flows.refusals import UnsafeKeyStepError
from app.flows.results import KeyTimeline
from app.flows.retire_signing_key import retire_signing_key
from app.flows.revoke_signing_key import revoke_signing_key
from app.flows.tools import Tools
from app.foundation.clock import rfc3339

_WIDTH = 60
# A thumbprint is base64url: one in sixty-four looks like an option.
_KID_MAY_BEGIN_WITH_A_DASH = {"ignore_unknown_options": True}
_ROW = "{:43}  {:10}  {:8}  {:20}  {:20}  {:20}"
_FORCE = click.option("--force", is_flag=True, help="Do it although it is not safe; needs --reason.")
_REASON = click.option("--reason", help="Why; it is recorded with the key.")


@click.group()
def signing_keys() -> None:
    """Look after signing keys. They rotate by themselves; nothing here needs to be done."""


@signing_keys.command("list")
@click.pass_obj
def list_keys(launcher: Launcher) -> None:
    """Draw the life of every key."""
    timelines = look_up_signing_keys(_tools(launcher))
    click.echo(f"{'kid':43}  {'kind':10}  {'state':8}  {'published':20}  {'signs from':20}  {'verifies until':20}")
    for key in timelines:
        row = (
            key.kid,
            key.kind,
            key.state,
            rfc3339(key.published_at),
            _when(key.signs_from),
            _when(key.verifies_until),
        )
        click.echo("{:43}  {:10}  {:8}  {:20}  {:20}  {:20}".format(*row) + (f"  ({key.reason})" if key.reason else ""))
    click.echo("")
    for line in _drawing(timelines):
        click.echo(line)


@signing_keys.command("rotate")
@_FORCE
@_REASON
@click.pass_obj
def rotate(launcher: Launcher, force: bool, reason: str | None) -> None:  # noqa: FBT001  click passes it by name
    """Let the standby sign now, and retire the key that did."""
    click.echo(f"ACTIVE={_step(launcher, None, forced(force=force, reason=reason))}")


@signing_keys.command("activate", context_settings=_KID_MAY_BEGIN_WITH_A_DASH)
@click.argument("kid")
@_FORCE
@_REASON
@click.pass_obj
def activate(launcher: Launcher, kid: str, force: bool, reason: str | None) -> None:  # noqa: FBT001
    """Let this standby sign now."""
    click.echo(f"ACTIVE={_step(launcher, kid, forced(force=force, reason=reason))}")


@signing_keys.command("retire", context_settings=_KID_MAY_BEGIN_WITH_A_DASH)
@click.argument("kid")
@_FORCE
@_REASON
@click.pass_obj
def retire(launcher: Launcher, kid: str, force: bool, reason: str | None) -> None:  # noqa: FBT001
    """Take a key that does not sign out of the JWKS."""
    why = forced(force=force, reason=reason)
    tools = _tools(launcher)
    try:
        retire_signing_key(kid, why, tools)
    except UnsafeKeyStepError as error:
        raise refusal(error) from error


@signing_keys.command("revoke", context_settings=_KID_MAY_BEGIN_WITH_A_DASH)
@click.argument("kid")
@click.option("--reason", required=True, help="Why; it is recorded with the key.")
@click.pass_obj
def revoke(launcher: Launcher, kid: str, reason: str) -> None:
    """Revoke a key in an emergency: its tokens are dead at once, and another key signs."""
    revoke_signing_key(kid, said(reason), _tools(launcher))


@signing_keys.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_key(launcher: Launcher, file: Path) -> None:
    """Publish a private key of your own (PEM) as the standby."""
    click.echo(f"STANDBY={import_signing_key(file.read_bytes(), _tools(launcher))}")


def _tools(launcher: Launcher) -> Tools:
    return wiring_of(launcher.open_ready()).tools


def _step(launcher: Launcher, kid: str | None, why: str | None) -> str:
    tools = _tools(launcher)
    try:
        return activate_signing_key(kid, why, tools)
    except UnsafeKeyStepError as error:
        raise refusal(error) from error


def _when(moment: datetime | None) -> str:
    return "-" if moment is None else rfc3339(moment)


def _drawing(timelines: Sequence[KeyTimeline]) -> list[str]:
    shown = [key for key in timelines if key.state != "revoked"]
    if not shown:
        return []

    start = min(key.published_at for key in shown)
    end = max(key.ends_at for key in shown)
    scale = (_WIDTH - 1) / max((end - start).total_seconds(), 1)

    def column(moment: datetime) -> int:
        return round((moment - start).total_seconds() * scale)

    dates = f"{rfc3339(start)[:10]}{rfc3339(end)[:10]:>{_WIDTH - 10}}"
    rows = [f"{key.kid[:8]}  {_bar(key, column)}  {key.state}" for key in shown]
    return [*rows, f"{'':8}  {dates}", f"{'':8}  . published   # signs   = verifies   | now"]


def _bar(key: KeyTimeline, column: Callable[[datetime], int]) -> str:
    bar = [" "] * _WIDTH
    spans = ((key.published_at, "."), (key.signs_from, "#"), (key.signs_until, "="))
    for begins, mark in spans:
        if begins is not None:
            for at in range(column(begins), column(key.ends_at) + 1):
                bar[at] = mark
    bar[min(column(key.now), _WIDTH - 1)] = "|"
    return "".join(bar)
