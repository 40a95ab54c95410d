"""
How an API key is written: `type_mode_id_secret` and a checksum, 55 characters of `0-9A-Za-z_`.

The `_` after the id is deliberate: without it, secret scanners take our keys for another vendor's.
"""

import zlib
from dataclasses import dataclass, field
from typing import Literal

from app.foundation.opaque import BASE62

Kind = Literal["sk", "ak"]
Mode = Literal["live", "test"]
ID_LENGTH = 8
SECRET_LENGTH = 32
_CHECKSUM_LENGTH = 6
# Room for longer ids of a later version; guesses are counted and logged under what stands there.
_LONGEST_ID = 32


@dataclass(frozen=True)
class PresentedKey:
    """A string that is written like a key; whether it is one, only the database knows."""

    id: str
    text: str = field(repr=False)


def compose(kind: Kind, mode: Mode, key_id: str, secret: str) -> str:
    """Write a key out, with its checksum."""
    body = f"{kind}_{mode}_{key_id}_{secret}"
    return body + checksum(body)


def checksum(body: str) -> str:
    """Sum up the key's body: CRC-32 in base62, six characters. It finds typing errors, and proves nothing."""
    rest = zlib.crc32(body.encode("utf-8", "replace"))
    digits = ""
    while rest:
        rest, digit = divmod(rest, 62)
        digits = BASE62[digit] + digits
    return digits.rjust(_CHECKSUM_LENGTH, "0")


def parse(presented: str) -> PresentedKey | None:
    """
    Read a string as a key; None when its checksum or its four parts are not right.

    Of the parts only the id is looked at, since no row can have an id of other characters or of any length, and a
    database might not even take the question. Of the secret no length or alphabet is asked.
    """
    body, given = presented[:-_CHECKSUM_LENGTH], presented[-_CHECKSUM_LENGTH:]
    parts = body.split("_", 3)
    if len(parts) != 4 or checksum(body) != given:
        return None
    key_id = parts[2]
    if not (key_id.isascii() and key_id.isalnum() and len(key_id) <= _LONGEST_ID):
        return None
    return PresentedKey(id=key_id, text=presented)


def key_name(key_id: str) -> str:
    """Print a key's id as it stands on the wire: `key_7Hq2Zt9B`."""
    return f"key_{key_id}"
