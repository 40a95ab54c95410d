"""`chalk-auth db`: the schema."""

import logging

import click
import flask_migrate

from app.entrypoints.wiring import Launcher, wiring_of


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@click.pass_obj
def upgrade(launcher: Launcher) -> None:
    """Bring the schema up to this version."""
    migrate(launcher)
    click.echo("The schema is up to date.")


def migrate(launcher: Launcher) -> None:
    """Run every migration that has not been run yet."""
    application = launcher.open()
    # What Alembic says of itself is for its developers; a failure is raised, and said by us.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with application.app_context(), wiring_of(application).tools.database.guard():
        flask_migrate.upgrade(directory=launcher.migrations)
