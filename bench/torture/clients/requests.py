"""Requests of clients, each written into the history with its answer."""

import dataclasses
import random
from typing import Any

from bench.torture.clients.sessions import Session
from bench.torture.clients.target import Answer, Credential, Host, Target, post, send
from bench.torture.history import History, Kind, Operation, Outcome, Role


class Requests:
    """What one client sends; which host it asks, its own chance decides."""

    def __init__(self, target: Target, history: History, name: str, role: Role, seed: str) -> None:
        self.target = target
        self.history = history
        self.name = name
        self.role: Role = role
        self.chance = random.Random(f"{name}/{seed}")

    def host(self) -> Host:
        """Choose a host."""
        return self.chance.choice(list(self.target.hosts))

    def issue(self, session: Session, secret: str | None = None) -> Operation:
        """Open a session; with another secret than the client's own, if one is given."""
        host, invoked = self.host(), self.history.now()
        if self.target.starts:
            answer = Answer(200, {"refresh_token": self.target.starts.pop()})
        else:
            client = session.client if secret is None else dataclasses.replace(session.client, secret=secret)
            secret = client.secret
            answer = post(host, host.token, self.target.issue, client)
        return self._note("issue", session, host, invoked, answer, presented=secret or "", **_tokens(answer))

    def refresh(self, session: Session, token: str, key: str | None) -> Operation:
        """Refresh with this token."""
        host, invoked = self.host(), self.history.now()
        headers = {} if key is None else {"Idempotency-Key": key}
        form = {"grant_type": "refresh_token", "refresh_token": token}
        answer = post(host, host.token, form, session.client, headers)
        return self._note("refresh", session, host, invoked, answer, presented=token, key=key, **_tokens(answer))

    def revoke(self, session: Session, token: str) -> Operation:
        """Revoke by a refresh token of the session (RFC 7009)."""
        host, invoked = self.host(), self.history.now()
        answer = post(host, host.revoke, {"token": token}, session.client)
        return self._note("revoke", session, host, invoked, answer, presented=token)

    def introspect(self, session: Session, access: str) -> Operation:
        """Ask whether an access token of the session is active (RFC 7662)."""
        host, invoked = self.host(), self.history.now()
        answer = post(host, host.introspect, {"token": access}, session.client)
        active = bool(answer.body.get("active")) if answer.ok else None
        return self._note("introspect", session, host, invoked, answer, access=access, active=active)

    def get(self, host: Host, url: str, bearer: str = "") -> tuple[Operation, Answer]:
        """Get a document, past the proxy of the clients."""
        invoked = self.history.now()
        answer = send(None, "GET", url, headers={"Authorization": f"Bearer {bearer}"} if bearer else {})
        return self._note("use" if bearer else "get", None, host, invoked, answer, what=url), answer

    def note_admin(
        self, kind: Kind, client: Credential, host: Host, since: float, answer: Answer, **more: Any
    ) -> Operation:
        """Write down what an admin did to a whole client."""
        return self._note(kind, None, host, since, answer, tenant=client.name, **more)

    def _note(
        self, kind: Kind, session: Session | None, host: Host, invoked: float, answer: Answer, **more: Any
    ) -> Operation:
        if session is not None:
            more = {"session": session.name, "tenant": session.client.name, **more}
        operation = Operation(
            client=self.name,
            role=self.role,
            kind=kind,
            invoked=invoked,
            returned=self.history.now(),
            outcome=_outcome(answer),
            status=answer.status,
            error="" if answer.ok else answer.error,
            retry_after="retry-after" in answer.headers,
            host=host.name,
            **more,
        )
        self.history.add(operation)
        return operation


def _outcome(answer: Answer) -> Outcome:
    if answer.ok:
        return "ok"
    return "unknown" if answer.status is None or answer.status >= 500 else "refused"


def _tokens(answer: Answer) -> dict[str, str]:
    told = {"child": answer.body.get("refresh_token"), "access": answer.body.get("access_token")}
    return {name: str(token) for name, token in told.items() if answer.ok and token}
