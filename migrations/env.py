"""How Alembic runs our migrations: on the application's own engine, one at a time, in one transaction where it can."""

from alembic import context
from flask import current_app
from sqlalchemy import text

from app.foundation.database import Base

# Building an index may take longer than any request. Of several upgrades at once, one works and the others wait for
# it (any number will do, as long as it is always the same). But a lock on a table is not waited for long: every
# request would wait behind us.
_ON_POSTGRESQL = (
    text("SET LOCAL statement_timeout = 0"),
    text("SET LOCAL lock_timeout = 0"),
    text("SELECT pg_advisory_xact_lock(4283091775)"),
    text("SET LOCAL lock_timeout = '5s'"),
)


def run() -> None:
    """Run the migrations that are asked for."""
    engine = current_app.extensions["migrate"].db.engine
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            for statement in _ON_POSTGRESQL:
                connection.execute(statement)
        context.configure(
            connection=connection, target_metadata=Base.metadata, render_as_batch=engine.dialect.name == "sqlite"
        )
        with context.begin_transaction():
            context.run_migrations()


run()
