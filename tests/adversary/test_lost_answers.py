"""Answers that never arrive, tokens that come back late: who is helped, who is caught, whatever died in between."""

import contextlib
import dataclasses
import sys
import time
from functools import partial

import pytest
from sqlalchemy import update

from app.domain import refresh_tokens
from app.domain.refresh_tokens.families import family_of as read_family
from app.domain.refresh_tokens.tables import FamilyRow
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidRefreshTokenError
from app.flows.revoke_token import revoke_token
from bench.torture.faults.ports import free_port
from tests import servers
from tests.adversary import killed_before_the_answer
from tests.adversary.races import PATIENCE_SECONDS, WireLine, a_token, at_once, family_of, lines_to, refresh

KEY = "request-0123456789"
ROTATIONS = 50


def rotate(token, tools, key=None):
    successor = refresh_access(Refresh(token, idempotency_key=key), tools).refresh_token
    assert successor is not None
    return successor


def rotate_or_not(token, tools, key):
    """Rotate, or give None when it is refused."""
    with contextlib.suppress(InvalidRefreshTokenError):
        return rotate(token, tools, key)
    return None


def refused(token, tools, key=None):
    """Assert that a token is refused, and give its family as the refusal left it."""
    with pytest.raises(InvalidRefreshTokenError):
        rotate(token, tools, key)
    return family_of(token, tools)


def put(token, tools, **values):
    """Put a family's row back into an earlier state."""
    family_id = family_of(token, tools).id
    with tools.database.transaction() as connection:
        connection.execute(update(FamilyRow).where(FamilyRow.id == family_id).values(values))


def revive(token, tools):
    put(token, tools, revoked_at=None, revoke_reason=None)


def lenient(tools):
    return dataclasses.replace(tools, families=dataclasses.replace(tools.families, retry_seconds=60))


def serve_until_told_to_die(database_url):
    port = free_port()
    command = [sys.executable, "-m", killed_before_the_answer.__name__, "serve", "--port", str(port), "--workers", "1"]
    return servers.running(command, port, database_url)


@contextlib.contextmanager
def survivor(server, who, database_url):
    """Give the port of the server that is there after a death: the same one, or another on the same database."""
    if who == "worker":
        yield server.port
        return
    server.process.wait(PATIENCE_SECONDS)
    with servers.serve(database_url) as another:
        yield another.port


def refresh_when_it_is_back(port, token, key):
    """Send the same request again and again, as a client does, until it is answered."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        line = WireLine(port)
        try:
            return refresh(line, token, key)
        except OSError:
            assert time.monotonic() < deadline, "nobody answers"
        finally:
            line.close()


@pytest.mark.parametrize("who", ["worker", "server"])
def test_a_kill_between_the_commit_and_the_answer_costs_nothing(who, database_url, tenant, tools):
    """
    C3, I4, I5, I6: the retry with its Idempotency-Key gets the successor that the row held already, and it works.
    """
    token = a_token(tools, tenant)
    request = {"refresh_token": token}
    headers = {"Idempotency-Key": KEY, killed_before_the_answer.HEADER: who}

    with serve_until_told_to_die(database_url) as server:
        with lines_to(server, 1) as (line,), pytest.raises(ConnectionError):
            line.send("/api/v1/auth/refresh", request, headers=headers)
        committed = family_of(token, tools)
        promised = refresh_tokens.successor(read_family(committed), tools.http.issuer, tools.refresh_keys)
        with survivor(server, who, database_url) as port:
            retried = refresh_when_it_is_back(port, token, KEY)

    assert committed.generation == 2
    assert retried.refresh_token == promised
    assert family_of(token, tools).generation == 2
    assert rotate(promised, tools)


def test_every_spent_token_is_known_though_no_time_passes(tenant, tools, clock):
    """
    C2, C12, I7: after 50 rotations in one moment, each of the spent tokens alone is a reuse.
    """
    tokens = [a_token(tools, tenant)]
    for _ in range(ROTATIONS):
        tokens.append(rotate(tokens[-1], tools))

    assert len(set(tokens)) == ROTATIONS + 1
    for spent in tokens[:-1]:
        assert refused(spent, tools).revoke_reason == "reuse"
        assert refused(tokens[-1], tools).revoke_reason == "reuse"
        revive(spent, tools)
    assert rotate(tokens[-1], tools)


def test_every_spent_token_is_known_after_a_restart(database_url, tenant, tools):
    """
    C2, C12, I3, I7: neither four workers, nor 50 rotations as fast as they go, nor a restart blur the order.
    """
    tokens = [a_token(tools, tenant)]
    with servers.serve(database_url, workers=4) as server, lines_to(server, 8) as lines:
        for number in range(ROTATIONS):
            tokens.append(refresh(lines[number % 8], tokens[-1]).refresh_token)

    with servers.serve(database_url, workers=4) as server, lines_to(server, 8) as lines:
        for number, spent in enumerate(tokens[:-1]):
            revive(spent, tools)
            assert refresh(lines[number % 8], spent).code == "INVALID_REFRESH_TOKEN"
            assert family_of(spent, tools).revoke_reason == "reuse"
        living = refresh(lines[0], tokens[-1])

    assert living.code == "INVALID_REFRESH_TOKEN"
    assert family_of(tokens[-1], tools).generation == ROTATIONS + 1


@pytest.mark.parametrize("key", [None, "a-guess-of-the-thief"])
@pytest.mark.parametrize("owners_key", [None, KEY])
def test_a_thief_without_the_key_of_the_request_is_caught(tenant, tools, owners_key, key):
    """
    C2, C11, I3: a replay gets nothing, and ends the session for whoever holds it, the owner's retry included.
    """
    spent = a_token(tools, tenant)
    living = rotate(spent, tools, owners_key)

    caught = refused(spent, tools, key)

    assert caught.revoke_reason == "reuse"
    assert refused(spent, tools, owners_key) == caught
    assert refused(living, tools) == caught


def test_a_retry_is_answered_until_its_successor_is_used_and_harms_nobody_after_that(tenant, tools):
    """
    C11, I6: of the last four requests a late copy is refused and nothing else; an older one counts as reuse.
    """
    tokens = [a_token(tools, tenant)]
    for number in range(4):
        tokens.append(rotate(tokens[-1], tools, f"{KEY}-{number}"))
        assert rotate(tokens[-2], tools, f"{KEY}-{number}") == tokens[-1]
        for earlier in range(number):
            assert refused(tokens[earlier], tools, f"{KEY}-{earlier}").revoked_at is None

    tokens.append(rotate(tokens[-1], tools, f"{KEY}-4"))
    assert refused(tokens[1], tools, f"{KEY}-1").revoked_at is None
    assert refused(tokens[0], tools, f"{KEY}-0").revoke_reason == "reuse"


def test_a_key_helps_with_the_request_that_carried_it_alone(tenant, tools):
    """
    C11: an Idempotency-Key of an earlier request does not fetch the successor of a later one.
    """
    first = a_token(tools, tenant)
    second = rotate(first, tools, f"{KEY}-1")
    third = rotate(second, tools, f"{KEY}-2")

    assert refused(second, tools, f"{KEY}-1").revoke_reason == "reuse"
    assert refused(third, tools).revoke_reason == "reuse"


@pytest.mark.parametrize("which", ["spent", "living"])
def test_deliberate_revocation_beats_every_retry(tenant, tools, which):
    """
    C10, C13, I3: by key, within the window, or ahead of a restored row: nothing is answered after a revocation.
    """
    tokens = {"spent": a_token(tools, tenant)}
    tokens["living"] = rotate(tokens["spent"], tools, KEY)

    revoke_token(tokens[which], None, tools)

    assert refused(tokens["spent"], tools, KEY).revoke_reason == "revoked"
    refused(tokens["spent"], lenient(tools))
    refused(tokens["living"], tools)
    put(tokens["living"], tools, generation=1)
    refused(tokens["living"], tools)
    assert family_of(tokens["living"], tools).revoke_reason == "revoked"


def test_a_revocation_that_races_retries_is_final(tenant, tools):
    """
    C10, C13, I1, I3: retries that were faster got the one successor, and it is dead with all the rest.
    """
    for _ in range(ROTATIONS):
        token = a_token(tools, tenant)
        successor = rotate(token, tools, KEY)

        retries = [partial(rotate_or_not, token, tools, KEY)] * 4
        given = at_once([*retries[:2], partial(revoke_token, successor, None, tools), *retries[2:]])

        assert set(given) <= {successor, None}
        assert refused(successor, tools).revoke_reason == "revoked"
        assert refused(token, tools, KEY).generation == 2
