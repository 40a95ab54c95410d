"""How Alembic runs our migrations: on the application's own engine, in one transaction where it can."""

from alembic import context
from flask import current_app

from app.foundation.database import Base


def run() -> None:
    """Run the migrations that are asked for."""
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=Base.metadata, render_as_batch=engine.dialect.name == "sqlite"
        )
        with context.begin_transaction():
            context.run_migrations()


run()
