"""Make signing keys."""

from datetime import datetime

from joserfc.jwk import RSAKey
from sqlalchemy import Connection, exc, insert, select

from app.domain.signing_keys.tables import SigningKeyRow
from app.domain.signing_keys.wrapping import WrappingKey, wrap

ALGORITHM = "RS256"
_RSA_BITS = 2048


def ensure_active(connection: Connection, wrapping: WrappingKey, *, now: datetime) -> None:
    """Make the first signing key, unless one is active already; of many workers that start at once, one makes it."""
    if connection.execute(select(SigningKeyRow.kid).where(SigningKeyRow.state == "active")).first() is not None:
        return

    key = RSAKey.generate_key(_RSA_BITS, private=True, auto_kid=False)
    kid = key.thumbprint()
    row = {
        "kid": kid,
        "alg": ALGORITHM,
        "state": "active",
        "private_jwe": wrap(key, wrapping),
        "published_at": now,
        "activated_at": now,
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(SigningKeyRow).values(row))
    except exc.IntegrityError:
        # Another worker was faster; its key is the active one.
        return
