"""
The one secret of the installation, and the keys derived from it (HKDF, RFC 5869).

Everything that a thief of the database would need is derived here and never stored there.
"""

import base64
import binascii
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.foundation import opaque
from app.foundation.errors import ConfigurationError

FILE_NAME = "master.key"
_SECRET_BYTES = 32


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
    )


def load(given: str | None, directory: Path) -> MasterKey:
    """
    Load the master key from the environment's value, or else from `directory`, where the first start creates it.

    Raises:
        ConfigurationError: the value is not 32 bytes in base64, or the file may be read by others than its owner.
    """
    if given is not None:
        return derive(_decode(given, "CHALK_MASTER_KEY"))

    path = directory / FILE_NAME
    try:
        if not path.exists():
            _create(path)
    except OSError as error:
        raise ConfigurationError(f"The master key cannot be written to {path}: {error.strerror}") from error

    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigurationError(
            f"{path} may be read by others (mode {mode:04o}); it must be its owner's alone. Run: chmod 600 {path}"
        )
    return derive(_decode(path.read_text("ascii", "replace"), str(path)))


def _create(path: Path) -> None:
    # Written aside and linked into place: a reader never sees half a key, and of many first starts at once
    # one wins and the others read what it wrote.
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".master-")
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(base64.urlsafe_b64encode(opaque.random_bytes(_SECRET_BYTES)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def _decode(presented: str, source: str) -> bytes:
    text = presented.strip().replace("+", "-").replace("/", "_").rstrip("=")
    try:
        secret = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""

    if len(secret) != _SECRET_BYTES:
        raise ConfigurationError(
            f"{source} must hold 32 random bytes in base64. One way to make them: openssl rand -base64 32"
        )
    return secret
