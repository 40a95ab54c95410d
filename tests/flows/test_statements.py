"""What the hot paths cost: statements and parsed keys are counted, so that nobody adds one unseen."""

import contextlib
import sys

import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import Engine, event

from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.authenticate_api_key import authenticate_api_key
from app.flows.exchange_api_key import Exchange, exchange_api_key
from app.flows.look_up import look_up_jwks, look_up_room
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidAccessTokenError, InvalidApiKeyError, InvalidRefreshTokenError
from app.flows.revoke_token import revoke_token
from app.flows.steps import Credential
from app.flows.tend_signing_keys import tend_signing_keys
from tests.builders import a_pair, a_room
from tests.guessers import id_of

# PostgreSQL's advisory locks, shared by who leans on a thing; SQLite's writers stand in line without them.
LEAN: dict[str, list[str]] = {"sqlite": [], "postgresql": ["LEAN"]}


@pytest.fixture(autouse=True)
def _fresh_keys(tools):
    """The signing keys were just read: an earlier test may have moved the clock, after which they are read again."""
    tend_signing_keys(tools)


@contextlib.contextmanager
def counted(*, beginnings=False):
    """Collect the statements of the block by their first word, without COMMIT; a shared lock is a LEAN."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        if statement.startswith("SELECT pg_advisory_xact_lock_shared("):
            statements.append("LEAN")
        elif beginnings or not statement.startswith("BEGIN"):
            statements.append(statement.split(None, 1)[0])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextlib.contextmanager
def parsed_keys():
    """Collect every parsing of a key in the block."""
    parsed = []

    def note(frame, kind, _argument):
        if kind == "call" and frame.f_code.co_name == "import_key":
            parsed.append(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield parsed
    finally:
        sys.setprofile(before)


def test_an_exchange_is_two_statements(tenant, tools):
    """
    C13: one reads the key, one is the session, if the key is so still; neither has a transaction around it.
    """
    with counted(beginnings=True) as statements:
        a_pair(tools, tenant)

    assert statements == ["SELECT", "INSERT"]


def test_an_exchange_in_a_room_leans_on_the_room_too(tenant, tools, backend):
    """
    I10: the room is read under a lock of its own, and nothing else is added.
    """
    room_id = a_room(tools, tenant)

    with counted() as statements:
        a_pair(tools, tenant, room_id)

    assert statements == [*LEAN[backend], "SELECT", *LEAN[backend], "SELECT", "INSERT"]


def test_a_refresh_is_one_statement(tenant, tools):
    """
    CONTRACT 5: a rotation is one statement, however often the family rotated before.
    """
    pair = a_pair(tools, tenant)

    for key in (None, "request-0123456789"):
        with counted() as statements:
            pair = refresh_access(Refresh(pair.refresh_token or "", idempotency_key=key), tools)
        assert statements == ["UPDATE"]


def test_a_refresh_is_no_transaction_of_its_own(tenant, tools):
    """
    CONTRACT 5: the one statement commits by itself, with no BEGIN and COMMIT around it.
    """
    pair = a_pair(tools, tenant)

    with counted(beginnings=True) as statements:
        refresh_access(Refresh(pair.refresh_token or ""), tools)
    with counted(beginnings=True) as of_a_transaction, pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(pair.refresh_token or ""), tools)

    assert statements == ["UPDATE"]
    assert of_a_transaction[:2] == ["UPDATE", "BEGIN"]


def test_a_refresh_by_a_client_reads_its_key_once(tenant, tools):
    """
    Client authentication costs its one read, unless its key is known from before; narrowing the scope another.
    """
    client = Credential(tenant.id, tenant.api_key)
    pair = a_pair(tools, tenant)

    with counted() as statements:
        pair = refresh_access(Refresh(pair.refresh_token or "", credential=client), tools)
    tools.known_keys.forget(id_of(tenant))
    with counted() as first:
        pair = refresh_access(Refresh(pair.refresh_token or "", credential=client), tools)
    with counted() as narrowing:
        refresh_access(Refresh(pair.refresh_token or "", scope="rooms:read", credential=client), tools)

    assert statements == ["UPDATE"]
    assert first == ["SELECT", "UPDATE"]
    assert narrowing == ["SELECT", "SELECT", "UPDATE"]


def test_a_reuse_is_found_and_ended_in_three_statements(tenant, tools):
    """
    C16: also when the family rotated before, to revoke it is one statement; one more records it.
    """
    first = a_pair(tools, tenant)
    refresh_access(Refresh(first.refresh_token or ""), tools)

    with counted() as statements, pytest.raises(InvalidRefreshTokenError):
        refresh_access(Refresh(first.refresh_token or ""), tools)

    assert statements == ["UPDATE", "SELECT", "UPDATE", "INSERT"]


def test_a_revocation_is_one_statement(tenant, tools):
    """
    C16: one row a family, so one statement ends it, and one records it.
    """
    pair = a_pair(tools, tenant)

    with counted() as statements:
        revoke_token(pair.refresh_token or "", None, tools)

    assert statements == ["UPDATE", "INSERT"]


def test_an_api_key_is_one_read(tenant, tools):
    """
    CONTRACT 2: authenticating a key reads one row, and writes none.
    """
    with counted() as statements:
        authenticate_api_key(tenant.api_key, tools)

    assert statements == ["SELECT"]


def test_an_access_token_is_one_read(tenant, tools):
    """
    D8: verified from memory; one read tells whether its session was revoked.
    """
    pair = a_pair(tools, tenant)

    with counted() as statements:
        authenticate_access_token(pair.access_token, tools)

    assert statements == ["SELECT"]


def test_what_is_not_ours_costs_no_statement(tools):
    """
    CONTRACT 2, D9: noise is refused before the database is asked, and the key set is served from memory.
    """
    with counted() as statements:
        with pytest.raises(InvalidApiKeyError):
            authenticate_api_key("sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q7", tools)
        with pytest.raises(InvalidAccessTokenError):
            authenticate_access_token("eyJ.a.b", tools)
        with pytest.raises(InvalidRefreshTokenError):
            refresh_access(Refresh("eyJ.a.b"), tools)
        revoke_token("eyJ.a.b", None, tools)
        look_up_jwks(tools)

    assert statements == []


def test_no_key_is_parsed_in_a_request(tenant, tools):
    """
    Parsing an RSA key costs more than signing with it; all of it is done at the start.
    """
    room_id = a_room(tools, tenant)
    with parsed_keys() as parsed:
        RSAKey.import_key(tools.keyring.signer.key.as_dict(private=False))
    assert parsed

    with parsed_keys() as parsed:
        pair = exchange_api_key(Exchange(Credential(secret=tenant.api_key), offline=True), tools)
        refresh_access(Refresh(pair.refresh_token or ""), tools)
        look_up_room(authenticate_access_token(pair.access_token, tools), room_id, tools)
        look_up_jwks(tools)
        revoke_token(pair.refresh_token or "", None, tools)

    assert parsed == []
