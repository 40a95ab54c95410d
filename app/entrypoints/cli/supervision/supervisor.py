"""The main process: granian's, but for how it listens and looks after its workers (docs/decisions/0006-granian.md)."""

import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from granian._granian import ListenerSpec
from granian.server.mp import MPServer, WorkerProcess

from app.entrypoints.cli.supervision.crew import DEAF_SECONDS, Crew, Worker
from app.entrypoints.cli.supervision.workers import Loader, Report


class Supervisor(MPServer):
    """
    A server whose workers are replaced as often as they die, and renewed one after the other.

    granian ends a server of which a worker dies twice within seconds, overlooks one that dies while it replaces
    another, renews by the clock rather than when the successor is there, and on Linux has each worker listen by itself,
    so that what waits to be accepted dies with it. Here all workers accept from one socket, and what waits there is
    taken by another.

    Args:
        target: the factory of the application, as `module:name`.
        lifetime_seconds: how long a worker serves before it is renewed; None for as long as it lives.
        kill_seconds: how long a worker that is told to end may take to finish what it has.
        options: granian's.
    """

    def __init__(self, target: str, *, lifetime_seconds: int | None, kill_seconds: int, **options: Any) -> None:
        super().__init__(target, workers_kill_timeout=kill_seconds, **options)
        self.reason_to_end: str | None = None
        self._lifetime_seconds = lifetime_seconds
        self._patience_seconds = kill_seconds
        self._reports: dict[WorkerProcess, Report] = {}
        # Who died is found by looking; what granian finds here, it would take for an error of its own at the end.
        self.interrupt_children: Any = deque(maxlen=0)

    def _init_shared_socket(self) -> None:
        if self.bind_uds:
            super()._init_shared_socket()  # type: ignore[no-untyped-call]
            return
        self._ssp: Any = None
        self._shd: Any = ListenerSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._sfd: Any = self._shd.get_fd()
        self._sso: Any = socket.socket(fileno=self._sfd)
        self._sso.set_inheritable(True)

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Callable[[], Any]) -> WorkerProcess:  # type: ignore[override]
        report = Report()
        process = super()._spawn_worker(idx, target, Loader(callback_loader, report, self._sso))
        self._reports[process] = report
        return process

    def _serve_loop(self, spawn_target: Any, target_loader: Callable[[], Any]) -> None:
        def begin(number: int) -> Worker:
            process = self._spawn_worker(number, spawn_target, target_loader)
            process.start()  # type: ignore[no-untyped-call]
            return self._worker(process)

        first = [self._worker(each) for each in self.wrks]
        crew = Crew(first, begin, self._lifetime_seconds, self._patience_seconds, time.monotonic())
        while not self.interrupt_signal and self.reason_to_end is None:
            self.main_loop_interrupt.wait(crew.pause(time.monotonic()))
            # Before anything is looked at: what happens from here on wakes us again.
            self.main_loop_interrupt.clear()
            if self.reload_signal:
                self.reload_signal = False
                crew.renew(time.monotonic())
            self.reason_to_end = crew.look(time.monotonic())
        crew.deafen()
        # Whoever connects now is refused, and asks another server.
        self._drop_shared_socket()  # type: ignore[no-untyped-call]
        time.sleep(DEAF_SECONDS)
        # Those who take over, and those who were told to end, are seen to their end like the others.
        self.wrks: list[Any] = [each.process for each in crew.everyone()]

    def _worker(self, process: WorkerProcess) -> Worker:
        return Worker(process, process.birth, self._reports.pop(process))
