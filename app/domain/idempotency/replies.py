"""Remember replies, find them again, and let them go."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, delete, insert, select

from app.domain.idempotency.tables import ReplyRow
from app.foundation import opaque
from app.foundation.database import have_alone
from app.foundation.sealing import seal, unseal

_KEPT_FOR = timedelta(hours=24)
_FOR_RETIRED_KEYS = timedelta(minutes=10)
_STATUS_BYTES = 2


@dataclass(frozen=True)
class Asked:
    """
    A request that may come again: its Idempotency-Key, who sends it, to which path, and what it says.

    Nothing of it is stored: the key and the body may hold, or may be, secrets.
    """

    key: str = field(repr=False)
    caller: str
    path: str
    body: bytes = field(repr=False)

    @property
    def lock_name(self) -> str:
        """Name it for as long as it is worked on; not to be stored, since weak keys could be found out by it."""
        return f"replies/{hashlib.sha256(opaque.framed(self.key, self.caller, self.path)).hexdigest()}"

    def name_under(self, secret: bytes) -> bytes:
        """Name it among all requests, for those who have the secret."""
        return opaque.mac(secret, "name", self.key, self.caller, self.path)

    def secret_under(self, secret: bytes) -> bytes:
        """Derive the key that seals its reply: neither the server nor the client has it alone."""
        return opaque.mac(secret, "seal", self.key, self.caller, self.path)

    def mac_under(self, secret: bytes) -> bytes:
        """Authenticate what it says."""
        return opaque.mac(secret, "asked", self.key, hashlib.sha256(self.body).hexdigest())


@dataclass(frozen=True)
class Reply:
    """What was answered: the status and the body, with whatever secret stands in it."""

    status: int
    body: bytes = field(repr=False)


# Of a request that several transactions do: it was begun, and not finished yet, or never.
BEGUN = Reply(0, b"")


@dataclass(frozen=True)
class OtherRequest:
    """The Idempotency-Key was used for a request that said something else."""


Found = Reply | OtherRequest


def line_up(connection: Connection, asked: Asked) -> None:
    """Wait until nobody else works on this request, and keep it so until the transaction is over."""
    have_alone(connection, asked.lock_name)


def find(connection: Connection, asked: Asked, secrets: Sequence[bytes], *, now: datetime) -> Found | None:
    """
    Find the reply to a request that was sent before, or None; then nobody else works on it until this transaction is
    over, which remembers one if it succeeds.

    Args:
        connection: of the transaction in which the reply will be remembered.
        asked: the request.
        secrets: one from each master key.
        now: aware, UTC.
    """
    line_up(connection, asked)
    secret_of = _names(asked, secrets)
    row = connection.execute(select(ReplyRow).where(ReplyRow.name.in_(secret_of))).first()
    if row is None:
        return None
    found = None if row.created_at <= now - _KEPT_FOR else _read(row, asked, secret_of[row.name])
    if found is None or found == BEGUN:
        connection.execute(delete(ReplyRow).where(ReplyRow.name == row.name))
        return None
    return found


def find_for_retired(
    connection: Connection, asked: Asked, retired_key_id: str, secrets: Sequence[bytes], *, now: datetime
) -> Found | None:
    """Find the reply by which an API key was replaced a short time ago, for that key itself; None without one."""
    recent = ReplyRow.created_at > now - _FOR_RETIRED_KEYS
    secret_of = _names(asked, secrets)
    which = ReplyRow.name.in_(secret_of) & (ReplyRow.retired_key_id == retired_key_id)
    row = connection.execute(select(ReplyRow).where(which, recent)).first()
    return None if row is None else _read(row, asked, secret_of[row.name])


def remember(
    connection: Connection,
    asked: Asked,
    reply: Reply,
    secret: bytes,
    *,
    now: datetime,
    retired_key_id: str | None = None,
) -> None:
    """Remember a reply for a day, in the transaction of what it tells."""
    content = reply.status.to_bytes(_STATUS_BYTES) + reply.body
    name = asked.name_under(secret)
    row = {
        "name": name,
        "asked": asked.mac_under(secret),
        "sealed": seal(asked.secret_under(secret), content, name),
        "created_at": now,
        "retired_key_id": retired_key_id,
    }
    connection.execute(insert(ReplyRow).values(row))


def forget_of_retired(connection: Connection, key_id: str) -> None:
    """Let a key that is ended for good fetch nothing any more."""
    connection.execute(delete(ReplyRow).where(ReplyRow.retired_key_id == key_id))


def forget(connection: Connection, *, most: int, now: datetime) -> int:
    """Delete at most so many replies that are over, and give how many; none that another worker is deleting."""
    over = select(ReplyRow.name).where(ReplyRow.created_at <= now - _KEPT_FOR).order_by(ReplyRow.created_at).limit(most)
    gone = delete(ReplyRow).where(ReplyRow.name.in_(over.with_for_update(skip_locked=True)))
    return connection.execute(gone).rowcount


def _names(asked: Asked, secrets: Sequence[bytes]) -> Mapping[bytes, bytes]:
    return {asked.name_under(secret): secret for secret in secrets}


def _read(row: Row[ReplyRow], asked: Asked, secret: bytes) -> Found:
    if not opaque.same(row.asked, asked.mac_under(secret)):
        return OtherRequest()
    content = unseal(asked.secret_under(secret), row.sealed, row.name)
    if content is None:
        # Someone wrote into the database; nothing of it may reach a client.
        raise ValueError("a remembered reply was changed")
    return Reply(int.from_bytes(content[:_STATUS_BYTES]), content[_STATUS_BYTES:])
