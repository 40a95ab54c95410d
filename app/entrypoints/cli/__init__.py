"""The command line, `chalk-auth`."""

import sys

import click

from app.entrypoints.cli import audit, database, demo, doctor, events, serve, sessions
from app.entrypoints.cli.credentials import api_keys, first_keys, master_keys, signing_keys
from app.entrypoints.wiring import Launcher
from app.foundation.errors import ConfigurationError, DatabaseAwayError, ServiceError

__all__ = ["group", "run"]


@click.group()
def group() -> None:
    """Chalk Auth: an OAuth 2.0 authorization server for API platforms."""


group.add_command(serve.serve)
group.add_command(database.db)
group.add_command(database.forget)
group.add_command(audit.audit)
group.add_command(first_keys.admin_key)
group.add_command(first_keys.tenants)
group.add_command(first_keys.resource_server)
group.add_command(api_keys.keys)
group.add_command(events.events)
group.add_command(sessions.invalidate)
group.add_command(signing_keys.signing_keys)
group.add_command(master_keys.master_key)
group.add_command(demo.demo)
group.add_command(doctor.doctor)


def run(launcher: Launcher) -> None:
    """Run a command; what cannot be done is said in one sentence, with exit status 1."""
    try:
        group(obj=launcher)
    except DatabaseAwayError:
        click.echo("chalk-auth: The database does not answer.", err=True)
        sys.exit(1)
    except (ConfigurationError, ServiceError) as error:
        click.echo(f"chalk-auth: {error}", err=True)
        sys.exit(1)
