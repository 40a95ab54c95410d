"""
The one secret of the installation, and the keys derived from it (HKDF, RFC 5869).

Everything that a thief of the database would need is derived here and never stored there.
"""

import base64
import functools
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import OctKey


@dataclass(frozen=True)
class MasterKey:
    """
    The keys derived from one master secret, each for one use; the secret itself is not kept.

    `id` names the master without telling anything of it; it is the `kid` of what was made under it.
    """

    id: str
    pepper: bytes = field(repr=False)
    refresh: bytes = field(repr=False)
    retry_tags: bytes = field(repr=False)
    wrapping: bytes = field(repr=False)
    cursors: bytes = field(repr=False)
    replies: bytes = field(repr=False)
    guesses: bytes = field(repr=False)

    @functools.cached_property
    def refresh_key(self) -> OctKey:
        """Give the key that signs refresh tokens, parsed once."""
        return OctKey.import_key(self.refresh)


def derive(secret: bytes) -> MasterKey:
    """Derive the keys of a master secret of at least 32 bytes; the same secret always gives the same keys."""

    def expand(use: str, length: int = 32) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"chalk-auth/1/{use}".encode()).derive(secret)

    return MasterKey(
        id=base64.urlsafe_b64encode(expand("id", 9)).decode(),
        pepper=expand("api-key-pepper"),
        refresh=expand("refresh-token-signing"),
        retry_tags=expand("retry-tags"),
        wrapping=expand("signing-key-wrapping"),
        cursors=expand("cursors"),
        replies=expand("remembered-replies"),
        guesses=expand("credentials-that-worked"),
    )
