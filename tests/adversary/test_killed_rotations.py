"""A worker is killed in the middle of looking after the signing keys, at every place there is; the next one resumes."""

import multiprocessing
import os
import signal
from datetime import timedelta

import pytest
from sqlalchemy import Engine, delete, event

from app.domain.signing_keys.tables import SigningKeyRow
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.activate_signing_key import activate_signing_key
from app.flows.revoke_signing_key import revoke_signing_key
from app.flows.tend_signing_keys import tend_signing_keys
from tests.builders import a_pair, a_tenant
from tests.clock import StillClock
from tests.conftest import environment
from tests.signing_keys import kids, published_by, records, the, verify

DAY = timedelta(days=1)


def rotate(tools):
    activate_signing_key(None, "a reason", tools)


def revoke(tools):
    revoke_signing_key(the(tools, "active"), "a reason", tools)


# What is done, and how long after the active key began to sign.
DEEDS = {
    "first start": (tend_signing_keys, None),
    "rotation": (tend_signing_keys, 90 * DAY),
    "by hand": (rotate, DAY),
    "emergency": (revoke, DAY),
}


def work_until_killed(url, now, deed, statement_number):
    """Do it in this process, which ends as by `kill -9` just before one of its statements."""
    clock = StillClock()
    clock.step(seconds=(now - clock.now()).total_seconds())
    asked = []

    def note(_connection, _cursor, statement, *_rest):
        asked.append(statement)
        if len(asked) == statement_number:
            os.kill(os.getpid(), signal.SIGKILL)

    tools = wiring_of(create_app(environment(url, SIGNING_ALGORITHM="ES256"), clock, warm=False)).tools
    event.listen(Engine, "before_cursor_execute", note)
    deed(tools)
    # Without a goodbye to connections of the process that this one is a copy of.
    os._exit(0)


@pytest.mark.parametrize("name", DEEDS)
def test_whatever_was_begun_is_finished_by_the_next(own_database, worker, name):
    """
    E3, CONTRACT 7: killed before any of its statements, a step was done or it was not; the next worker signs at once
    with the one active key, publishes it and one that waits, and the keys of every living token.
    """
    deed, after = DEEDS[name]
    context = multiprocessing.get_context("fork")
    killed = 0
    while True:
        clock = StillClock()
        tools = worker(clock, SIGNING_ALGORITHM="ES256")
        tokens = before(tools, clock, name, after)
        process = context.Process(target=work_until_killed, args=(own_database, clock.now(), deed, killed + 1))
        process.start()
        process.join(60)

        heir = worker(clock, SIGNING_ALGORITHM="ES256")
        tend_signing_keys(heir)
        tokens.append(a_pair(heir, a_tenant(heir)).access_token)
        assert published_by(heir).keys() == {the(heir, "active"), the(heir, "standby"), *kids(heir, "retired")}
        for token in tokens:
            verify(token, published_by(heir))
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        killed += 1

    assert killed >= 5


def before(tools, clock, name, after):
    """Bring the keys to where it begins, and give the tokens that must outlive it."""
    if after is None:
        with tools.database.transaction() as connection:
            connection.execute(delete(SigningKeyRow))
        return []
    tend_signing_keys(tools)
    (active,) = [each for each in records(tools) if each.state == "active"]
    clock.step(seconds=((active.activated_at or active.published_at) + after - clock.now()).total_seconds())
    return [] if name == "emergency" else [a_pair(tools, a_tenant(tools)).access_token]
