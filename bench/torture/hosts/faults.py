"""What can be done to a system of ours."""

import contextlib
from collections.abc import Callable
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]  # it ships no types

from bench.torture.clients.target import send
from bench.torture.faults.nemesis import Fault, Struck
from bench.torture.faults.network import network_faults
from bench.torture.hosts.chalk import Chalk
from bench.torture.hosts.postgres import Postgres
from bench.torture.hosts.processes import Process, until

# Within what docs/operations.md promises that hosts may differ; and far beyond it, where rotation must not care.
_SMALL_STEPS = (-45.0, -5.0, 5.0, 45.0)
_STEPS = (-7200.0, *_SMALL_STEPS, 7200.0)
# What a window of ten seconds can bear.
_WINDOW_STEPS = (-2.0, -1.0, 1.0, 2.0)
_PATIENCE_SECONDS = 60


def chalk_faults(system: Chalk, *, window: bool) -> dict[str, Fault]:
    """Give every fault that this system and this machine allow, by name."""
    faults: dict[str, Fault] = {
        "kill -9 of a worker": _on_process(system, _kill_worker),
        "kill -9 of all workers": _on_process(system, _kill_workers),
        "kill -9 of a server": _on_process(system, _kill_server),
        "SIGSTOP of a worker": _on_process(system, _stop_worker),
        "clock step of a worker": _clock(system, _WINDOW_STEPS if window else _STEPS),
    }
    faults |= network_faults(system.front, "between clients and server", "", answers=True)
    if system.back:
        faults |= network_faults(system.back, "between server and database", "database", answers=True)
    if system.database is not None:
        faults["kill -9 of PostgreSQL"] = _kill_database(system, system.database)
    if system.disk.can_fill:
        faults["full disk"] = _full_disk(system)
    return faults


def _on_process(system: Chalk, do: Callable[[Process, float], tuple[str, Callable[[], float | None]]]) -> Fault:
    def strike(draw: float) -> Struck:
        number = int(draw * len(system.processes))
        detail, heal = do(system.processes[number], draw * len(system.processes) % 1)
        return Struck(f"({detail}, host-{number + 1})", f"host-{number + 1}", heal)

    return strike


def _kill_worker(process: Process, draw: float) -> tuple[str, Callable[[], float | None]]:
    victim = _one_of(process, draw)
    victim.kill()
    took = process.wait_until_up(frozenset({victim.pid}))
    return f"pid {victim.pid}", lambda: took


def _one_of(process: Process, draw: float) -> psutil.Process:
    process.wait_until_up()
    workers = sorted(process.living(), key=lambda each: int(each.pid))
    return workers[min(int(draw * len(workers)), len(workers) - 1)]


def _kill_workers(process: Process, _draw: float) -> tuple[str, Callable[[], float | None]]:
    workers = process.living()
    for each in workers:
        with contextlib.suppress(psutil.Error):
            each.kill()
    took = process.wait_until_up(frozenset(each.pid for each in workers))
    return f"{len(workers)} workers", lambda: took


def _kill_server(process: Process, _draw: float) -> tuple[str, Callable[[], float | None]]:
    gone = frozenset(each.pid for each in process.living())
    process.kill()
    took = process.wait_until_up(gone)
    return "main process and workers", lambda: took


def _stop_worker(process: Process, draw: float) -> tuple[str, Callable[[], float | None]]:
    victim = _one_of(process, draw)
    victim.suspend()

    def heal() -> None:
        with contextlib.suppress(psutil.Error):
            victim.resume()

    return f"pid {victim.pid}", heal


def _clock(system: Chalk, steps: tuple[float, ...]) -> Fault:
    def strike(draw: float) -> Struck:
        step = steps[int(draw * len(steps))]
        number = int(draw * len(system.processes))
        victim = _one_of(system.processes[number], draw * len(steps) % 1)
        file = system.clocks / str(victim.pid)
        # Renamed into its place, so that the worker reads all of it or nothing.
        made = file.with_suffix(".new")
        made.write_text(str(step), encoding="ascii")
        made.replace(file)

        def heal() -> None:
            file.unlink(missing_ok=True)

        return Struck(f"(pid {victim.pid} by {step:+.0f} s)", "", heal)

    return strike


def _kill_database(system: Chalk, database: Postgres) -> Fault:
    def strike(_draw: float) -> Struck:
        database.kill()

        def heal() -> float | None:
            database.recover()
            return _until_served(system)

        return Struck("(all its processes)", "database", heal)

    return strike


def _full_disk(system: Chalk) -> Fault:
    def strike(_draw: float) -> Struck:
        system.disk.fill()

        def heal() -> float | None:
            system.disk.empty()
            if system.database is not None:
                # It gives up when its log cannot grow; whoever runs it starts it again.
                system.database.recover()
            return _until_served(system)

        return Struck("(not a byte is free)", "database", heal)

    return strike


def _until_served(system: Chalk) -> float | None:
    took = [until(_is_ready(each.token), _PATIENCE_SECONDS) for each in system.target.hosts]
    return None if None in took else max(each for each in took if each is not None)


def _is_ready(token_url: str) -> Callable[[], bool]:
    parts = urlsplit(token_url)
    url = f"{parts.scheme}://{parts.netloc}/readyz"
    return lambda: send(None, "GET", url).status == 200
