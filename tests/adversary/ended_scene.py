"""A tenant at work, what it was granted, and whether any of that still lives, asked at every place that could tell."""

from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.flows.issue_resource_server_key import issue_resource_server_key
from app.flows.tools import Tools
from tests.adversary.tenancies import API, bearer, by
from tests.assertions import ASSERTION_TYPE, ClientKey, a_key, an_assertion, register
from tests.builders import ALL_SCOPES, Tenant, a_key_holding, a_room, a_tenant, an_operator
from tests.clock import StillClock
from tests.forgery import claims_of

OFFLINE = f"{ALL_SCOPES} offline_access"


@dataclass(frozen=True)
class Granted:
    """The tokens of one answer."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)

    @property
    def claims(self) -> dict[str, Any]:
        """Give what the access token says."""
        return claims_of(self.access_token)


@dataclass
class Scene:
    """
    A tenant with a key, a room, and callers of every kind, whose sessions the key opened.

    `spare` is another key of it, on which none of them rests. A `registered` client signs with `signer`, and may use no
    key as its secret. `silenced` says that nobody may speak for the tenant any more.
    """

    http: FlaskClient
    tools: Tools
    tenant: Tenant
    spare: str
    operator: str
    resource_server: str
    room_id: str
    signer: ClientKey
    registered: bool = False
    silenced: bool = False
    callers: dict[str, Granted] = field(default_factory=dict)

    @property
    def key_id(self) -> str:
        """Give the id of the key."""
        return f"key_{self.tenant.api_key[8:16]}"

    @property
    def clock(self) -> StillClock:
        """Give the clock, to be stepped."""
        clock = self.tools.clock
        assert isinstance(clock, StillClock)
        return clock

    @property
    def room(self) -> str:
        """Give the path of the room."""
        return f"{API}/rooms/{self.room_id}"

    @property
    def home(self) -> str:
        """Give the path of the tenant."""
        return f"{API}/tenants/{self.tenant.id}"

    def as_client(self, path: str, **form: str) -> TestResponse:
        """Ask at /oauth as the tenant's client: by assertion if it is registered for that, else by the spare key."""
        if not self.registered:
            return self.http.post(path, data=form, auth=(self.tenant.id, self.spare))
        return self.by_assertion(path, **form)

    def by_assertion(self, path: str, **form: str) -> TestResponse:
        """Ask at /oauth by assertion, whether or not the client is registered for it."""
        assertion = an_assertion(self.signer, self.tenant.id, self.tools.clock.now())
        shown = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        return self.http.post(path, data=form | shown)

    def admit(self, external_user_id: str, role: str = "participant") -> Granted:
        """Admit someone by the key."""
        asked = {"display_name": "Gerd", "role": role, "external_user_id": external_user_id}
        return must(self.http.post(f"{self.room}/participants", json=asked, headers=by(self.tenant.api_key)))

    def exchange(self, **more: Any) -> Granted:
        """Exchange the key for tokens."""
        return must(self.http.post(f"{API}/auth/token", json={"api_key": self.tenant.api_key, **more}))


def a_scene(http: FlaskClient, tools: Tools, *, registered: bool = False) -> Scene:
    """Set the scene; nothing has ended."""
    tenant = a_tenant(tools)
    spare = a_key_holding(OFFLINE, tenant, tools).api_key
    resource_server = issue_resource_server_key(tools.http.audiences[0], tools).text
    room_id = a_room(tools, tenant)
    scene = Scene(http, tools, tenant, spare, an_operator(tools), resource_server, room_id, a_key())
    answer = http.patch(scene.home, json={"max_participants_per_room": 100}, headers=by(scene.operator))
    assert answer.status_code == 200

    scene.callers["tenant"] = scene.exchange()
    scene.callers["room"] = scene.exchange(room_id=room_id)
    scene.callers["host"] = scene.admit("the host", "host")
    if registered:
        register(http, tenant, scene.signer)
        scene.registered = True
        asked = {"grant_type": "client_credentials", "scope": OFFLINE}
        scene.callers["assertion"] = must(scene.by_assertion("/oauth/token", **asked))
    return scene


def read(answer: TestResponse) -> Granted | str:
    """Give the tokens of an answer in either dialect, also of one of many; or the code of the refusal."""
    body = answer.json or {}
    if "error" in body:
        assert 400 <= answer.status_code < 500, answer.text
        error = body["error"]
        return str(error["code"] if isinstance(error, dict) else error)

    assert answer.status_code in {200, 201}, answer.text
    content = body.get("data", body)
    if isinstance(content, list):
        (one,) = content
        if "error" in one:
            return str(one["error"]["code"])
        content = one["admission"]
    return Granted(content["access_token"], content.get("refresh_token"))


def must(answer: TestResponse) -> Granted:
    """Give the tokens of an answer that has some."""
    granted = read(answer)
    assert isinstance(granted, Granted), answer.text
    return granted


def life_of(granted: Granted, scene: Scene) -> str:
    """
    Tell whether a session lives: `+` when every place says so, `-` when every place refuses its tokens, and
    introspection says of them that they are inactive, and nothing else. Anything in between is told as it is.
    """
    signs = {"introspection": _introspected(scene, granted.access_token, scene.resource_server)}
    signs["bearer"] = bearer_of(granted, scene)
    if granted.refresh_token is not None:
        signs["introspection of the refresh token"] = _introspected(scene, granted.refresh_token, None)
        signs |= _refreshed(scene, granted.refresh_token)
    if len(set(signs.values())) == 1:
        return signs["bearer"]
    return str(signs)


def bearer_of(granted: Granted, scene: Scene) -> str:
    """Tell whether an access token opens our own API: `+` or `-`."""
    answer = scene.http.get(f"{API}/rooms", headers=bearer(granted.access_token))
    return _alive(answer.status_code, {401})


def _refreshed(scene: Scene, token: str) -> dict[str, str]:
    chalk = scene.http.post(f"{API}/auth/refresh", json={"refresh_token": token})
    if chalk.status_code == 200:
        token = (chalk.json or {})["data"]["refresh_token"]
    else:
        assert (chalk.json or {})["error"]["code"] == "INVALID_REFRESH_TOKEN"
    oauth = scene.as_client("/oauth/token", grant_type="refresh_token", refresh_token=token)
    return {
        "refresh": _alive(chalk.status_code, {401}),
        "refresh grant": _alive(oauth.status_code, {400, 401} if scene.silenced else {400}),
    }


def _introspected(scene: Scene, token: str, resource_server: str | None) -> str:
    path = "/oauth/introspect"
    if resource_server is None:
        answer = scene.as_client(path, token=token)
        if scene.silenced:
            return _alive(answer.status_code, {400, 401})
    else:
        auth = (f"key_{resource_server[8:16]}", resource_server)
        answer = scene.http.post(path, data={"token": token}, auth=auth)
    assert answer.status_code == 200, answer.text
    if (answer.json or {})["active"] is True:
        return "+"
    return "-" if answer.json == {"active": False} else answer.text


def _alive(status: int, refused: set[int]) -> str:
    if status == 200:
        return "+"
    return "-" if status in refused else str(status)
