"""Chance and secrets: random strings, message authentication codes, comparison in constant time."""

import hmac
import secrets

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def random_base62(length: int) -> str:
    """Draw `length` characters of `0-9A-Za-z`, each with 5.95 bits, from the operating system's generator."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def random_token() -> str:
    """Draw 128 bits as 22 base64url characters; two never meet."""
    return secrets.token_urlsafe(16)


def random_bytes(length: int) -> bytes:
    """Draw `length` bytes from the operating system's generator."""
    return secrets.token_bytes(length)


def mac(key: bytes, *parts: str) -> bytes:
    """
    Authenticate a sequence of strings under a key: HMAC-SHA256, 32 bytes.

    No two sequences share a code.
    """
    return hmac.digest(key, framed(*parts), "sha256")


def framed(*parts: str) -> bytes:
    """Write a sequence of strings as no other one is written: each is led by its length."""
    if len(parts) == 1:
        raw = parts[0].encode("utf-8", "replace")
        return len(raw).to_bytes(4) + raw
    return b"".join(len(raw).to_bytes(4) + raw for raw in (part.encode("utf-8", "replace") for part in parts))


def same(left: bytes, right: bytes) -> bool:
    """Compare two codes in time that does not depend on where they differ."""
    return hmac.compare_digest(left, right)
