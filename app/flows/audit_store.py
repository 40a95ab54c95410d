"""Look through the store for what may never be there; findings out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from app.domain import api_keys
from app.domain.api_keys import at_rest as keys
from app.domain.audit import at_rest as events
from app.domain.refresh_tokens import at_rest as sessions
from app.domain.rooms import at_rest as rooms
from app.domain.signing_keys import at_rest as signing_keys
from app.domain.tenants import at_rest as tenants
from app.flows.tools import Tools
from app.foundation.database import Connection
from app.foundation.findings import Finding
from app.foundation.identifiers import print_id

# How what a session hangs on is called on the wire.
_NAMES: Mapping[str, Callable[[Any], str]] = {
    "tenant": partial(print_id, "tenant"),
    "key": api_keys.key_name,
    "room": partial(print_id, "room"),
    "participant": partial(print_id, "p"),
}


@dataclass(frozen=True)
class Audit:
    """What was found, and how many living sessions were held against what they hang on."""

    findings: Sequence[Finding]
    sessions: int


def audit_store(tools: Tools) -> Audit:
    """
    Look for what no sequence of requests, faults and steps of the clock may leave behind.

    Nothing is changed. It reads all tenants, keys, rooms and participants: a task for an operator, not for a request.

    Raises:
        DatabaseAwayError: the database could not be reached or could not answer.
    """
    now = tools.clock.now()
    with tools.database.reading() as connection:
        # What has ended is read before what lives: whatever ends in between is in neither.
        ends = _Ends.read(connection)
        authorities = sessions.authorities(connection, now=now)
        findings = [
            *sessions.irregular(connection, tools.refresh_keys.keys),
            *keys.irregular(connection),
            *signing_keys.irregular(connection, timedelta(seconds=tools.access_ttl_seconds)),
            *_outliving(authorities, ends),
            *_astray(connection, authorities),
            *_usable_keys(connection, ends),
            *(
                Finding("session.resurrected", name, "lives, although an event says that it was ended")
                for name in sessions.living_among(connection, ends.sessions, now=now)
            ),
        ]
    return Audit(findings, sum(each.sessions for each in authorities))


@dataclass(frozen=True)
class _Ends:
    """All that has ended, so that nothing may hang on it; `sessions` by their names."""

    tenants: frozenset[UUID]
    keys: frozenset[str]
    rooms: frozenset[UUID]
    participants: frozenset[UUID]
    sessions: Sequence[str]

    @classmethod
    def read(cls, connection: Connection) -> "_Ends":
        return cls(
            tenants=tenants.ended(connection),
            keys=keys.deliberately_revoked(connection),
            rooms=rooms.ended(connection),
            participants=rooms.removed(connection),
            sessions=events.ended_sessions(connection),
        )


def _outliving(authorities: Sequence[sessions.Authority], ends: _Ends) -> Iterator[Finding]:
    for each in authorities:
        if each.tenant_id in ends.tenants:
            yield _outlives(print_id("tenant", each.tenant_id), each.sessions, "a tenant that is closed or suspended")
        if each.key_id in ends.keys:
            yield _outlives(api_keys.key_name(str(each.key_id)), each.sessions, "a key that was revoked")
        if each.room_id is not None and each.room_id in ends.rooms:
            yield _outlives(print_id("room", each.room_id), each.sessions, "a room that is over")
        if each.participant_id is not None and each.participant_id in ends.participants:
            yield _outlives(print_id("p", each.participant_id), each.sessions, "a participant who was removed")


def _astray(connection: Connection, authorities: Sequence[sessions.Authority]) -> Iterator[Finding]:
    # Read after the sessions: what they hang on was there before them. No foreign key says so.
    owners: Mapping[str, Mapping[Any, UUID | None]] = {
        "tenant": tenants.owners(connection),
        "key": keys.owners(connection),
        "room": rooms.owners(connection),
        "participant": rooms.owners_of_participants(connection),
    }
    for each in authorities:
        ids = (each.tenant_id, each.key_id, each.room_id, each.participant_id)
        things = {kind: thing for kind, thing in zip(owners, ids, strict=True) if thing is not None}
        there = {kind: thing for kind, thing in things.items() if thing in owners[kind]}
        for kind in things.keys() - there.keys():
            what = f"{each.sessions} living sessions of a {kind} that does not exist"
            yield Finding("session.dangling", _NAMES[kind](things[kind]), what)
        if {owners[kind][thing] for kind, thing in there.items()} - {each.tenant_id}:
            what = f"{each.sessions} living sessions hang on a key, room or participant of somebody else"
            yield Finding("session.across_tenants", print_id("tenant", each.tenant_id), what)


def _usable_keys(connection: Connection, ends: _Ends) -> Iterator[Finding]:
    usable = keys.usable_owners(connection)
    for tenant_id in ends.tenants & tenants.ended(connection) & usable.keys():
        yield Finding("key.outlives", usable[tenant_id], "is usable, although its tenant is closed or suspended")


def _outlives(subject: str, count: int, what: str) -> Finding:
    return Finding("session.outlives", subject, f"{count} living sessions of {what}")
