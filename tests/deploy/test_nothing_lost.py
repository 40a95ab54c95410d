"""Under load through nginx, an operator at work and a crash: what is lost is told to come back, and then is right."""

import contextlib
import functools
import os
import signal
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.builders import a_pair
from tests.deploy.conftest import served
from tests.deploy.load import Load
from tests.servers import Manner

CLIENTS = 8


@pytest.fixture
def load(site) -> Iterator[Load]:
    """Clients at work."""
    pairs = [a_pair(site.tools, site.tenant) for _ in range(CLIENTS)]
    load = Load(site.edge)
    with load.at_work(*(functools.partial(load.refresh, each, f"127.0.2.{n + 1}") for n, each in enumerate(pairs))):
        yield load


def workers(process):
    with contextlib.suppress(psutil.Error):
        return {each.pid for each in psutil.Process(process.pid).children(recursive=True)}
    return set()


def passed_on(site, *ports):
    """How many requests nginx has passed on to these servers, one after the other, so far."""
    asked = ", ".join(f"127.0.0.1:{port}" for port in ports)
    return (site.edge.folder / "log" / "access.log").read_text().count(f'"upstream":"{asked}"')


def renewed(process, before):
    """Tell whether all of these workers have been replaced."""
    now = workers(process)
    return len(now) >= len(before) and not before & now


def test_no_request_is_lost_for_good(site, load):
    """
    N, I6: reloading nginx, renewing workers, by hand or by their age, and ending one server of two loses nothing. A
    worker that is killed, again and again, loses what it had at hand at most: 503, and repeated with the same key each
    gets its successor, and no session ends.
    """

    def at_work():
        """Both servers are asked, before one of them is touched."""
        before = passed_on(site, site.second_port)
        load.until(lambda: passed_on(site, site.second_port) > before + 5)

    with served(site.url, site.second_port, 2) as second:
        old = workers(site.edge.process)
        os.kill(site.edge.process.pid, signal.SIGHUP)
        reloaded = load.until(lambda: not old <= workers(site.edge.process))

        killed = []
        for _ in range(2):
            at_work()
            victims = workers(second.process)
            for each in victims:
                os.kill(each, signal.SIGKILL)
            killed += load.until(functools.partial(renewed, second.process, victims))

        at_work()
        before = workers(second.process)
        os.kill(second.process.pid, signal.SIGHUP)
        by_hand = load.until(lambda: renewed(second.process, before))

        at_work()
        turned_away = passed_on(site, site.second_port, site.server.port)
        second.process.terminate()
        stopped = load.until(lambda: passed_on(site, site.second_port, site.server.port) > turned_away)

    with served(site.url, site.second_port, 2, Manner(options=("--worker-lifetime", "1"))) as second:
        at_work()
        by_age = []
        for _ in range(3):
            old = workers(second.process)
            by_age += load.until(functools.partial(renewed, second.process, old))

    assert [each for each in [*reloaded, *by_hand, *stopped, *by_age] if each.status != 200] == []
    lost = [each.status for each in killed if each.status != 200]
    # 503, or half an answer; as many as there are clients at once, each of the two times.
    assert set(lost) <= {0, 503}
    assert len(lost) <= 2 * CLIENTS
    assert load.broken == []
