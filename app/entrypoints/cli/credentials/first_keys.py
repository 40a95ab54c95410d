"""
`chalk-auth admin-key`, `tenants` and `resource-server`: keys that are shown once, ready to paste into a shell.
"""

import click

from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.issue_operator_key import issue_operator_key
from app.flows.issue_resource_server_key import issue_resource_server_key
from app.flows.open_tenant import open_tenant
from app.flows.results import Limits
from app.foundation.identifiers import print_id


@click.group()
def admin_key() -> None:
    """Look after operator keys."""


@admin_key.command("create")
@click.pass_obj
def create_admin_key(launcher: Launcher) -> None:
    """Issue an operator key, which manages tenants. It is shown this once."""
    issued = issue_operator_key(wiring_of(launcher.open_ready()).tools)
    click.echo(f"ADMIN_KEY={issued.text}")


@click.group()
def tenants() -> None:
    """Look after tenants."""


@tenants.command("create")
@click.option("--name", required=True, help="The tenant's name, for people.")
@click.pass_obj
def create_tenant(launcher: Launcher, name: str) -> None:
    """Open a tenant with one API key. It is shown this once."""
    if not 1 <= len(name) <= 200 or any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise click.BadParameter("must have 1 to 200 characters, and no control characters", param_hint="--name")

    opened = open_tenant(None, name, Limits(), wiring_of(launcher.open_ready()).tools)
    click.echo(f"TENANT_ID={print_id('tenant', opened.tenant.id)}")
    click.echo(f"API_KEY={opened.key.text}")


@click.group()
def resource_server() -> None:
    """Look after resource servers that introspect tokens."""


@resource_server.command("create")
@click.option("--audience", required=True, help="The resource server's URL, one of CHALK_AUDIENCES.")
@click.pass_obj
def create_resource_server(launcher: Launcher, audience: str) -> None:
    """Issue the credential with which a resource server introspects the tokens that are addressed to it."""
    issued = issue_resource_server_key(audience, wiring_of(launcher.open_ready()).tools)
    click.echo(f"CLIENT_ID={issued.name}")
    click.echo(f"CLIENT_SECRET={issued.text}")
