"""Chalk JSON, `/api/v1`: the seed's dialect, with its envelope."""

from flask import Blueprint

from app.entrypoints.chalk import auth, rooms, tenants
from app.entrypoints.chalk.errors import refuse

__all__ = ["PREFIX", "blueprint", "refuse"]

PREFIX = "/api/v1"


def blueprint() -> Blueprint:
    """Give all routes of the dialect."""
    door = Blueprint("chalk", __name__, url_prefix=PREFIX)
    for routes in (auth.routes, tenants.routes, rooms.routes):
        door.register_blueprint(routes)
    return door
