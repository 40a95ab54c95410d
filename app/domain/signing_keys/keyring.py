"""The keys in memory: the one that signs, and those that are published."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from joserfc.jwk import RSAKey
from sqlalchemy import Connection, select

from app.domain.signing_keys.tables import SigningKeyRow
from app.domain.signing_keys.wrapping import WrappingKey, unwrap


@dataclass(frozen=True)
class Signer:
    """A private key that may sign now."""

    kid: str
    alg: str
    key: RSAKey = field(repr=False)


@dataclass(frozen=True)
class _Held:
    signer: Signer | None = None
    published: Mapping[str, RSAKey] = field(default_factory=dict)
    jwks: bytes = b'{"keys": []}'


class Keyring:
    """
    What this process knows of the signing keys; parsed once, never in a request.

    A reader sees one whole state or the next, never a mixture: the state is replaced in one assignment.
    """

    def __init__(self, wrapping: WrappingKey) -> None:
        self.wrapping = wrapping
        self._held = _Held()

    @property
    def signer(self) -> Signer | None:
        """Give the active key; None before the keyring was filled."""
        return self._held.signer

    @property
    def jwks(self) -> bytes:
        """Give the published JWK Set as JSON: public members only (RFC 7517 section 5)."""
        return self._held.jwks

    def public_key(self, kid: str) -> RSAKey | None:
        """Find the published key of this thumbprint; None when there is none."""
        return self._held.published.get(kid)

    def fill(self, connection: Connection) -> Signer:
        """
        Read the keys from the database, and give the active one, which must be there.

        Raises:
            ConfigurationError: a key does not open with this master key.
        """
        statement = select(SigningKeyRow).where(SigningKeyRow.state != "revoked").order_by(SigningKeyRow.published_at)
        rows = connection.execute(statement).all()
        # What is published comes out of the wrapped keys: whoever can only write to the database plants none.
        keys = {row.kid: unwrap(row.private_jwe, row.kid, self.wrapping) for row in rows}
        active = next(row for row in rows if row.state == "active")
        signer = Signer(kid=active.kid, alg=active.alg, key=keys[active.kid])
        public = [
            {**keys[row.kid].as_dict(private=False), "kid": row.kid, "use": "sig", "alg": row.alg} for row in rows
        ]
        self._held = _Held(
            signer=signer,
            published={jwk["kid"]: RSAKey.import_key(jwk) for jwk in public},
            jwks=json.dumps({"keys": public}).encode(),
        )
        return signer
