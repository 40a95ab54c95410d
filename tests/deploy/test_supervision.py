"""The main process and its workers: whoever is killed is replaced, whoever cannot start is not tried for ever."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from app.foundation import master_key_files
from tests.conftest import migrate
from tests.servers import Manner, Server, at_work, serve

JWKS = "/.well-known/jwks.json"
PATIENCE_SECONDS = 30


@pytest.fixture
def url(new_database: Callable[[str], str]) -> str:
    """A database of SQLite: how workers are looked after does not depend on it."""
    made = new_database("sqlite")
    migrate(made)
    return made


def ask(server: Server) -> int:
    """Give the status of an answer; a request that waits for a worker is answered when there is one."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)) as line:
        line.request("GET", JWKS)
        return line.getresponse().status


def pids(server: Server) -> set[int]:
    return {each.pid for each in at_work(server.process)}


def until(condition: Callable[[], object]) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.005)


def until_others(server: Server, before: set[int]) -> None:
    """Wait until none of these workers serves any more."""
    until(lambda: not before & pids(server))


def until_renewed(server: Server, gone: set[int]) -> None:
    """Wait until as many workers serve as shall, and none of these."""
    until(lambda: len(pids(server) - gone) == 2)


def test_workers_that_are_killed_again_and_again_are_replaced(url):
    """
    N: all workers at once, or one of them, three times within seconds. Who asks meanwhile is not turned away but waits
    for the next worker, as there is one place where all of them fetch their connections.
    """
    with serve(url, workers=2) as server:
        for _ in range(3):
            before = pids(server)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            assert ask(server) == 200
            until_renewed(server, before)

            victim = min(pids(server))
            os.kill(victim, signal.SIGKILL)
            assert ask(server) == 200
            until_renewed(server, {victim})

        last = [psutil.Process(pid) for pid in pids(server)]
        server.process.kill()
        # Nobody would look after them.
        assert psutil.wait_procs(last, timeout=PATIENCE_SECONDS)[1] == []


def test_a_worker_that_leaves_hears_those_who_have_just_come(url):
    """
    N: of the connections that it has accepted, it reads the request, also where that arrives after its time was over.
    """
    ended = threading.Event()
    told: list[bytes] = []

    def ask_hesitantly():
        request = f"GET {JWKS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        while not ended.is_set():
            with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS) as wire:
                ended.wait(0.005)
                try:
                    wire.sendall(request)
                    told.append(wire.recv(65_536)[9:12])
                except ConnectionError:
                    told.append(b"reset")

    with serve(url, Manner(options=("--worker-lifetime", "1")), workers=4) as server:
        threads = [threading.Thread(target=ask_hesitantly) for _ in range(8)]
        for each in threads:
            each.start()
        for _ in range(3):
            until_others(server, pids(server))
        ended.set()
        for each in threads:
            each.join()

    assert set(told) == {b"200"}


def test_a_worker_that_cannot_start_is_not_tried_for_ever(url, tmp_path):
    """
    N: where the next worker could not start, a renewal leaves the one that serves; and when that is gone, some starts
    are tried, not more than one a second, before the server ends and says why. Its supervisor starts it again.
    """
    keys, log = tmp_path / "keys", tmp_path / "log"
    with serve(url, Manner(log=log), MASTER_KEY=None, KEYS_DIRECTORY=str(keys)) as server:
        (worker,) = pids(server)
        # Another master key, with which no signing key opens: the workers that serve have theirs in memory.
        shutil.rmtree(keys)
        master_key_files.load(None, keys)

        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda: "a worker could not be renewed, and stays" in log.read_text())
        assert pids(server) == {worker}
        assert ask(server) == 200

        began = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        assert server.process.wait(PATIENCE_SECONDS) == 1

    assert time.monotonic() - began > 3
    said = log.read_text()
    assert said.count('"message":"a worker died"') == 6
    assert "chalk-auth: No worker could start, 5 times in a row. The server ends" in said
    assert said.count("a worker cannot start: ") == 6
    assert "Traceback" not in said
