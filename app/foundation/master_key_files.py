"""
Where master keys lie: in the environment, or in files that only their owner may touch.

`master.key` is the current one. As soon as there are others, every key also lies in a file that is named for its id,
`master-<id>.key`, so that whoever reads the folder while they change places misses none.
"""

import base64
import binascii
import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from app.foundation import opaque
from app.foundation.errors import ConfigurationError
from app.foundation.master_key import MasterKey, derive

FILE_NAME = "master.key"
_SECRET_BYTES = 32
_TICK_NS = 50_000_000


def load(given: str | None, directory: Path, *, first_start: bool = True) -> Sequence[MasterKey]:
    """
    Load the master keys, the current one first: from the environment's value, where commas stand between them, or
    else from `directory`, where the first start creates one.

    Args:
        given: the environment's value, if there is one.
        directory: where the files lie.
        first_start: there may be none yet. A process that knew some never makes one: the folder may just be away.

    Raises:
        ConfigurationError: one is not 32 bytes in base64, its file may be touched by others than its owner, or none is
            the current one.
    """
    if given is not None:
        read = [derive(_decode(one, "CHALK_MASTER_KEY")) for one in given.split(",")]
        return list({key.id: key for key in read}.values())

    path = directory / FILE_NAME
    try:
        if first_start and not path.exists():
            _make_first(path)
        # The current one first: while keys change places, each is found here or there.
        read = [_read(path), *_read_named(directory)]
    except OSError as error:
        raise ConfigurationError(f"The master key cannot be read or written at {path}: {error.strerror}") from error
    return list({key.id: key for key in read}.values())


def stamp(given: str | None, directory: Path) -> object:
    """Give what differs when the folder may have changed; of the environment's value it never does."""
    if given is not None:
        return given
    try:
        changed_at = directory.stat().st_mtime_ns
        # The files too: what is copied here is written, and closed to others, after the folder has changed.
        files = sorted((file.name, _marks_of(file.stat())) for file in os.scandir(directory))
    except OSError:
        return "away"
    # Two changes may share a tick of the file system's clock: one that is so young is no stamp yet.
    return (changed_at, files) if time.time_ns() - changed_at > _TICK_NS else object()


def add(directory: Path) -> MasterKey:
    """
    Make another master key, which is known and not used yet; gives it, without its secret.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        _name_current(directory)
        aside = directory / f".master-{opaque.random_base62(8)}"
        _write(aside)
        made = _read(aside)
        aside.rename(_path_of(directory, made.id))
        _keep_names(directory)
    except OSError as error:
        raise ConfigurationError(f"A master key cannot be written to {directory}: {error.strerror}") from error
    return made


def activate(directory: Path, key_id: str, *, now: datetime) -> None:
    """
    Make things under this key from now on; the one before goes on verifying and unwrapping.

    Raises:
        ConfigurationError: there is no such key here, or it cannot be written.
    """
    chosen = _path_of(directory, key_id)
    if not chosen.exists():
        raise ConfigurationError(f"There is no master key {key_id} in {directory}.")
    try:
        if _read(chosen).id != key_id:
            raise ConfigurationError(f"{chosen} holds another key than its name says.")
        before = _name_current(directory)
        if before.id == key_id:
            # Between two names of one file, a rename does nothing, and a third one would be left behind.
            return
        aside = directory / f".master-{opaque.random_base62(8)}"
        os.link(chosen, aside)
        aside.replace(directory / FILE_NAME)
        _keep_names(directory)
        # When it was used last: whoever retires it waits until every worker has noticed.
        os.utime(_path_of(directory, before.id), (now.timestamp(), now.timestamp()))
    except OSError as error:
        raise ConfigurationError(f"The master key {key_id} cannot be activated: {error.strerror}") from error


def used_until(directory: Path, key_id: str) -> float | None:
    """Give the moment at which another key took its place, in seconds since the epoch; None when it is not here."""
    path = _path_of(directory, key_id)
    return path.stat().st_mtime if path.exists() else None


def remove(directory: Path, key_id: str) -> None:
    """Remove a key that is not the current one, for good."""
    _path_of(directory, key_id).unlink(missing_ok=True)


def _path_of(directory: Path, key_id: str) -> Path:
    return directory / f"master-{key_id}.key"


def _name_current(directory: Path) -> MasterKey:
    current = _read(directory / FILE_NAME)
    # Whoever adds one at the same time may have been faster.
    with contextlib.suppress(FileExistsError):
        os.link(directory / FILE_NAME, _path_of(directory, current.id))
    return current


def _marks_of(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


def _keep_names(directory: Path) -> None:
    # A key whose name is lost in a power failure is lost with all that was made under it.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_first(path: Path) -> None:
    if any(path.parent.glob("master-*.key")):
        raise ConfigurationError(
            f"{path} is missing, and other master keys lie beside it. Copy the one that is to be current there."
        )
    _write(path)


def _read_named(directory: Path) -> Iterator[MasterKey]:
    for path in sorted(directory.glob("master-*.key")):
        # Retired since the folder was listed.
        with contextlib.suppress(FileNotFoundError):
            yield _read(path)


def _read(path: Path) -> MasterKey:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigurationError(
            f"{path} may be read by others (mode {mode:04o}); it must be its owner's alone. Run: chmod 600 {path}"
        )
    return derive(_decode(path.read_text("ascii", "replace"), str(path)))


def _write(path: Path) -> None:
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
        _keep_names(path.parent)
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
