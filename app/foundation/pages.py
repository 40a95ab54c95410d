"""Keyset pages: a list in the order of its ids, and a cursor that nobody can forge or carry elsewhere."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from app.foundation import opaque

Item = TypeVar("Item")

_MAC_BYTES = 16


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A stretch of a list, and where the next one begins (None: this was the last)."""

    items: Sequence[Item]
    next_cursor: str | None


@dataclass(frozen=True)
class Cursors:
    """
    Seals and opens cursors; `owner` binds each to the list and the caller that it was made for.

    `older` are keys that sealed before, and still open.
    """

    key: bytes
    older: Sequence[bytes] = ()

    def seal(self, owner: str, last: UUID) -> str:
        """Print the cursor that continues after the row `last`."""
        code = opaque.mac(self.key, owner, last.hex)[:_MAC_BYTES]
        return base64.urlsafe_b64encode(last.bytes + code).decode()

    def open(self, owner: str, presented: str) -> UUID | None:
        """Read a cursor back; None when it is not one of ours, or was made for another list or caller."""
        try:
            raw = base64.b64decode(presented.encode(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None

        if len(raw) != 16 + _MAC_BYTES:
            return None

        last = UUID(bytes=raw[:16])
        codes = [opaque.mac(key, owner, last.hex)[:_MAC_BYTES] for key in (self.key, *self.older)]
        return last if any(opaque.same(raw[16:], code) for code in codes) else None
