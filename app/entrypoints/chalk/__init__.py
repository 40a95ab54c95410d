"""Chalk JSON, `/api/v1`: the seed's dialect, with its envelope."""

from flask import Blueprint

from app.entrypoints.chalk import api_keys, auth, events, leaks, participants, rooms, sessions, tenants
from app.entrypoints.chalk.dialect.bodies import ErrorBody
from app.entrypoints.chalk.dialect.errors import TABLE, refuse
from app.entrypoints.chalk.dialect.once import replay
from app.entrypoints.operations import Dialect
from app.flows.results import AlreadyDone

__all__ = ["DIALECT", "blueprint", "refuse"]

DIALECT = Dialect(("/api/v1",), ErrorBody, lambda refusal: TABLE[refusal][0])


def blueprint() -> Blueprint:
    """Give all routes of the dialect."""
    door = Blueprint("chalk", __name__, url_prefix=DIALECT.prefixes[0])
    # Before the routes that speak of it.
    door.record(lambda state: state.app.url_map.converters.update(but_bulk=participants.ButBulk))
    for each in (auth, tenants, api_keys, leaks, events, rooms, participants, sessions):
        door.register_blueprint(each.routes)
    door.register_error_handler(AlreadyDone, replay)
    return door
