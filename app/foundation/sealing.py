"""Sealing: bytes that only the holder of a key can read, and that nobody can change or move (AES-256-GCM)."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.foundation import opaque

_NONCE_BYTES = 12


def seal(key: bytes, content: bytes, place: bytes) -> bytes:
    """Seal a content under a key of 32 bytes, bound to the place where it will lie; each time differently."""
    nonce = opaque.random_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, place)


def unseal(key: bytes, sealed: bytes, place: bytes) -> bytes | None:
    """Read a sealed content; None when it was sealed under another key, for another place, or was changed."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
    except (InvalidTag, ValueError):
        return None
