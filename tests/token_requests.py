"""Requests for tokens, good and bad, in either dialect: what two doors must answer alike."""

from typing import Any

from app.flows.results import TokenPair
from tests.builders import Tenant, a_participant, a_room, a_tenant, an_operator
from tests.exchanging import API_KEY, GRANT
from tests.forgery import hs256
from tests.guessers import revoke
from tests.named_keys import a_named_key, rotated
from tests.two_doors import Ask, Case, Scene, basic, exchange, oauth, refresh

# Of the contract: well written, and nobody's.
KEY = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"
AGAIN = {"HTTP_IDEMPOTENCY_KEY": "a-key-of-a-request"}
PLAIN = {"grant_type": "client_credentials"}
NO_JSON = (b"", b"{", b"\xff", b"[" * 5000)
FORGED = hs256({"alg": "HS256", "typ": "refresh+jwt", "kid": "x"}, {"sid": "session_x", "gen": 1}, b"")


def secret(tenant: Tenant) -> dict[str, str]:
    """Show a tenant's key in the form."""
    return {"client_id": tenant.id, "client_secret": tenant.api_key}


def again(pair: TokenPair) -> dict[str, Any]:
    """Ask for the next pair."""
    return {"grant_type": "refresh_token", "refresh_token": pair.refresh_token}


def ended(scene: Scene) -> Tenant:
    """Revoke the tenant's key."""
    revoke(scene.tools, scene.tenant)
    return scene.tenant


def in_its_grace(scene: Scene) -> Tenant:
    """Rotate a key of the tenant's; it works for ten minutes more."""
    key = a_named_key(scene.tools, scene.tenant)
    rotated(scene.tools, scene.tenant, key, 600)
    return key


def elsewhere(scene: Scene) -> Tenant:
    """Make a key that works in another network only."""
    return a_named_key(scene.tools, scene.tenant, networks=["10.0.0.0/8"])


def room_of(scene: Scene) -> str:
    """Open a room."""
    return a_room(scene.tools, scene.tenant)


def spent(scene: Scene) -> list[Ask]:
    """Refresh, spend it twice more, and so end the session."""
    token = scene.pair().refresh_token
    return [refresh(token), refresh(token), refresh(token)]


def for_someone(scene: Scene) -> Ask:
    """Ask for a participant's tokens (RFC 8693)."""
    subject = {"grant_type": GRANT, "subject_token": scene.tenant.api_key, "subject_token_type": API_KEY}
    return oauth({**subject, "room_id": room_of(scene), "display_name": "Ada"}, basic(scene.tenant))


def of_another(scene: Scene) -> Ask:
    """Present a token of one client's as another."""
    return oauth(again(scene.pair()), basic(a_tenant(scene.tools)))


def of_a_guest(scene: Scene) -> Ask:
    """Refresh as a participant."""
    return refresh(a_participant(scene.tools, scene.tenant, room_of(scene)).pair.refresh_token)


CASES: dict[str, Case] = {
    "exchange": lambda s: [exchange(s.tenant.api_key)],
    "exchange for less": lambda s: [exchange(s.tenant.api_key, scope="rooms:read", expires_in=60)],
    "exchange for a room": lambda s: [exchange(s.tenant.api_key, room_id=room_of(s))],
    "no such room": lambda s: [exchange(s.tenant.api_key, room_id="room_x")],
    "no such scope": lambda s: [exchange(s.tenant.api_key, scope="x:y")],
    "for too long": lambda s: [exchange(s.tenant.api_key, expires_in=10**9)],
    "field unknown": lambda s: [exchange(s.tenant.api_key, colour="red")],
    "field of another type": lambda s: [exchange(s.tenant.api_key, scope=[]), exchange(7), refresh(None)],
    "no field": lambda s: [Ask(path, "application/json", b"{}") for path in (exchange("").path, refresh("").path)],
    "no JSON": lambda s: [
        Ask(exchange("").path, "application/json", each) for each in (b"", b"{", b"\xff", b"[" * 5000)
    ],
    "no object": lambda s: [Ask(refresh("").path, "application/json", each) for each in (b"[]", b"null", b'"x"')],
    "key of nobody": lambda s: [exchange(KEY), oauth({**PLAIN, "client_id": s.tenant.id, "client_secret": KEY})],
    "key malformed": lambda s: [exchange(each) for each in ("", "x", "sk_live_", "ü\n")],
    "key revoked": lambda s: [exchange(ended(s).api_key), oauth(PLAIN, basic(s.tenant))],
    "key elsewhere": lambda s: [exchange(elsewhere(s).api_key), oauth(PLAIN, basic(elsewhere(s)))],
    "key in its grace": lambda s: [exchange(in_its_grace(s).api_key), oauth(PLAIN, basic(in_its_grace(s)))],
    "key of an operator": lambda s: [exchange(an_operator(s.tools))],
    "key for tests": lambda s: [exchange(a_named_key(s.tools, s.tenant, mode="test").api_key)],
    "own id": lambda s: [exchange(s.tenant.api_key, {"HTTP_X_REQUEST_ID": each}) for each in ("short", "a,b", None)],
    "forwarded": lambda s: [exchange(s.tenant.api_key, {"HTTP_X_FORWARDED_FOR": "10.0.0.1, x"})],
    "refresh": lambda s: [refresh(s.pair().refresh_token)],
    "refresh again": lambda s: [refresh(s.pair().refresh_token, AGAIN)] * 2,
    "refresh with a bad key": lambda s: [refresh(s.pair().refresh_token, {"HTTP_IDEMPOTENCY_KEY": "short"})],
    "refresh of a participant": lambda s: [of_a_guest(s)],
    "token spent": spent,
    "token of nobody": lambda s: [refresh(each) for each in (FORGED, "", "x.y.z", s.pair().access_token)],
    "form": lambda s: [oauth({**PLAIN, **secret(s.tenant)}), oauth(PLAIN, basic(s.tenant))],
    "form with scope": lambda s: [oauth({**PLAIN, "scope": "rooms:read offline_access"}, basic(s.tenant))],
    "form with resource": lambda s: [oauth({**PLAIN, "resource": each}, basic(s.tenant)) for each in ("chalk", "x")],
    "form without scope": lambda s: [oauth({**PLAIN, "scope": "x:y"}, basic(s.tenant))],
    "form for a refresh": lambda s: [oauth({**again(s.pair()), "scope": "rooms:read"}, basic(s.tenant))],
    "form again": lambda s: [oauth(again(s.pair()), basic(s.tenant) | AGAIN)] * 2,
    "form of another": lambda s: [of_another(s)],
    "form for someone": lambda s: [for_someone(s)],
    "form with a key": lambda s: [oauth(PLAIN, basic(s.tenant) | AGAIN)],
    "grant unknown": lambda s: [oauth({"grant_type": each}, basic(s.tenant)) for each in ("password", "", "x")],
    "grant missing": lambda s: [oauth({}, basic(s.tenant)), oauth(b"")],
    "two ways": lambda s: [oauth({**PLAIN, **secret(s.tenant)}, basic(s.tenant))],
    "no way": lambda s: [oauth(PLAIN), oauth({**PLAIN, "client_id": s.tenant.id})],
    "Basic": lambda s: [oauth(PLAIN, {"HTTP_AUTHORIZATION": each}) for each in ("Basic", "Basic %", "Bearer x", "")],
    "repeated": lambda s: [oauth({**PLAIN, "scope": ["a", "b"]}, basic(s.tenant))],
    "too many": lambda s: [oauth({f"p{number}": "x" for number in range(51)})],
    "no form": lambda s: [oauth(b"\xff=\xff"), oauth(b"%FF=1"), oauth(b"&&=;")],
}
