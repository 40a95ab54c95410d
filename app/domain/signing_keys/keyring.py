"""The keys in memory: the one that signs, and those that are published."""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from joserfc.jwk import Key
from joserfc.jwk import import_key as import_jwk
from sqlalchemy import Connection, Row, select

from app.domain.signing_keys.ages import KeyAges, ages
from app.domain.signing_keys.algorithms import alg_of
from app.domain.signing_keys.lifecycle import KeyRecord, Schedule
from app.domain.signing_keys.rotation import record_of
from app.domain.signing_keys.tables import SigningKeyRow
from app.domain.signing_keys.wrapping import WrappingKey, WrappingKeys, unwrap
from app.foundation.errors import ConfigurationError

_LOG = logging.getLogger(__name__)

_AFTER_FAILURE_SECONDS = 5.0


@dataclass(frozen=True)
class Signer:
    """A private key that may sign now."""

    kid: str
    alg: str
    key: Key = field(repr=False)


@dataclass(frozen=True)
class PublicKey:
    """A published key, and the one algorithm that it verifies."""

    alg: str
    key: Key


@dataclass(frozen=True)
class _Held:
    signer: Signer | None = None
    published: Mapping[str, PublicKey] = field(default_factory=dict)
    jwks: bytes = b'{"keys": []}'
    records: Sequence[KeyRecord] = ()
    filled_at: datetime | None = None


class Keyring:
    """
    What this process knows of the signing keys; parsed when it is filled, never in a request.

    A reader sees one whole state or the next, never a mixture: the state is replaced in one assignment.
    """

    def __init__(self, wrapping_keys: WrappingKeys) -> None:
        self.wrapping_keys = wrapping_keys
        self._held = _Held()
        # Opened once: a `kid` is a thumbprint, so what it names never changes.
        self._opened: dict[str, Key] = {}
        self._reading = threading.Lock()
        self._failed_at: float | None = None

    @property
    def wrapping(self) -> WrappingKey:
        """Give the key that wraps new ones."""
        return self.wrapping_keys.current()

    @property
    def signer(self) -> Signer | None:
        """Give the active key; None before the keyring was filled."""
        return self._held.signer

    @property
    def jwks(self) -> bytes:
        """Give the published JWK Set as JSON: public members only (RFC 7517 section 5)."""
        return self._held.jwks

    def public_key(self, kid: str) -> PublicKey | None:
        """Find the published key of this thumbprint; None when there is none."""
        return self._held.published.get(kid)

    def is_older_than(self, age: timedelta, *, now: datetime) -> bool:
        """Tell whether it was filled longer ago than that, or never; also after the clock was put back."""
        filled_at = self._held.filled_at
        return filled_at is None or not timedelta() <= now - filled_at <= age

    def ages(self, schedule: Schedule, *, now: datetime) -> KeyAges:
        """Tell how old the keys are that it holds; one that does not open with this master key is not among them."""
        held = self._held
        return ages(held.records, schedule, held.filled_at, now)

    @contextlib.contextmanager
    def turn_to_read(self, age: timedelta, *, now: datetime, patient: bool) -> Iterator[bool]:
        """
        Tell whether it is this thread's turn to read the keys: they are older than `age`, nobody else is reading
        them, and nobody tried in vain a moment ago. Who is `patient` waits for another thread that reads.
        """
        if not self._reading.acquire(blocking=patient):
            yield False
            return
        try:
            failed = self._failed_at is not None and time.monotonic() - self._failed_at < _AFTER_FAILURE_SECONDS
            mine = self.is_older_than(age, now=now) and not failed
            yield mine
            if mine:
                self._failed_at = time.monotonic() if self.is_older_than(age, now=now) else None
        finally:
            self._reading.release()

    def fill(self, connection: Connection, *, now: datetime) -> Signer | None:
        """
        Read the keys from the database, and give the active one; None when no key is active.

        Raises:
            ConfigurationError: the active key does not open with this master key.
        """
        statement = (
            select(SigningKeyRow)
            .where(SigningKeyRow.state != "revoked")
            .order_by(SigningKeyRow.published_at, SigningKeyRow.kid)
        )
        found = connection.execute(statement).all()
        # What is published comes out of the wrapped keys: whoever can only write to the database plants none.
        keys = {row.kid: key for row in found if (key := self._open(row)) is not None}
        rows = [row for row in found if row.kid in keys]
        self._opened = keys
        signers = [Signer(row.kid, alg_of(row.alg), keys[row.kid]) for row in rows if row.state == "active"]
        public = [
            {**keys[row.kid].as_dict(private=False), "kid": row.kid, "use": "sig", "alg": alg_of(row.alg)}
            for row in rows
        ]
        self._held = _Held(
            signer=signers[0] if signers else None,
            published={jwk["kid"]: PublicKey(jwk["alg"], import_jwk(jwk)) for jwk in public},
            jwks=json.dumps({"keys": public}).encode(),
            records=[record_of(row) for row in rows],
            filled_at=now,
        )
        return self._held.signer

    def _open(self, row: Row[SigningKeyRow]) -> Key | None:
        try:
            return self._opened.get(row.kid) or unwrap(row.private_jwe, row.kid, self.wrapping_keys.of(row.private_jwe))
        except ConfigurationError as error:
            if row.state == "active":
                raise
            # One damaged row must not keep the others from signing and verifying.
            _LOG.error("%s It is left out.", error)
            return None
