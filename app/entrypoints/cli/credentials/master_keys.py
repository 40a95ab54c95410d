"""`chalk-auth master-key`: take the installation from one master key to another, without a stop."""

import click

from app.entrypoints.cli.credentials.forcing import forced, refusal
from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.activate_master_key import activate_master_key
from app.flows.add_master_key import add_master_key
from app.flows.look_up_master_keys import look_up_master_keys
from app.flows.refusals import UnsafeKeyStepError
from app.flows.results import MasterKeyUse
from app.flows.retire_master_key import retire_master_key
from app.flows.rewrap_keys import rewrap_keys
from app.flows.tools import Tools

_ROW = "{:12}  {:8}  {:>12}  {:>8}  {:>8}"
# An id is base64url: one in sixty-four looks like an option.
_ID_MAY_BEGIN_WITH_A_DASH = {"ignore_unknown_options": True}


@click.group()
def master_key() -> None:
    """Look after master keys. One makes things; older ones go on verifying and unwrapping until they are retired."""


@master_key.command("list")
@click.pass_obj
def list_keys(launcher: Launcher) -> None:
    """Show every master key, and what hangs on it."""
    click.echo(_ROW.format("id", "state", "signing keys", "API keys", "sessions"))
    for use in look_up_master_keys(_tools(launcher)):
        click.echo(_ROW.format(use.id, _state(use), use.signing_keys, use.api_keys, use.sessions))


@master_key.command("add")
@click.pass_obj
def add(launcher: Launcher) -> None:
    """Make another master key, which is not used yet. Copy its file to every host, then activate it."""
    click.echo(f"MASTER_KEY_ID={add_master_key(_tools(launcher))}")


@master_key.command("activate", context_settings=_ID_MAY_BEGIN_WITH_A_DASH)
@click.argument("key_id")
@click.pass_obj
def activate(launcher: Launcher, key_id: str) -> None:
    """Make things under this master key from now on. Every host must have it."""
    activate_master_key(key_id, _tools(launcher))


@master_key.command("rotate")
@click.pass_obj
def rotate(launcher: Launcher) -> None:
    """Make another master key and activate it, where all hosts share one keys directory."""
    tools = _tools(launcher)
    made = add_master_key(tools)
    activate_master_key(made, tools)
    click.echo(f"MASTER_KEY_ID={made}")


@master_key.command("rewrap")
@click.pass_obj
def rewrap(launcher: Launcher) -> None:
    """Wrap every signing key under the current master key, and show what still hangs on others."""
    tools = _tools(launcher)
    rewrap_keys(lambda done, of: click.echo(f"signing keys: {done} of {of}"), tools)
    for use in look_up_master_keys(tools):
        if use.needed and not use.current:
            click.echo(f"{use.id}: {use.api_keys} API keys and {use.sessions} sessions have yet to move, by use")


@master_key.command("retire", context_settings=_ID_MAY_BEGIN_WITH_A_DASH)
@click.argument("key_id")
@click.option("--force", is_flag=True, help="End the API keys and sessions that hang on it; needs --reason.")
@click.option("--reason", help="Why; it is logged.")
@click.pass_obj
def retire(launcher: Launcher, key_id: str, force: bool, reason: str | None) -> None:  # noqa: FBT001  click passes it by name
    """Forget a master key that nothing needs any more."""
    why = forced(force=force, reason=reason)
    tools = _tools(launcher)
    try:
        retire_master_key(key_id, why, tools)
    except UnsafeKeyStepError as error:
        raise refusal(error) from error
    if tools.keys_directory is None:
        click.echo("Now take it out of CHALK_MASTER_KEY, on every host.")


def _state(use: MasterKeyUse) -> str:
    if use.current:
        return "current"
    return "known" if use.known else "MISSING"


def _tools(launcher: Launcher) -> Tools:
    return wiring_of(launcher.open_ready()).tools
