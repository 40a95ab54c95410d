"""Remembered replies: who finds them, who is told that it was another request, and who can read them."""

import dataclasses
import hashlib
import itertools

import pytest
from sqlalchemy import func, select, update

from app.domain import idempotency
from app.domain.idempotency import Asked, OtherRequest, Reply
from app.domain.idempotency.tables import ReplyRow
from app.flows.forget_expired import forget_expired
from app.foundation import master_key, opaque
from app.foundation.sealing import unseal

ASKED = Asked("a-key-of-a-request", "key/abc", "/path", b'{"name":"Mine"}')
REPLY = Reply(201, b'{"api_key":"sk_live_..."}')
OLD, NEW = master_key.derive(bytes(32)), master_key.derive(bytes(range(32)))
SECRETS = [NEW.replies, OLD.replies]

_numbers = itertools.count(1)


@pytest.fixture
def asked():
    """A request of the test's own."""
    return dataclasses.replace(ASKED, key=f"a-key-of-a-request-{next(_numbers)}")


@pytest.fixture
def connection(tools):
    """A transaction that is undone in the end."""
    with tools.database.reading() as connection:
        yield connection
        connection.rollback()


def remember(connection, asked, clock, master=OLD, reply=REPLY, **more):
    idempotency.remember(connection, asked, reply, master.replies, now=clock.now(), **more)


def find(connection, asked, clock, secrets=SECRETS):
    return idempotency.find(connection, asked, secrets, now=clock.now())


def test_two_requests_that_differ_anywhere_have_nothing_in_common():
    """
    CONTRACT 3: key, caller and path name a request, however they are cut; the body is what it says.
    """
    parts = [("ab", "c", "d"), ("a", "bc", "d"), ("a", "b", "cd"), ("abc", "", "d"), ("a", "b", "c")]
    requests = [Asked(*each, b"") for each in parts]

    assert len({each.lock_name for each in requests}) == len(parts)
    assert len({each.name_under(OLD.replies) for each in requests}) == len(parts)
    assert len({each.secret_under(OLD.replies) for each in requests}) == len(parts)
    for name in ("key", "caller", "path"):
        # The Idempotency-Key above all: without it, the server alone could read the reply.
        other = Asked(**{**dataclasses.asdict(ASKED), name: "another"})
        assert other.lock_name != ASKED.lock_name
        assert other.name_under(OLD.replies) != ASKED.name_under(OLD.replies)
        assert other.secret_under(OLD.replies) != ASKED.secret_under(OLD.replies)
    bodies = [dataclasses.replace(ASKED, body=body) for body in (b"", b"{}", b"{} ")]
    assert len({each.mac_under(OLD.replies) for each in bodies}) == 3
    assert {each.name_under(OLD.replies) for each in bodies} == {ASKED.name_under(OLD.replies)}
    assert ASKED.name_under(OLD.replies) != ASKED.name_under(NEW.replies)
    assert ASKED.mac_under(OLD.replies) != ASKED.mac_under(NEW.replies)
    assert "a-key" not in repr(ASKED)
    assert "Mine" not in repr(ASKED)
    assert "sk_live" not in repr(REPLY)


def test_a_reply_is_found_under_every_master_key_that_is_known(connection, asked, clock):
    """
    CONTRACT 3, CONTRACT 7: sealed under the old one, found after the change, and by nobody who lacks that.
    """
    assert find(connection, asked, clock) is None
    remember(connection, asked, clock)

    assert find(connection, asked, clock) == REPLY
    assert find(connection, asked, clock, [OLD.replies]) == REPLY
    assert find(connection, asked, clock, [NEW.replies]) is None
    assert find(connection, dataclasses.replace(asked, body=b"{}"), clock) == OtherRequest()
    for name in ("key", "caller", "path"):
        assert find(connection, dataclasses.replace(asked, **{name: "another"}), clock) is None


def test_neither_the_database_nor_the_server_alone_can_read_it(connection, asked, clock):
    """
    B1: the row and every key of the server, without the Idempotency-Key, do not open it; nor that without the master.
    """
    remember(connection, asked, clock)
    row = connection.execute(select(ReplyRow).where(ReplyRow.name == asked.name_under(OLD.replies))).one()
    ours = [getattr(OLD, field.name) for field in dataclasses.fields(OLD)]
    keys = [key for key in ours if isinstance(key, bytes)] + [row.name, row.asked]
    keys += [
        opaque.mac(OLD.replies, "seal", guess, asked.caller, asked.path) for guess in ("", "a-guess", row.name.hex())
    ]
    keys += [hashlib.sha256(asked.key.encode()).digest(), asked.secret_under(NEW.replies), asked.secret_under(b"")]

    assert len(keys) >= 12
    assert {unseal(key, row.sealed, row.name) for key in keys} == {None}
    assert unseal(asked.secret_under(OLD.replies), row.sealed, row.name) is not None
    assert REPLY.body not in row.sealed
    # Nor can a guess at it be checked: nothing of the row is a digest that a thief could make.
    made = [hashlib.sha256(opaque.framed(asked.key, asked.caller, asked.path)).digest(), opaque.mac(b"", asked.key)]
    assert not {row.name, row.asked} & {*made, hashlib.sha256(asked.key.encode()).digest()}


def test_a_row_that_was_changed_reaches_nobody(connection, asked, clock, caplog):
    """
    B1: whoever writes to the database cannot make up a reply, nor show one request's reply to another.
    """
    other = dataclasses.replace(asked, path="/other")
    for each, reply in ((asked, REPLY), (other, Reply(200, b"theirs"))):
        remember(connection, each, clock, reply=reply)
    mine, theirs = (
        connection.execute(select(ReplyRow).where(ReplyRow.name == each.name_under(OLD.replies))).one()
        for each in (asked, other)
    )
    turned = bytes([*mine.sealed[:-1], mine.sealed[-1] ^ 1])

    for values in ({"sealed": theirs.sealed}, {"sealed": turned}, {"sealed": b""}):
        connection.execute(update(ReplyRow).where(ReplyRow.name == mine.name).values(values))
        with pytest.raises(ValueError, match="was changed"):
            find(connection, asked, clock)
    changed = {"asked": bytes(32), "sealed": mine.sealed}
    connection.execute(update(ReplyRow).where(ReplyRow.name == mine.name).values(changed))
    assert find(connection, asked, clock) == OtherRequest()
    assert "theirs" not in caplog.text


def test_what_was_begun_can_be_gone_on_with_and_is_no_reply(connection, asked, clock):
    """
    CONTRACT 3: of a request that several transactions do, another body is refused from the start; the same goes on.
    """
    remember(connection, asked, clock, reply=idempotency.BEGUN)

    assert find(connection, dataclasses.replace(asked, body=b"{}"), clock) == OtherRequest()
    for reply in (idempotency.BEGUN, REPLY):
        assert find(connection, asked, clock) is None
        remember(connection, asked, clock, reply=reply)
    assert find(connection, asked, clock) == REPLY


def test_only_the_key_that_it_retired_finds_it_for_ten_minutes(connection, tenant, asked, clock):
    """
    CONTRACT 3: not a key that it did not retire, not later, and not once that key was ended for good.
    """
    key_id = tenant.api_key[8:16]
    remember(connection, asked, clock, retired_key_id=key_id)

    def fetch(key_id):
        return idempotency.find_for_retired(connection, asked, key_id, SECRETS, now=clock.now())

    assert (fetch(key_id), fetch("00000000")) == (REPLY, None)
    clock.step(minutes=10, microseconds=-1)
    assert fetch(key_id) == REPLY
    clock.step(microseconds=1)
    assert fetch(key_id) is None
    clock.step(minutes=-10)
    idempotency.forget_of_retired(connection, "00000000")
    assert fetch(key_id) == REPLY
    idempotency.forget_of_retired(connection, key_id)
    assert (fetch(key_id), find(connection, asked, clock)) == (None, None)


def test_a_reply_leaves_after_a_day(worker, clock):
    """
    CONTRACT 3: it is forgotten with everything else that is over, a batch at a time, and not before.
    """
    tools = worker()
    old, young = (dataclasses.replace(ASKED, key=name * 16) for name in "oy")
    for each in (old, young):
        with tools.database.transaction() as connection:
            remember(connection, each, clock)
        clock.step(hours=1)

    clock.step(hours=22, seconds=-1)
    assert forget_expired(tools) == 0
    clock.step(seconds=1)
    with tools.database.transaction() as connection:
        assert idempotency.forget(connection, most=0, now=clock.now()) == 0
        assert idempotency.forget(connection, most=9, now=clock.now()) == 1
        assert connection.execute(select(func.count()).select_from(ReplyRow)).scalar_one() == 1
        assert find(connection, young, clock) == REPLY
    clock.step(hours=1)
    with tools.database.transaction() as connection:
        # Over is over, also when nobody has cleaned up yet.
        assert find(connection, young, clock) is None
    assert forget_expired(tools) == 0
