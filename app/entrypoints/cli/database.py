"""`chalk-auth db` and `forget-expired`: the schema, and rows that nobody needs any more."""

import logging

import click
import flask_migrate

from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.forget_expired import forget_expired


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@click.pass_obj
def upgrade(launcher: Launcher) -> None:
    """Bring the schema up to this version."""
    migrate(launcher)
    click.echo("The schema is up to date.")


@click.command("forget-expired")
@click.pass_obj
def forget(launcher: Launcher) -> None:
    """Delete what has been over for long; workers do it too, a little at a time."""
    tools = wiring_of(launcher.open_ready()).tools
    total = 0
    while some := forget_expired(tools):
        total += some
    click.echo(f"FORGOTTEN={total}")


def migrate(launcher: Launcher) -> None:
    """Run every migration that has not been run yet."""
    application = launcher.open()
    # What Alembic says of itself is for its developers; a failure is raised, and said by us.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with application.app_context(), wiring_of(application).tools.database.guard():
        flask_migrate.upgrade(directory=launcher.migrations)
