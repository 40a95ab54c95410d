"""What can be seen of signing keys at rest."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Connection, select

from app.domain.signing_keys.tables import SigningKeyRow
from app.foundation.findings import Finding


def irregular(connection: Connection, access_ttl: timedelta) -> Iterator[Finding]:
    """
    Find what would leave access tokens without a key.

    Args:
        access_ttl: the longest life of an access token: so long a retired key stays published, at least.
    """
    rows = connection.execute(select(SigningKeyRow.__table__)).all()
    states = [row.state for row in rows]
    if rows and states.count("active") != 1:
        yield Finding("signing_key.active", "-", f"{states.count('active')} signing keys are active, not one")
    for row in rows:
        if row.state in {"standby", "active", "retired"} and not row.private_jwe:
            yield Finding("signing_key.lost", row.kid, f"is {row.state}, and its key pair is gone")
        if row.state != "retired" or row.reason is not None:
            # What was forced by hand says why.
            continue
        if row.retired_at is None or row.verify_until is None or row.verify_until < row.retired_at + access_ttl:
            yield Finding("signing_key.gone_too_early", row.kid, "leaves before the last token that it signed is over")
