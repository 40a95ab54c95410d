"""Thieves, who replay whatever they ever saw, and admins, who end things."""

import threading
import uuid
from typing import Any

from bench.torture.clients.requests import Requests
from bench.torture.clients.sessions import Pool, Session
from bench.torture.clients.target import Answer, Credential, Steering
from bench.torture.history import Operation

_MOST_TRIES = 40


class Thief:
    """Replays tokens of contested sessions, most often recent ones; without the key of the request, or with a guess."""

    def __init__(self, requests: Requests, pool: Pool, every_seconds: float) -> None:
        self.over = threading.Event()
        self.problems: list[str] = []
        self._requests = requests
        self._pool = pool
        self._every_seconds = every_seconds

    def run(self) -> None:
        """Steal until it is over."""
        chance = self._requests.chance
        while not self.over.wait(self._every_seconds * chance.uniform(0.5, 1.5)):
            sessions = self._pool.living("contested")
            if sessions:
                self.rob(chance.choice(sessions))

    def rob(self, session: Session) -> None:
        """Replay a token of this session, and look what an access token is worth after it."""
        chance = self._requests.chance
        recent = session.seen[-3:] if chance.random() < 0.6 else session.seen
        guess = f"guess-{chance.getrandbits(64):016x}" if chance.random() < 0.3 else None
        got = self._requests.refresh(session, chance.choice(recent), guess)
        if got.outcome == "ok":
            session.seen.append(got.child)
        elif session.accesses and any(host.introspect for host in self._requests.target.hosts):
            self._requests.introspect(session, chance.choice(session.accesses))


class Admin:
    """Revokes sessions, rotates keys, suspends and resumes, until it is acknowledged; then looks what is left."""

    def __init__(self, requests: Requests, pool: Pool, every_seconds: float) -> None:
        self.over = threading.Event()
        self.problems: list[str] = []
        self._requests = requests
        self._pool = pool
        self._every_seconds = every_seconds
        self.lost_keys = 0

    def run(self) -> None:
        """Do one thing after another until it is over."""
        steering, chance = self._requests.target.steering, self._requests.chance
        deeds: list[Any] = [self.revoke]
        if steering is not None:
            deeds += [lambda: self.rotate_key(steering), lambda: self.suspend(steering)]
        while not self.over.wait(self._every_seconds * chance.uniform(0.5, 1.5)):
            chance.choice(deeds)()

    def revoke(self) -> None:
        """Revoke a contested session by one of its tokens, then try what it had."""
        sessions = self._pool.living("contested")
        if not sessions or not self._requests.target.hosts[0].revoke:
            return
        session = self._requests.chance.choice(sessions)
        token = self._requests.chance.choice(session.seen[-3:])
        if self._until_done(lambda: self._requests.revoke(session, token)):
            self._try_all(session)

    def rotate_key(self, steering: Steering) -> None:
        """Replace an API key, then try the old one at every host."""
        client, key = steering.rotating, str(uuid.UUID(int=self._requests.chance.getrandbits(128), version=4))
        old = client.secret

        def ask() -> Operation:
            host, since = self._requests.host(), self._requests.history.now()
            answer = steering.rotate_key(host, old, key)
            new = str(answer.body["data"]["api_key"]) if answer.ok else ""
            return self._requests.note_admin(
                "rotate_key", client, host, since, answer, presented=old, key=key, child=new
            )

        done = self._until_done(ask, may_be_refused=True)
        if done is None:
            return
        if done.outcome == "refused":
            # The key was replaced, and the answer that held the new one is lost: an operator helps.
            self.lost_keys += 1
            self._until_done(lambda: self._help(steering, client))
            return
        client.secret = done.child
        for _ in range(4):
            self._requests.issue(Session("", "ending", client), old)

    def suspend(self, steering: Steering) -> None:
        """Suspend a tenant, try its sessions, and let it act again."""
        client = steering.ending
        if not self._until_done(lambda: self._set(steering, client, suspended=True)):
            return
        ended = self._pool.living("ending")
        for session in ended:
            self._try_all(session)
        if self._until_done(lambda: self._set(steering, client, suspended=False)):
            for session in ended:
                # The credential is right again; the session must not be.
                self._try_all(session)

    def _help(self, steering: Steering, client: Credential) -> Operation:
        host, since = self._requests.host(), self._requests.history.now()
        answer = steering.new_key(host)
        if answer.ok:
            client.secret = str(answer.body["data"]["api_key"])
        return self._requests.note_admin("new_key", client, host, since, answer)

    def _set(self, steering: Steering, client: Credential, *, suspended: bool) -> Operation:
        host, since = self._requests.host(), self._requests.history.now()
        answer: Answer = steering.set_suspended(host, suspended=suspended)
        return self._requests.note_admin("suspend" if suspended else "resume", client, host, since, answer)

    def _try_all(self, session: Session) -> None:
        self._requests.refresh(session, session.seen[-1], None)
        if session.accesses and self._requests.target.hosts[0].introspect:
            self._requests.introspect(session, session.accesses[-1])

    def _until_done(self, ask: Any, *, may_be_refused: bool = False) -> Operation | None:
        asked_before = False
        for _ in range(_MOST_TRIES):
            done: Operation = ask()
            if done.outcome == "ok" or (done.outcome == "refused" and asked_before and may_be_refused):
                return done
            asked_before = True
            if done.outcome == "refused":
                self.problems.append(f"an admin was refused: {done.kind} {done.status} {done.error}")
                return None
            threading.Event().wait(0.2)
        return None
