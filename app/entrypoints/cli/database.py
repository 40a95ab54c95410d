"""`chalk-auth db` and `forget-expired`: the schema, and rows that nobody needs any more."""

import logging

import click
import flask_migrate
from alembic.script import ScriptDirectory

from app.entrypoints.wiring import Launcher, wiring_of
from app.flows.forget_expired import forget_expired
from app.foundation.database import LockHeldError, patiently, revision_of

_PATIENCE_SECONDS = 120


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@click.option(
    "--patience",
    "patience_seconds",
    type=click.IntRange(0, 86_400),
    default=_PATIENCE_SECONDS,
    show_default=True,
    help="For how many seconds to try again when a table is in use.",
)
@click.pass_obj
def upgrade(launcher: Launcher, patience_seconds: int) -> None:
    """Bring the schema up to this version; requests may go on meanwhile."""
    if (later := migrate(launcher, patience_seconds)) is None:
        click.echo("The schema is up to date.")
    else:
        click.echo(f"The schema is of a later release, at {later}. Nothing was done.")


@click.command("forget-expired")
@click.pass_obj
def forget(launcher: Launcher) -> None:
    """Delete what has been over for long; workers do it too, a little at a time."""
    tools = wiring_of(launcher.open_ready()).tools
    total = 0
    while some := forget_expired(tools):
        total += some
    click.echo(f"FORGOTTEN={total}")


def migrate(launcher: Launcher, patience_seconds: int = _PATIENCE_SECONDS) -> str | None:
    """
    Run every migration that has not been run yet, each in a transaction of its own.

    Gives what the schema is at when this release does not know it: then a later one was here, and nothing is done.
    """
    application = launcher.open()
    # What Alembic says of itself is for its developers; a failure is raised, and said by us.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # The earliest first; to go to one that was passed is to do nothing.
    revisions = [each.revision for each in ScriptDirectory(launcher.migrations).walk_revisions()][::-1]
    database = wiring_of(application).tools.database
    with database.reading() as connection:
        at = revision_of(connection)
    if at is not None and at not in revisions:
        return at
    with application.app_context(), database.guard():
        for revision in revisions:
            _run(launcher, revision, patience_seconds)
    return None


def _run(launcher: Launcher, revision: str, patience_seconds: int) -> None:
    def step() -> None:
        flask_migrate.upgrade(directory=launcher.migrations, revision=revision)

    try:
        patiently(step, patience_seconds, lambda sentence: click.echo(f"chalk-auth: {sentence}", err=True))
    except LockHeldError as error:
        raise click.ClickException(
            f"A long transaction, a backup for example, did not let go of a table for {patience_seconds} s. Nothing of "
            f"migration {revision} was done; those before it stay. Find it in pg_stat_activity, and run this again."
        ) from error
