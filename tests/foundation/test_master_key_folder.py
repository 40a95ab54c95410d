"""A keys folder in which something goes wrong, or two things happen at once: no key is made up, lost or left behind."""

import dataclasses
import os
import shutil
import threading
from datetime import UTC, datetime

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.foundation import master_key_files
from app.foundation.errors import ConfigurationError
from app.foundation.master_keys import MasterKeys
from tests.conftest import environment

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def ids(keys):
    return [key.id for key in keys]


def names(directory):
    return sorted(file.name for file in directory.iterdir())


@pytest.fixture
def running(tmp_path, clock):
    """Give the master keys of an application that looks at its folder again at every use, and the folder."""
    usual = environment(f"sqlite:///{tmp_path / 'chalk.db'}")
    keys = dataclasses.replace(
        usual.keys, master_key=None, directory=str(tmp_path / "keys"), keyring_max_age_seconds=-1
    )
    tools = wiring_of(create_app(dataclasses.replace(usual, keys=keys), clock, warm=False)).tools
    yield tools.masters, tmp_path / "keys"
    tools.database.close()


@pytest.mark.parametrize("gone", ["folder", "file"])
def test_a_folder_that_goes_away_makes_nobody_use_a_new_key(running, gone, caplog):
    """
    A worker whose keys are unmounted or moved goes on with those it knows; only a first start makes one.
    """
    masters, folder = running
    known = masters.current.id
    if gone == "folder":
        shutil.move(folder, folder.with_name("moved"))
    else:
        (folder / "master.key").rename(folder.with_name("moved.key"))

    assert masters.current.id == known
    assert masters.find("made-up") is None
    assert not (folder / "master.key").exists()
    assert "could not be read again" in caplog.text


def test_a_start_among_keys_of_which_none_is_current_makes_none(tmp_path):
    """
    Where older keys lie and master.key is missing, somebody lost it: the server says so, and does not begin anew.
    """
    master_key_files.load(None, tmp_path)
    master_key_files.add(tmp_path)
    (tmp_path / "master.key").unlink()
    before = names(tmp_path)

    with pytest.raises(ConfigurationError, match="Copy the one that is to be current there"):
        master_key_files.load(None, tmp_path)
    assert names(tmp_path) == before


def test_to_activate_the_current_key_again_leaves_no_copy_behind(tmp_path):
    """
    Done twice, it is done once: no third name of the secret stays in the folder, to outlive its retirement.
    """
    master_key_files.load(None, tmp_path)
    made = master_key_files.add(tmp_path)
    master_key_files.activate(tmp_path, made.id, now=NOW)
    before = names(tmp_path)

    master_key_files.activate(tmp_path, made.id, now=NOW)

    assert names(tmp_path) == before


def test_a_file_that_bears_the_name_of_another_key_is_not_activated(tmp_path):
    """
    What is activated is the key that was named, not whatever lies in a file of its name.
    """
    (first,) = master_key_files.load(None, tmp_path)
    made = master_key_files.add(tmp_path)
    shutil.copy(tmp_path / "master.key", tmp_path / f"master-{made.id}.key")

    with pytest.raises(ConfigurationError, match=made.id):
        master_key_files.activate(tmp_path, made.id, now=NOW)
    assert ids(master_key_files.load(None, tmp_path)) == [first.id]


def test_a_reader_bears_that_a_key_is_retired_meanwhile(tmp_path):
    """
    A worker that starts in the moment in which an older key is removed starts.
    """
    (first,) = master_key_files.load(None, tmp_path)
    over, problems = threading.Event(), []

    def look():
        while not over.is_set():
            try:
                assert first.id in ids(master_key_files.load(None, tmp_path))
            except ConfigurationError as error:
                problems.append(str(error))

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(150):
        master_key_files.remove(tmp_path, master_key_files.add(tmp_path).id)
    over.set()
    for reader in readers:
        reader.join()

    assert problems == []


def test_several_may_add_at_once(tmp_path):
    """
    Of operators who add a key in the same moment, none is refused.
    """
    for number in range(10):
        folder = tmp_path / str(number)
        master_key_files.load(None, folder)
        gate, made = threading.Barrier(4), list[str]()

        def add(folder=folder, gate=gate, made=made):
            gate.wait()
            made.append(master_key_files.add(folder).id)

        racers = [threading.Thread(target=add) for _ in range(4)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()

        assert len(made) == 4
        assert set(made) < set(ids(master_key_files.load(None, folder)))


def test_strangers_do_not_make_a_broken_folder_be_read_again_and_again(tmp_path, caplog):
    """
    While a file is broken, it is tried again soon, not at every name that somebody makes up; the log is not flooded.
    """
    (first,) = master_key_files.load(None, tmp_path)
    here = MasterKeys(
        lambda: master_key_files.load(None, tmp_path), lambda: master_key_files.stamp(None, tmp_path), 3600.0
    )
    (tmp_path / "master-broken.key").touch(0o600)
    os.utime(tmp_path, ns=(0, tmp_path.stat().st_mtime_ns - 10**9))

    for _ in range(50):
        assert here.find("made-up") is None

    assert here.current.id == first.id
    assert caplog.text.count("could not be read again") == 1
