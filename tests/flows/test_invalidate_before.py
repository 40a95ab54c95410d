"""After a restored backup, no session from before is trusted, and what is opened afterwards is left alone."""

import contextlib
import sqlite3
from datetime import timedelta

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from app.entrypoints import cli
from app.entrypoints.wiring import Launcher, wiring_of
from app.factory import create_app
from app.flows.authenticate_access_token import authenticate_access_token
from app.flows.invalidate_before import Invalidated, invalidate_before
from app.flows.look_up_events import look_up_events
from app.flows.refresh_access import Refresh, refresh_access
from app.flows.refusals import InvalidAccessTokenError, InvalidRefreshTokenError
from app.flows.results import AT_THE_COMMAND_LINE
from app.flows.revoke_token import revoke_token
from app.foundation.clock import rfc3339
from tests.builders import a_pair, a_participant, a_room, a_tenant
from tests.conftest import environment


def refresh(pair, tools):
    return refresh_access(Refresh(pair.refresh_token), tools)


def is_over(pair, tools):
    """Tell that neither token of a pair works any more."""
    with pytest.raises(InvalidAccessTokenError):
        authenticate_access_token(pair.access_token, tools)
    with pytest.raises(InvalidRefreshTokenError):
        refresh(pair, tools)
    return True


def back_up(url, backend, new_database):
    """Copy a database that nobody uses, and give the URL of the copy."""
    if backend == "sqlite":
        copy = new_database(backend)
        with contextlib.closing(sqlite3.connect(str(make_url(url).database))) as source:
            source.execute("VACUUM INTO ?", [str(make_url(copy).database)])
        return copy
    name = str(make_url(url).database)
    with psycopg.connect(new_database(backend), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"')
    return url.replace(f"/{name}?", f"/{name}_copy?")


def test_what_was_revoked_since_the_backup_lives_again_until_it_is_invalidated(
    worker, own_database, backend, new_database, clock
):
    """
    I3: a restored backup forgets revocations. After `invalidate_before`, no session of before works, and those that
    were opened since do.
    """
    tools = worker()
    tenant = a_tenant(tools)
    revoked, rotated = a_pair(tools, tenant), a_pair(tools, tenant)
    guest = a_participant(tools, tenant, a_room(tools, tenant)).pair
    tools.database.close()
    copy = back_up(own_database, backend, new_database)
    clock.step(minutes=30)
    revoke_token(str(revoked.refresh_token), None, tools)
    for _ in range(3):
        rotated = refresh(rotated, tools)
    lost = a_pair(tools, tenant)

    tools = wiring_of(create_app(environment(copy), clock, warm=False)).tools
    revoked, rotated = refresh(revoked, tools), refresh(rotated, tools)
    authenticate_access_token(revoked.access_token, tools)
    clock.step(minutes=1)
    moment = clock.now()
    since = a_pair(tools, tenant)
    assert invalidate_before(moment, tools) == Invalidated(sessions=3, tenants=1)

    assert all(is_over(pair, tools) for pair in (revoked, rotated, guest, lost))
    authenticate_access_token(since.access_token, tools)
    assert refresh(since, tools)
    assert invalidate_before(moment, tools) == Invalidated(sessions=0, tenants=0)
    tools.database.close()


@pytest.fixture
def command(start):
    """Run `chalk-auth invalidate-before`."""
    return lambda *arguments: CliRunner().invoke(
        cli.group, ["invalidate-before", *arguments], obj=Launcher(start, start, "none", "none")
    )


def test_every_tenant_is_reached_and_told(command, worker, clock):
    """
    However many tenants there are. Each has an event that says how many of its sessions ended, if any did.
    """
    tools = worker()
    everybody = [a_tenant(tools) for _ in range(102)]
    first, last = everybody[0], everybody[-1]
    pairs = [a_pair(tools, first), a_pair(tools, first), a_pair(tools, last)]
    clock.step(seconds=1)

    done = command("now")

    assert (done.exit_code, done.stdout) == (0, "SESSIONS=3\nTENANTS=2\n")
    assert "docs/operations/backups.md" in done.stderr
    assert all(is_over(pair, tools) for pair in pairs)
    for tenant, count in ((first, 2), (last, 1), (everybody[1], 0)):
        told = [each.data for each in look_up_events(AT_THE_COMMAND_LINE, tenant.id, (None, 20), tools).items]
        assert told[: len(told) - 1] == [{"sessions": count, "opened_before": rfc3339(clock.now())}] * bool(count)


def test_a_moment_that_says_nothing_is_refused(command, worker, clock):
    """
    A typing error ends nobody's session: without a zone, in the future, or no moment at all.
    """
    tools = worker()
    pair = a_pair(tools, a_tenant(tools))
    clock.step(seconds=1)

    for wrong in ("yesterday", "2026-11-24T03:10:00", rfc3339(clock.now() + timedelta(days=1)), ""):
        assert command(wrong).exit_code == 2

    assert command(rfc3339(clock.now() - timedelta(days=1))).stdout == "SESSIONS=0\nTENANTS=0\n"
    assert refresh(pair, tools)
