"""How a refresh token is written: derived from its family's row, and read back only character for character."""

import base64
import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import OctKey

from app.domain.refresh_tokens import Family, PresentedToken, RefreshKeys, parse, successor
from app.foundation.identifiers import new_id, print_id

ISSUER = "https://auth.example.com"
OLD, NEW = (OctKey.import_key(bytes([number]) * 32) for number in (1, 2))
KEYS = RefreshKeys("new", {"old": OLD, "new": NEW})
NOW = datetime(2026, 11, 24, 12, 0, 0, 999_999, tzinfo=UTC)
FAMILY = Family(
    mode="live",
    id=new_id(),
    tenant_id=new_id(),
    key_id="7Hq2Zt9B",
    client_kid=None,
    participant_id=None,
    asked_scope=None,
    role=None,
    display_name=None,
    rights_changed_at=None,
    access_ttl_seconds=None,
    room_id=None,
    subject="tenant_x",
    scope="rooms:read",
    audience="https://auth.example.com/api/v1",
    generation=7,
    rotated_at=NOW,
    refresh_kid="new",
    retry_tags="." * 64,
    idle_expires_at=NOW + timedelta(days=30),
    absolute_expires_at=NOW + timedelta(days=90),
    revoked_at=None,
)
TOKEN = successor(FAMILY, ISSUER, KEYS)


def part(value):
    """Spell one segment of a compact JWS."""
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(header=None, claims=None, key=NEW):
    """Sign with the right key what the server would not write; `None` as a value leaves a member out."""
    kid = {"alg": "HS256", "typ": "rt+jwt", "kid": "new"} | (header or {})
    body = jwt.decode(TOKEN, NEW).claims | (claims or {})
    kept = [{name: value for name, value in each.items() if value is not None} for each in (kid, body)]
    registry = jws.JWSRegistry(algorithms=["HS256", "HS384", "HS512"], strict_check_header=False)
    return jws.serialize_compact(kept[0], json.dumps(kept[1]), key, registry=registry)


def test_the_same_row_gives_the_same_bytes():
    """
    CONTRACT 5: a successor is derived, so a retry gets it byte for byte, on any node and at any later time.
    """
    again = RefreshKeys("old", {"new": OctKey.import_key(bytes([2]) * 32), "old": OLD})

    assert successor(dataclasses.replace(FAMILY), ISSUER, again) == TOKEN
    assert successor(dataclasses.replace(FAMILY, scope="", retry_tags="x" * 64), ISSUER, KEYS) == TOKEN


def test_the_token_says_what_the_contract_says():
    """
    CONTRACT 5: HS256, `rt+jwt`, the key's name; iss, aud = iss, sid, gen, iat and exp in whole seconds, and no more.
    """
    token = jwt.decode(TOKEN, NEW)

    assert token.header == {"alg": "HS256", "typ": "rt+jwt", "kid": "new"}
    assert token.claims == {
        "iss": ISSUER,
        "aud": ISSUER,
        "sid": print_id("ses", FAMILY.id),
        "gen": 7,
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 30 * 86_400,
    }
    assert parse(TOKEN, ISSUER, KEYS) == PresentedToken(FAMILY.id, 7, token.claims["exp"], "new")


def test_a_token_ends_with_whichever_life_ends_first():
    """
    C7: `exp` is the idle expiry, until the absolute one is nearer.
    """
    late = dataclasses.replace(FAMILY, absolute_expires_at=NOW + timedelta(days=1))

    assert jwt.decode(successor(late, ISSUER, KEYS), NEW).claims["exp"] == int(NOW.timestamp()) + 86_400


def test_the_key_of_the_row_signs():
    """
    CONTRACT 5: after the refresh key was changed, a row of before still gives the bytes of before; both are read.
    """
    before = dataclasses.replace(FAMILY, refresh_kid="old")

    token = successor(before, ISSUER, KEYS)

    assert token == successor(before, ISSUER, RefreshKeys("old", {"old": OLD}))
    assert jwt.decode(token, OLD).header["kid"] == "old"
    expected = parse(TOKEN, ISSUER, KEYS)
    assert expected is not None
    assert parse(token, ISSUER, KEYS) == dataclasses.replace(expected, kid="old")
    assert parse(token, ISSUER, RefreshKeys("new", {"new": NEW})) is None


@pytest.mark.parametrize("change", [{"generation": 8}, {"rotated_at": NOW + timedelta(seconds=1)}, {"id": new_id()}])
def test_another_state_of_the_row_gives_another_token(change):
    """
    C1, C12: each generation has a token of its own, also within one second.
    """
    assert successor(dataclasses.replace(FAMILY, **change), ISSUER, KEYS) != TOKEN


@given(place=st.integers(0, len(TOKEN) - 1), character=st.characters(max_codepoint=255))
def test_one_changed_character_makes_it_another_text(place, character):
    """
    C8: no character of a token is without meaning.
    """
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]

    assert (parse(changed, ISSUER, KEYS) is not None) == (changed == TOKEN)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token + ".",
        lambda token: token.swapcase(),
        lambda token: token.replace(".", ". "),
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.rpartition(".")[0],
        lambda token: json.dumps(dict(zip(["protected", "payload", "signature"], token.split("."), strict=True))),
        lambda token: f"{part({'alg': 'none', 'typ': 'rt+jwt', 'kid': 'new'})}.{token.split('.')[1]}.",
        lambda token: "x" * 200_000,
        lambda token: "\ud800.é.\0",
        lambda token: "",
    ],
)
def test_another_form_of_a_token_is_none(change):
    """
    C8, D9: truncated, extended, padded, re-spaced, case-changed or unsigned forms are not read, and nothing falls over.
    """
    assert parse(change(TOKEN), ISSUER, KEYS) is None


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "HS512"}, {}),
        ({"typ": "at+jwt"}, {}),
        ({"typ": "JWT"}, {}),
        ({"typ": None}, {}),
        ({"kid": "newer"}, {}),
        ({"kid": None}, {}),
        ({"kid": "../../dev/null"}, {}),
        ({"jku": "https://evil.example"}, {}),
        ({"zip": "DEF"}, {}),
        ({}, {"iss": "https://evil.example"}),
        ({}, {"aud": "https://auth.example.com/api/v1"}),
        ({}, {"aud": [ISSUER]}),
        ({}, {"sid": print_id("room", FAMILY.id)}),
        ({}, {"sid": None}),
        ({}, {"gen": "7"}),
        ({}, {"gen": 7.5}),
        ({}, {"gen": True}),
        ({}, {"exp": None}),
        ({}, {"exp": "4102444800"}),
        ({}, {"sub": "tenant_x"}),
    ],
)
def test_what_we_would_not_have_written_is_not_read(header, claims):
    """
    D10: even under our own key, a token of another type, issuer, audience or shape does not pass for a refresh token.
    """
    assert parse(forged(), ISSUER, KEYS) is not None

    assert parse(forged(header, claims), ISSUER, KEYS) is None


def test_a_token_under_another_key_is_none():
    """
    Only this server can sign one: the same content under a neighbour's key, or under the other of ours, is not read.
    """
    assert parse(forged(key=OctKey.import_key(b"\x03" * 32)), ISSUER, KEYS) is None
    assert parse(forged(key=OLD), ISSUER, KEYS) is None
    assert parse(TOKEN, "https://neighbour.example", KEYS) is None


def test_printed_keys_and_families_hold_no_secret():
    """
    B2: neither the keys nor the tags of requests stand in a printed value.
    """
    assert repr(KEYS) == "RefreshKeys(current='new')"
    assert "retry_tags" not in repr(FAMILY)
