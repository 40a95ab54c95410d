"""Chalk JSON, `/api/v1`: the seed's dialect, with its envelope."""

from flask import Blueprint

from app.entrypoints.chalk import api_keys, auth, events, leaks, participants, rooms, sessions, tenants
from app.entrypoints.chalk.dialect.bodies import ErrorBody
from app.entrypoints.chalk.dialect.errors import TABLE, refuse, refuse_key
from app.entrypoints.chalk.dialect.once import replay
from app.entrypoints.operations import JSON, Dialect
from app.entrypoints.wiring import Lane
from app.flows.results import AlreadyDone

__all__ = ["DIALECT", "LANES", "blueprint", "refuse"]

DIALECT = Dialect(("/api/v1",), ErrorBody, lambda refusal: TABLE[refusal][0])
LANES = (
    Lane(f"{DIALECT.prefixes[0]}/auth/token", JSON, auth.exchange_at_once, refuse_key),
    Lane(f"{DIALECT.prefixes[0]}/auth/refresh", JSON, auth.refresh_at_once, refuse_key),
)


def blueprint() -> Blueprint:
    """Give all routes of the dialect."""
    door = Blueprint("chalk", __name__, url_prefix=DIALECT.prefixes[0])
    # Before the routes that speak of it.
    door.record(lambda state: state.app.url_map.converters.update(but_bulk=participants.ButBulk))
    for each in (auth, tenants, api_keys, leaks, events, rooms, participants, sessions):
        door.register_blueprint(each.routes)
    door.register_error_handler(AlreadyDone, replay)
    return door
