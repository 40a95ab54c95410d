"""Several master keys: where they lie, which one is current, and when a process looks again."""

import base64
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.foundation import master_key_files
from app.foundation.errors import ConfigurationError
from app.foundation.master_key import derive
from app.foundation.master_keys import MasterKeys

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def spell(*secrets):
    return ",".join(base64.b64encode(secret).decode() for secret in secrets)


def ids(keys):
    return [key.id for key in keys]


def of(directory, max_age_seconds=3600.0):
    return MasterKeys(
        lambda: master_key_files.load(None, directory), lambda: master_key_files.stamp(None, directory), max_age_seconds
    )


def settle(directory):
    """Let the folder's last change be old enough to count as seen."""
    os.utime(directory, ns=(0, directory.stat().st_mtime_ns - 10**9))


def test_a_value_may_hold_several_with_the_current_one_first(tmp_path):
    """
    In the environment commas stand between them; one that stands twice counts once; a bad one is reported, unrepeated.
    """
    assert ids(master_key_files.load(spell(TWO, ONE, TWO), tmp_path)) == [derive(TWO).id, derive(ONE).id]

    for bad in (f"{spell(ONE)},", f",{spell(ONE)}", f"{spell(ONE)},hunter2"):
        with pytest.raises(ConfigurationError, match="CHALK_MASTER_KEY must hold") as refused:
            master_key_files.load(bad, tmp_path)
        assert "hunter2" not in str(refused.value)


def test_another_key_is_known_before_it_is_current(tmp_path):
    """
    E7: `add` makes one for its owner alone and uses it for nothing; `activate` puts it first, and the other stays.
    """
    (first,) = master_key_files.load(None, tmp_path)
    before = os.umask(0)
    try:
        second = master_key_files.add(tmp_path)
    finally:
        os.umask(before)
    assert ids(master_key_files.load(None, tmp_path)) == [first.id, second.id]

    master_key_files.activate(tmp_path, second.id, now=NOW)

    assert ids(master_key_files.load(None, tmp_path)) == [second.id, first.id]
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        ["master.key", f"master-{first.id}.key", f"master-{second.id}.key"]
    )
    assert master_key_files.used_until(tmp_path, first.id) == NOW.timestamp()

    master_key_files.remove(tmp_path, first.id)
    assert ids(master_key_files.load(None, tmp_path)) == [second.id]


def test_a_key_that_is_not_here_is_not_activated(tmp_path):
    """
    A misspelt id changes nothing, and is said in a sentence; so is a folder that cannot be written.
    """
    (first,) = master_key_files.load(None, tmp_path)

    with pytest.raises(ConfigurationError, match="There is no master key nonsense in"):
        master_key_files.activate(tmp_path, "nonsense", now=NOW)
    assert ids(master_key_files.load(None, tmp_path)) == [first.id]
    with pytest.raises(ConfigurationError, match="A master key cannot be written to"):
        master_key_files.add(tmp_path / "missing")


def test_a_looser_file_is_refused_whichever_it_is(tmp_path):
    """
    E7: an older key that others may read is as bad as the current one.
    """
    master_key_files.load(None, tmp_path)
    added = master_key_files.add(tmp_path)
    file = tmp_path / f"master-{added.id}.key"
    file.chmod(0o640)

    with pytest.raises(ConfigurationError, match=f"Run: chmod 600 {file}$"):
        master_key_files.load(None, tmp_path)


def test_a_reader_never_misses_a_key_while_they_change_places(tmp_path):
    """
    While a key is added and made current again and again, whoever reads the folder finds every key it held before.
    """
    known = set(ids(master_key_files.load(None, tmp_path)))
    over, missed, read = threading.Event(), [], []

    def look():
        while not over.is_set():
            expected = set(known)
            found = set(ids(master_key_files.load(None, tmp_path)))
            read.append(len(found))
            if not expected <= found:
                missed.append(expected - found)

    reader = threading.Thread(target=look)
    reader.start()
    # Until the reader has looked in between, however fast the disk is.
    for made_before in range(400):
        if made_before >= 40 and len(set(read)) > 5:
            break
        made = master_key_files.add(tmp_path)
        known.add(made.id)
        master_key_files.activate(tmp_path, made.id, now=NOW)
    over.set()
    reader.join()

    assert missed == []
    assert len(set(read)) > 5


def test_a_new_key_is_found_when_it_is_met(tmp_path):
    """
    What another process began to use a moment ago is known here at once, however young the last look is.
    """
    here = of(tmp_path)
    old = here.current.id
    made = master_key_files.add(tmp_path)
    master_key_files.activate(tmp_path, made.id, now=NOW)

    assert here.current.id == old
    found = here.find(made.id)

    assert found is not None
    assert ids(here.all) == [made.id, old]


def test_names_of_strangers_read_no_file(tmp_path):
    """
    An id that nobody has makes no process read the folder, unless it changed since.
    """
    master_key_files.load(None, tmp_path)
    settle(tmp_path)
    reads = []

    def read():
        reads.append(1)
        return master_key_files.load(None, tmp_path)

    here = MasterKeys(read, lambda: master_key_files.stamp(None, tmp_path), 3600.0)
    for _ in range(100):
        assert here.find("made-up") is None
    assert len(reads) == 1

    made = master_key_files.add(tmp_path)
    settle(tmp_path)
    assert here.find(made.id) is not None
    assert here.find("made-up") is None
    assert len(reads) == 2


def test_two_changes_within_a_tick_are_not_taken_for_one(tmp_path):
    """
    The file system's clock is coarse: a folder that has just changed counts as changed at every look.
    """
    master_key_files.load(None, tmp_path)

    assert master_key_files.stamp(None, tmp_path) != master_key_files.stamp(None, tmp_path)
    settle(tmp_path)
    assert master_key_files.stamp(None, tmp_path) == master_key_files.stamp(None, tmp_path)


def test_keys_are_looked_at_again_at_a_bounded_age(tmp_path):
    """
    A process that meets nothing new follows all the same, and forgets what was removed.
    """
    here = of(tmp_path, max_age_seconds=0.0)
    old = here.current.id
    made = master_key_files.add(tmp_path)
    master_key_files.activate(tmp_path, made.id, now=NOW)
    assert ids(here.all) == [made.id, old]

    master_key_files.remove(tmp_path, old)
    assert ids(here.all) == [made.id]


def test_a_broken_file_stops_no_process(tmp_path, caplog):
    """
    While a file is half copied, or too loose, what is known goes on, the log says which file, and later it is read.
    """
    here = of(tmp_path)
    old = here.current.id
    file = tmp_path / f"master-{derive(THREE).id}.key"
    file.touch(0o600)

    assert here.find(derive(THREE).id) is None
    assert here.current.id == old
    assert file.name in caplog.text

    file.write_text(spell(THREE))
    found = here.find(derive(THREE).id)
    assert found is not None
    assert found.id == derive(THREE).id


def test_a_value_is_read_once():
    """
    The environment of a process does not change: an unknown id asks nobody.
    """
    here = MasterKeys(lambda: [derive(ONE)], lambda: master_key_files.stamp(spell(ONE), Path("nowhere")), 0.0)

    assert here.find(derive(TWO).id) is None
    assert ids(here.all) == [derive(ONE).id]
