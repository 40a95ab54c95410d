"""
Identifiers on the wire: TypeIDs, a prefix and a UUIDv7 in Crockford base32.

Source: the TypeID specification 0.3; RFC 9562 section 5.7 for UUIDv7.
"""

import functools
import re
from datetime import timedelta
from uuid import UUID

import uuid_utils
from typeid import base32

# Below the milliseconds of a UUIDv7.
_RANDOM_BITS = 80
# 128 bits in 26 digits of five bits each: the first has three, so that no two texts are the same identifier.
_SUFFIX = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}", re.ASCII)


def new_id() -> UUID:
    """Make a UUIDv7: unique everywhere, and later ones sort after earlier ones."""
    return UUID(int=uuid_utils.uuid7().int)


def id_before(value: UUID, span: timedelta) -> UUID:
    """Give what sorts before every UUIDv7 that is not older by more than this than another one."""
    milliseconds = (value.int >> _RANDOM_BITS) - span // timedelta(milliseconds=1)
    return UUID(int=max(0, milliseconds) << _RANDOM_BITS)


# A request says the same few of them many times.
@functools.lru_cache(maxsize=1024)
def print_id(prefix: str, value: UUID) -> str:
    """Print an identifier as `prefix_` and 26 characters, as it stands on the wire."""
    return f"{prefix}_{base32.encode(value.bytes)}"


def parse_id(prefix: str, presented: str) -> UUID | None:
    """Read an identifier of this kind back; None for anything else, so that it can be answered like a missing one."""
    kind, _, suffix = presented.rpartition("_")
    if kind != prefix or not _SUFFIX.fullmatch(suffix):
        return None
    return UUID(bytes=base32.decode(suffix))
