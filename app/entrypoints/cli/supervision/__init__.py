"""What keeps a server's workers alive: a main process that replaces whoever dies, and renews them without a loss."""

from app.entrypoints.cli.supervision.listening import Listen, must_be_free
from app.entrypoints.cli.supervision.supervisor import Supervisor

__all__ = ["Listen", "Supervisor", "must_be_free"]
