"""I8 to I10: what holds for access tokens and API keys."""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence

from bench.torture.checking.sessions import Violation
from bench.torture.history import Operation


def unique_ids(operations: Sequence[Operation]) -> Iterator[Violation]:
    """I8: no two access tokens have the same `jti`; of opaque ones, none is given twice."""
    seen: dict[str, Operation] = {}
    for each in operations:
        if each.kind not in {"issue", "refresh"} or not each.access:
            continue
        earlier = seen.setdefault(jti_of(each.access), each)
        if earlier is not each:
            yield Violation("I8", each.session, "two access tokens have the same id", [earlier, each])


def jti_of(token: str) -> str:
    """Read the `jti` of a JWT without verifying anything; the token itself when it has none."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(claims["jti"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return token


def verifiable(operations: Sequence[Operation]) -> Iterator[Violation]:
    """I9: every access token verifies with a JWKS that was fetched after it."""
    for each in operations:
        if each.kind == "verify" and each.outcome == "refused":
            why = f"an access token does not verify with the JWKS fetched after it: {each.error}"
            origin = [other for other in operations if other.access == each.access and other.kind != "verify"]
            yield Violation("I9", each.session, why, [*origin, each])


def rotated_keys_are_dead(operations: Sequence[Operation]) -> Iterator[Violation]:
    """I10: when it was acknowledged that a key is replaced, the old one opens nothing."""
    dead: dict[str, Operation] = {}
    for each in sorted(operations, key=lambda each: each.returned):
        if each.kind == "rotate_key" and each.outcome == "ok":
            dead.setdefault(each.presented, each)
    for each in operations:
        rotation = dead.get(each.presented)
        if each.kind == "issue" and each.outcome == "ok" and rotation and each.invoked > rotation.returned:
            why = "an API key opened a session after it was acknowledged that it is replaced"
            yield Violation("I10", each.session, why, [rotation, each])
