"""The master key: made once, kept private, and the root of keys that have nothing in common."""

import base64
import dataclasses
import os
import stat

import pytest

from app.foundation import master_key, master_key_files
from app.foundation.errors import ConfigurationError
from tests import processes

SECRET = bytes(range(200, 232))


def spell(secret=SECRET):
    return base64.b64encode(secret).decode()


def racing_start(directory, barrier, answers):
    barrier.wait()
    answers.put(tuple(master_key_files.load(None, directory)))


def test_the_first_start_makes_a_key_for_its_owner_alone(tmp_path):
    """
    E7: the first start writes 32 random bytes, readable by the owner and nobody else, whatever the umask allows.
    """
    before = os.umask(0)
    try:
        made = master_key_files.load(None, tmp_path / "new" / "keys")
    finally:
        os.umask(before)

    path = tmp_path / "new" / "keys" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(path.read_text())) == 32
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]
    assert master_key_files.load(None, path.parent) == made


def test_two_installations_share_no_key(tmp_path):
    """
    Two first starts in two places make two secrets.
    """
    first = master_key_files.load(None, tmp_path / "one")
    second = master_key_files.load(None, tmp_path / "two")

    assert not set(dataclasses.astuple(first[0])) & set(dataclasses.astuple(second[0]))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_key_file_that_others_may_touch_is_refused(tmp_path, mode):
    """
    E7: a looser file is refused, with the command that mends it; and that command mends it.
    """
    made = master_key_files.load(None, tmp_path)
    path = tmp_path / "master.key"
    path.chmod(mode)

    with pytest.raises(ConfigurationError, match=f"mode {mode:04o}.*Run: chmod 600 {path}$"):
        master_key_files.load(None, tmp_path)

    path.chmod(0o600)
    assert master_key_files.load(None, tmp_path) == made


def test_a_key_file_that_its_owner_may_only_read_is_kept(tmp_path):
    """
    An installation that makes the file read-only is stricter than asked, and starts.
    """
    made = master_key_files.load(None, tmp_path)
    (tmp_path / "master.key").chmod(0o400)

    assert master_key_files.load(None, tmp_path) == made


def test_racing_first_starts_agree_on_one_key(tmp_path):
    """
    E3: eight processes that start at once for the first time use the same key, and leave nothing but it behind.
    """
    context = processes.context()
    barrier, answers = context.Barrier(8), context.Queue()
    starts = [context.Process(target=racing_start, args=(tmp_path, barrier, answers)) for _ in range(8)]
    for start in starts:
        start.start()

    agreed = {answers.get(timeout=60) for _ in starts}
    for start in starts:
        start.join(60)

    assert agreed == {tuple(master_key_files.load(None, tmp_path))}
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.key"]


@pytest.mark.parametrize(
    "given",
    [
        base64.b64encode(SECRET).decode(),
        base64.urlsafe_b64encode(SECRET).decode(),
        base64.b64encode(SECRET).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET).decode().rstrip("="),
        f"  {base64.b64encode(SECRET).decode()}\n",
    ],
)
def test_the_environment_may_spell_the_key_in_any_base64(tmp_path, given):
    """
    Standard or URL-safe, padded or not, with the line break of a secrets file: it is the same key, and no file is made.
    """
    assert {"+", "/"} & set(spell())

    assert master_key_files.load(given, tmp_path / "keys") == [master_key.derive(SECRET)]
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "short",
        spell(SECRET[:31]),
        spell(SECRET + b"x"),
        spell() + "é",
        spell()[:20] + "!" + spell()[20:],
        "\x00",
    ],
)
def test_a_value_that_is_no_key_is_refused_and_not_repeated(tmp_path, given):
    """
    B2, E7: a wrong value is refused with a command that makes a right one; the value itself is not printed.
    """
    with pytest.raises(
        ConfigurationError, match=r"^CHALK_MASTER_KEY must hold 32.*openssl rand -base64 32$"
    ) as refusal:
        master_key_files.load(given, tmp_path)

    assert not given.strip() or given not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"half a k", b"\xff\xfe" * 20, b"\xc3\xa9" * 22])
def test_a_key_file_that_holds_no_key_is_refused_and_kept(tmp_path, content):
    """
    A damaged file is reported by its path, and never overwritten: the operator may still have its backup.
    """
    path = tmp_path / "master.key"
    path.touch(0o600)
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=f"^{path} must hold 32"):
        master_key_files.load(None, tmp_path)

    assert path.read_bytes() == content


def test_a_keys_directory_that_cannot_be_made_is_said_in_a_sentence(tmp_path):
    """
    When the key has no place to lie, the server says so instead of falling over.
    """
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError):
        master_key_files.load(None, tmp_path / "file" / "keys")


def test_every_derived_key_is_its_own():
    """
    B1: what one key has made tells nothing of another, nor of the master.
    """
    derived = master_key.derive(SECRET)
    parts = [derived.pepper, derived.refresh, derived.retry_tags, derived.wrapping, derived.cursors]

    assert len({SECRET, *parts}) == 6
    assert {len(part) for part in parts} == {32}
    assert base64.urlsafe_b64decode(derived.id) not in b"".join([SECRET, *parts])


def test_derived_keys_never_change():
    """
    A later version still derives what this one did, or every key and session of an installation would be lost.
    """
    derived = master_key.derive(bytes(32))

    assert derived.id == "c0jHgNdJhiZL"
    assert derived.pepper.hex() == "441e6b5f93b898f0af1e477def7ed7705c4294408ee69cc312f6cfa5e63c772f"
    assert derived.refresh.hex() == "6c9d28577f2003405da712693c352ace2f4fb4d3ed5d73f93bba4a5d1d99e234"


def test_a_printed_master_key_shows_only_its_name():
    """
    B2: no key stands in a log or a traceback, also when the whole value is printed.
    """
    derived = master_key.derive(SECRET)

    assert repr(derived) == str(derived) == f"MasterKey(id={derived.id!r})"
