"""Keys that were authenticated before, as they stood then."""

import threading
from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

from app.domain.api_keys.authentication import Key
from app.domain.api_keys.format import PresentedKey
from app.domain.api_keys.peppers import Pepper
from app.foundation import opaque

_MOST = 10_000


class _Known(NamedTuple):
    key: Key | None
    pepper_id: str
    code: bytes


_NOBODY = _Known(None, "", bytes(32))


class KnownKeys:
    """
    Remembers keys of tenants and of resource servers, those that were read last: how each stood, and the MAC that tells
    it, as in the database.

    What is recalled may be so no longer. It is for statements alone that ask it once more (`stands`, `still_stands`);
    nobody may be refused by it either.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def keep(self, presented: PresentedKey, key: Key, pepper: Pepper) -> None:
        """Remember a key that was authenticated just now; `pepper` is the current one, under which it is kept."""
        # The others are rare, or hang on more than the row of the key.
        if (key.tenant_id is None and key.audience is None) or key.rotating_until is not None:
            return
        known = _Known(key, pepper.id, opaque.mac(pepper.secret, presented.text))
        with self._lock:
            self._known[key.id] = known
            while len(self._known) > _MOST:
                self._known.popitem(last=False)

    def recall(self, presented: PresentedKey, pepper: Pepper, *, now: datetime) -> Key | None:
        """
        Give the key that this is, as it stood last; None unless it is known, and works for all that is known.

        Args:
            presented: parsed, and otherwise untrusted; never stored, never logged.
            pepper: the current one.
            now: aware, UTC.
        """
        # In any case: a thief with a stopwatch is not to learn which ids are known.
        code = opaque.mac(pepper.secret, presented.text)
        known = self._known.get(presented.id, _NOBODY)
        right = opaque.same(code, known.code)
        if known.key is None or not right or known.pepper_id != pepper.id:
            return None
        expires_at = known.key.expires_at
        return known.key if expires_at is None or now < expires_at else None

    def forget(self, key_id: str) -> None:
        """Forget a key that is not what it was."""
        with self._lock:
            self._known.pop(key_id, None)
