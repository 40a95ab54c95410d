"""requests-oauthlib, Authlib's client and PyJWT: what people in Python have at hand."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey
from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.builders import a_room
from tests.live import OTHER_AUDIENCE, Live

SCOPE = ["offline_access", "rooms:read"]


@pytest.fixture(autouse=True)
def _http(monkeypatch):
    # The servers of this suite speak http, on this machine; oauthlib wants to be told.
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def verify(live: Live, token: str) -> dict[str, Any]:
    """Verify an access token offline, as a resource server with PyJWT does."""
    key = jwt.PyJWKClient(f"{live.url}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    verified = jwt.decode_complete(
        token,
        key,
        algorithms=["RS256"],
        issuer=live.url,
        audience=live.url,
        options={"require": ["iss", "aud", "exp", "sub", "client_id", "iat", "jti"]},
    )
    assert verified["header"]["typ"] == "at+jwt"
    claims: dict[str, Any] = verified["payload"]
    return claims


def test_requests_oauthlib_works_as_a_backend_application(live, client):
    """
    The client of most Python back ends gets a token, uses and refreshes it, and what it revokes is gone.
    """
    session = OAuth2Session(client=BackendApplicationClient(client.id, scope=SCOPE))
    basic = HTTPBasicAuth(client.id, client.api_key)
    token_url = f"{live.url}/oauth/token"

    first = session.fetch_token(token_url, client_id=client.id, client_secret=client.api_key)
    rooms = session.get(f"{live.url}/api/v1/rooms")
    second = session.refresh_token(token_url, auth=basic)
    form = {"token": second["access_token"]}
    before = requests.post(f"{live.url}/oauth/introspect", form, auth=basic, timeout=10).json()
    revoked = requests.post(f"{live.url}/oauth/revoke", form, auth=basic, timeout=10)
    after = requests.post(f"{live.url}/oauth/introspect", form, auth=basic, timeout=10).json()

    assert (rooms.status_code, rooms.json()["data"]) == (200, [])
    assert first["refresh_token"] != second["refresh_token"]
    assert verify(live, second["access_token"])["sub"] == client.id
    assert (before["active"], revoked.status_code, after) == (True, 200, {"active": False})


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_s_own_client_works_by_secret(live, client, method):
    """
    Authlib's client, which shares no line of code with our endpoints, goes the whole way with either form of secret.
    """
    session = AuthlibSession(
        client.id, client.api_key, scope=" ".join(SCOPE), token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    )  # fmt: skip
    go_the_whole_way(session, live, client.id)


def test_authlib_s_own_client_works_by_private_key(live, client):
    """
    A tenant that registers a public key authenticates by assertion at all three endpoints, and by no secret any more.
    """
    key = ECKey.generate_key("P-256", {"kid": "mine"})
    registered = requests.patch(
        f"{live.url}/api/v1/tenants/{client.id}",
        headers={"X-API-Key": client.api_key},
        json={"jwks": {"keys": [key.as_dict(private=False)]}},
        timeout=10,
    )
    method = ShortAssertion(live)
    session = AuthlibSession(
        client.id, key, scope=" ".join(SCOPE), token_endpoint_auth_method=method.name,
        revocation_endpoint_auth_method=method.name,
    )  # fmt: skip
    session.register_client_auth_method(method)

    assert registered.status_code == 200, registered.text
    go_the_whole_way(session, live, client.id)
    refused = requests.post(
        f"{live.url}/oauth/token",
        {"grant_type": "client_credentials"},
        auth=(client.id, client.api_key),
        timeout=10,
    )
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_authlib_s_own_client_exchanges_a_token(live, client):
    """
    L: it gets a tenant's token, and for that a participant's, which PyJWT verifies and which opens its room alone.
    """
    session = AuthlibSession(client.id, client.api_key, scope="participants:write rooms:read")
    token_url, room_id = f"{live.url}/oauth/token", a_room(live.tools, client)

    subject = session.fetch_token(token_url, grant_type="client_credentials")
    exchanged = session.fetch_token(
        token_url,
        grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token=subject["access_token"],
        subject_token_type="urn:ietf:params:oauth:token-type:access_token",
        room_id=room_id,
        display_name="Ada Lovelace",
        role="host",
    )
    claims = verify(live, exchanged["access_token"])

    assert exchanged["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert (claims["room_id"], claims["display_name"], claims["client_id"]) == (room_id, "Ada Lovelace", client.id)
    assert set(exchanged["scope"].split()) == {"participants:write", "rooms:read"}
    assert session.get(f"{live.url}/api/v1/rooms/{room_id}").status_code == 200
    assert session.get(f"{live.url}/api/v1/rooms/{a_room(live.tools, client)}").status_code == 404


def test_pyjwt_refuses_what_is_meant_for_others(live, client):
    """
    A token for another resource server, and a refresh token, are no access tokens for this one.
    """
    basic = HTTPBasicAuth(client.id, client.api_key)
    form = {"grant_type": "client_credentials", "scope": "offline_access", "resource": OTHER_AUDIENCE}
    pair = requests.post(f"{live.url}/oauth/token", form, auth=basic, timeout=10).json()

    with pytest.raises(jwt.InvalidAudienceError):
        verify(live, pair["access_token"])
    with pytest.raises(jwt.PyJWKClientError):
        verify(live, pair["refresh_token"])


class ShortAssertion(PrivateKeyJWT):  # type: ignore[misc]  # Authlib ships no types
    """Authlib's private_key_jwt, as we want it: for the issuer, for a minute at most, and each one new."""

    def __init__(self, live: Live) -> None:
        super().__init__(token_endpoint=live.url, headers={"kid": "mine"}, alg="ES256")
        self._clock = live.tools.clock

    def sign(self, auth: Any, token_endpoint: str) -> Any:
        """Sign one; Authlib itself would repeat the `jti`, and have it live for an hour."""
        self.claims = {"exp": int((self._clock.now() + timedelta(seconds=60)).timestamp())}
        return super().sign(auth, token_endpoint)


def go_the_whole_way(session: AuthlibSession, live: Live, client_id: str) -> None:
    """Get a token, use, refresh, verify, introspect and revoke it."""
    token_url, rooms_url = f"{live.url}/oauth/token", f"{live.url}/api/v1/rooms"

    first = session.fetch_token(token_url, grant_type="client_credentials")
    second = session.refresh_token(token_url, refresh_token=first["refresh_token"])
    rooms = session.get(rooms_url)
    before = session.introspect_token(f"{live.url}/oauth/introspect", token=second["access_token"]).json()
    revoked = session.revoke_token(f"{live.url}/oauth/revoke", token=second["refresh_token"])
    after = session.introspect_token(f"{live.url}/oauth/introspect", token=second["access_token"]).json()

    assert second["refresh_token"] != first["refresh_token"]
    assert rooms.status_code == 200
    assert verify(live, second["access_token"])["client_id"] == client_id
    assert (before["active"], revoked.status_code, after) == (True, 200, {"active": False})
    assert session.get(rooms_url).status_code == 401
