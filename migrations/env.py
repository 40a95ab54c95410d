"""How Alembic runs our migrations: on a connection of the application's own, and all it is given in one transaction."""

from alembic import context
from flask import current_app

from app.foundation.database import Base, begin_migration


def run() -> None:
    """Run the migrations that are asked for."""
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        try:
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                render_as_batch=engine.dialect.name == "sqlite",
                transactional_ddl=True,
            )
            with context.begin_transaction():
                begin_migration(connection)
                context.run_migrations()
        finally:
            # What a migration has set for its session is not for requests.
            connection.invalidate()


run()
