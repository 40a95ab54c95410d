"""Every way in which a token can be asked for, and everything that can end an authority."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from werkzeug.test import TestResponse

from app.foundation.clock import rfc3339
from tests.adversary.ended_scene import OFFLINE, Granted, Scene
from tests.adversary.tenancies import API, bearer, by
from tests.assertions import change, register

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
API_KEY = "urn:chalk:params:oauth:token-type:api-key"


@dataclass(frozen=True)
class Person:
    """Somebody whom a token is asked for: by the tenant's own name, and by the id of a participant who was admitted."""

    name: str
    participant_id: str

    @property
    def new(self) -> dict[str, str]:
        """Say whom to admit."""
        return {"display_name": "Gerd", "external_user_id": self.name}


Way = Callable[[Scene, Person], TestResponse]


def _admission(headers: Callable[[Scene], dict[str, str]]) -> Way:
    return lambda scene, who: scene.http.post(f"{scene.room}/participants", json=who.new, headers=headers(scene))


def _admissions(headers: Callable[[Scene], dict[str, str]]) -> Way:
    def ask(scene: Scene, who: Person) -> TestResponse:
        asked = {"participants": [who.new]}
        return scene.http.post(f"{scene.room}/participants/bulk", json=asked, headers=headers(scene))

    return ask


def _anew(headers: Callable[[Scene], dict[str, str]]) -> Way:
    return lambda scene, who: scene.http.post(
        f"{scene.room}/participants/{who.participant_id}/token", headers=headers(scene)
    )


def _exchange(body: Callable[[Scene, Person], dict[str, Any]]) -> Way:
    return lambda scene, who: scene.http.post(
        f"{API}/auth/token", json={"api_key": scene.tenant.api_key} | body(scene, who)
    )


def _token_exchange(subject: str, *, by_id: bool = False) -> Way:
    def ask(scene: Scene, who: Person) -> TestResponse:
        if subject == "key":
            # An access token gives no refresh token.
            shown = {"subject_token": scene.tenant.api_key, "subject_token_type": API_KEY}
            shown["scope"] = "rooms:read offline_access"
        else:
            shown = {"subject_token": scene.callers[subject].access_token, "subject_token_type": ACCESS_TOKEN}
        whom = {"participant_id": who.participant_id} if by_id else who.new
        asked = {"grant_type": TOKEN_EXCHANGE, "room_id": scene.room_id, **whom, **shown}
        return scene.as_client("/oauth/token", **asked)

    return ask


def _client_credentials(scene: Scene, _who: Person) -> TestResponse:
    form = {"grant_type": "client_credentials", "scope": OFFLINE}
    return scene.http.post("/oauth/token", data=form, auth=(scene.tenant.id, scene.tenant.api_key))


def _by_assertion(scene: Scene, _who: Person) -> TestResponse:
    return scene.by_assertion("/oauth/token", grant_type="client_credentials", scope=OFFLINE)


# In whose name participants are admitted, by the credential of the call.
HEADERS: dict[str, Callable[[Scene], dict[str, str]]] = {
    "key": lambda scene: by(scene.tenant.api_key),
    "tenant": lambda scene: bearer(scene.callers["tenant"].access_token),
    "room": lambda scene: bearer(scene.callers["room"].access_token),
    "host": lambda scene: bearer(scene.callers["host"].access_token),
    "assertion": lambda scene: bearer(scene.callers["assertion"].access_token),
}

BY_SECRET: dict[str, Way] = {
    "exchange": _exchange(lambda _scene, _who: {}),
    "exchange of another key": _exchange(lambda scene, _who: {"api_key": scene.spare}),
    "exchange for the room": _exchange(lambda scene, _who: {"room_id": scene.room_id}),
    "exchange for a newcomer": _exchange(lambda scene, who: {"room_id": scene.room_id, "participant": who.new}),
    "exchange for a participant": _exchange(
        lambda scene, who: {"room_id": scene.room_id, "participant": {"id": who.participant_id}}
    ),
    "client credentials by secret": _client_credentials,
    "admission by key": _admission(HEADERS["key"]),
    "admission by the tenant's token": _admission(HEADERS["tenant"]),
    "admission by a token for the room": _admission(HEADERS["room"]),
    "admission by the host": _admission(HEADERS["host"]),
    "admission of many by key": _admissions(HEADERS["key"]),
    "admission of many by the host": _admissions(HEADERS["host"]),
    "tokens anew by key": _anew(HEADERS["key"]),
    "tokens anew by the tenant's token": _anew(HEADERS["tenant"]),
    "tokens anew by the host": _anew(HEADERS["host"]),
    "token exchange of a token": _token_exchange("tenant"),
    "token exchange of a token for the room": _token_exchange("room"),
    "token exchange of a token, by id": _token_exchange("tenant", by_id=True),
    "token exchange of a key": _token_exchange("key"),
    "token exchange of a key, by id": _token_exchange("key", by_id=True),
}
# Of a client that is registered for assertions, and of the tokens that it got by one.
BY_ASSERTION: dict[str, Way] = {
    "client credentials by assertion": _by_assertion,
    "admission by an assertion's token": _admission(HEADERS["assertion"]),
    "tokens anew by an assertion's token": _anew(HEADERS["assertion"]),
    "token exchange of an assertion's token": _token_exchange("assertion"),
}


# Ends something for those who were granted tokens.
End = Callable[[Scene, Iterable[Granted]], None]


def _compromised(scene: Scene, _granted: Iterable[Granted]) -> None:
    _send(scene, scene.tenant.api_key, "POST", f"{scene.home}/rotate-key", {"reason": "compromised"})


def _replaced(scene: Scene, _granted: Iterable[Granted]) -> None:
    _send(scene, scene.tenant.api_key, "POST", f"{scene.home}/rotate-key")


def _revoked(scene: Scene, _granted: Iterable[Granted]) -> None:
    _send(scene, scene.spare, "DELETE", f"{scene.home}/api-keys/{scene.key_id}")


def _leaked(scene: Scene, _granted: Iterable[Granted]) -> None:
    answer = scene.http.post(f"{API}/leaks", json={"api_key": scene.tenant.api_key})
    assert answer.status_code == 202, answer.text


def _expired(scene: Scene, _granted: Iterable[Granted]) -> None:
    soon = rfc3339(scene.tools.clock.now() + timedelta(minutes=1))
    _send(scene, scene.spare, "PATCH", f"{scene.home}/api-keys/{scene.key_id}", {"expires_at": soon})
    scene.clock.step(minutes=2)


def _suspended(scene: Scene, _granted: Iterable[Granted]) -> None:
    _send(scene, scene.operator, "PATCH", scene.home, {"status": "suspended"})
    scene.silenced = True


def _resumed(scene: Scene, granted: Iterable[Granted]) -> None:
    _suspended(scene, granted)
    _send(scene, scene.operator, "PATCH", scene.home, {"status": "active"})
    scene.silenced = False


def _closed(scene: Scene, _granted: Iterable[Granted]) -> None:
    _send(scene, scene.operator, "DELETE", scene.home)
    scene.silenced = True


def _room_ended(scene: Scene, _granted: Iterable[Granted]) -> None:
    _send(scene, scene.spare, "POST", f"{scene.room}/end")


def _room_deleted(scene: Scene, _granted: Iterable[Granted]) -> None:
    _send(scene, scene.spare, "DELETE", scene.room)


def _removed(scene: Scene, granted: Iterable[Granted], **body: Any) -> None:
    for participant_id in {each.claims["participant_id"] for each in granted if "participant_id" in each.claims}:
        _send(scene, scene.spare, "DELETE", f"{scene.room}/participants/{participant_id}", body)


def _banned(scene: Scene, granted: Iterable[Granted]) -> None:
    _removed(scene, granted, ban=True)


def _host_removed(scene: Scene, _granted: Iterable[Granted]) -> None:
    _removed(scene, [scene.callers["host"]])


def _host_demoted(scene: Scene, _granted: Iterable[Granted]) -> None:
    host = scene.callers["host"].claims["participant_id"]
    _send(scene, scene.spare, "PATCH", f"{scene.room}/participants/{host}", {"role": "viewer"})


def _client_key_withdrawn(scene: Scene, _granted: Iterable[Granted]) -> None:
    if not scene.registered:
        register(scene.http, scene.tenant, scene.signer)
    change(scene.http, scene.tenant, jwks=None)
    scene.registered = False


def _all_sessions_revoked(scene: Scene, _granted: Iterable[Granted]) -> None:
    _send(scene, scene.spare, "POST", f"{scene.home}/revoke-sessions")


def _sessions_deleted(scene: Scene, granted: Iterable[Granted]) -> None:
    for each in granted:
        _send(scene, scene.spare, "DELETE", f"{API}/sessions/{each.claims['sid']}")


def _callers_deleted(scene: Scene, _granted: Iterable[Granted]) -> None:
    _sessions_deleted(scene, scene.callers.values())


def _send(scene: Scene, key: str, method: str, path: str, body: Any = None) -> None:
    answer = scene.http.open(path, method=method, json=body, headers=by(key))
    assert answer.status_code == 200, answer.text


ENDINGS: dict[str, End] = {
    "compromised": _compromised,
    "replaced": _replaced,
    "revoked": _revoked,
    "expired": _expired,
    "suspended": _suspended,
    "resumed": _resumed,
    "closed": _closed,
    "room ended": _room_ended,
    "room deleted": _room_deleted,
    "removed": _removed,
    "banned": _banned,
    "host removed": _host_removed,
    "host demoted": _host_demoted,
    "withdrawn": _client_key_withdrawn,
    "all revoked": _all_sessions_revoked,
    "deleted": _sessions_deleted,
    "callers deleted": _callers_deleted,
    "leaked": _leaked,
}
