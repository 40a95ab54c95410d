"""Signing keys: one that signs, published without its private half, and at rest under the master key only."""

import base64
import dataclasses
import json
import threading
from datetime import timedelta

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import exc, insert, select, update

from app.domain.signing_keys import Keyring, WrappingKey, begin
from app.domain.signing_keys.tables import SigningKeyRow
from app.domain.signing_keys.wrapping import unwrap, wrap
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.tend_signing_keys import tend_signing_keys
from app.foundation.errors import ConfigurationError
from tests import processes
from tests.conftest import environment
from tests.signing_keys import PRIVATE, kids, published, the

WRAPPING = WrappingKey("here", bytes(range(32)))
OTHER = WrappingKey("elsewhere", bytes(32))


@pytest.fixture
def fresh(worker):
    """Tools on a database without a key; nothing has been asked of them yet."""
    return worker()


@pytest.fixture(scope="module")
def rsa():
    """A key pair."""
    return RSAKey.generate_key(2048, private=True, auto_kid=False)


def rows(tools):
    with tools.database.reading() as connection:
        return connection.execute(select(SigningKeyRow.__table__)).all()


def starting_process(url, barrier, answers):
    barrier.wait()
    tools = wiring_of(create_app(environment(url))).tools
    answers.put(tools.keyring.jwks)
    tools.database.close()


def test_eight_threads_that_start_at_once_sign_with_one_key(fresh):
    """
    E3: exactly one key is made and is active, one waits, everyone signs with the one and publishes both.
    """
    workers = [dataclasses.replace(fresh, keyring=Keyring(fresh.keyring.wrapping_keys)) for _ in range(8)]
    barrier = threading.Barrier(8)

    def start(tools):
        barrier.wait()
        tend_signing_keys(tools)

    threads = [threading.Thread(target=start, args=[tools]) for tools in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    active, standby = the(fresh, "active"), the(fresh, "standby")
    assert len(rows(fresh)) == 2
    assert {tools.keyring.signer.kid for tools in workers} == {active}
    assert [published(tools.keyring.jwks).keys() for tools in workers] == [{active, standby}] * 8


def test_eight_processes_that_start_at_once_publish_the_same_keys(own_database, fresh):
    """
    E3: so do the workers of several hosts: all publish the same key set.
    """
    context = processes.context()
    barrier, answers = context.Barrier(8), context.Queue()
    started = [context.Process(target=starting_process, args=(own_database, barrier, answers)) for _ in range(8)]
    for process in started:
        process.start()

    answered = {answers.get(timeout=60) for _ in started}
    for process in started:
        process.join(60)

    tend_signing_keys(fresh)
    assert answered == {fresh.keyring.jwks}
    assert sorted(row.state for row in rows(fresh)) == ["active", "standby"]


def test_only_public_members_are_published(fresh):
    """
    E1: kty, kid, use and alg stand on the key, it has 2048 bits, its kid is its thumbprint, and nothing is private.
    """
    tend_signing_keys(fresh)

    keys = json.loads(fresh.keyring.jwks)["keys"]
    assert {key["kid"] for key in keys} == {the(fresh, "active"), the(fresh, "standby")}
    for key in keys:
        assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        assert key["kid"] == RSAKey.import_key(key).thumbprint()
        assert len(base64.urlsafe_b64decode(key["n"] + "==")) == 256
        known = fresh.keyring.public_key(key["kid"])
        assert (known.alg, known.key.is_private) == ("RS256", False)
    assert fresh.keyring.signer.kid == the(fresh, "active")
    assert fresh.keyring.public_key("another") is None


def test_a_private_key_lies_in_the_database_as_a_jwe(fresh):
    """
    B1, CONTRACT 7: dir, A256GCM, under the name of the master key; nothing of the private half is in the row.
    """
    tend_signing_keys(fresh)

    stored = rows(fresh)
    assert len(stored) == 2
    for row in stored:
        header, wrapped_key, *_ = row.private_jwe.split(".")
        assert json.loads(base64.urlsafe_b64decode(header + "==")) == {
            "alg": "dir",
            "enc": "A256GCM",
            "kid": fresh.master.id,
        }
        assert wrapped_key == ""
    private = fresh.keyring.signer.key.as_dict(private=True)
    assert private.keys() >= {"d", "p", "q"}
    assert not any(private[name] in str(stored) for name in private.keys() & PRIVATE)


@pytest.mark.parametrize("standby", ["a standby waits", "no standby"])
def test_a_start_with_another_master_key_says_what_to_do(fresh, worker, rsa, standby):
    """
    A database of another installation is not written to; the operator is told which key to bring back.

    Whatever step is due, a host that cannot open what is there takes none: a key under its own master would lock
    the rightful hosts out.
    """
    if standby == "no standby":
        with fresh.database.transaction() as connection:
            begin(connection, rsa, "RS256", fresh.keyring.wrapping, now=fresh.clock.now())
    else:
        tend_signing_keys(fresh)
    before = rows(fresh)

    foreign = worker(MASTER_KEY="A" * 43)
    with pytest.raises(ConfigurationError, match=r"does not open with this master key.*master\.key.*CHALK_MASTER_KEY"):
        tend_signing_keys(foreign)

    assert rows(fresh) == before
    tend_signing_keys(fresh)
    assert fresh.keyring.signer.kid == before[0].kid


def test_a_key_that_is_there_is_used_again(fresh, clock):
    """
    A restart signs with the key of before, so that tokens of before still verify.
    """
    tend_signing_keys(fresh)
    restarted = dataclasses.replace(fresh, keyring=Keyring(fresh.keyring.wrapping_keys))

    clock.step(days=30)
    tend_signing_keys(restarted)

    assert restarted.keyring.jwks == fresh.keyring.jwks


def test_the_database_refuses_a_second_active_or_standby_key(fresh):
    """
    E3: whatever races, and whoever writes, two keys are never active, and two never wait; retired ones may be many.
    """
    tend_signing_keys(fresh)
    row = rows(fresh)[0]

    def another(kid, state):
        with fresh.database.transaction() as connection:
            connection.execute(insert(SigningKeyRow).values({**row._mapping, "kid": kid, "state": state}))

    for number, state in enumerate(["retired", "retired", "revoked", "revoked"]):
        another(f"{number}", state)
    for state in ("active", "standby"):
        with pytest.raises(exc.IntegrityError):
            another(f"second {state}", state)
        with pytest.raises(exc.IntegrityError), fresh.database.transaction() as connection:
            connection.execute(update(SigningKeyRow).where(SigningKeyRow.kid == "0").values(state=state))
    with pytest.raises(exc.IntegrityError):
        another("third", "sleeping")


def test_a_revoked_key_is_gone_and_a_retired_one_is_still_published(fresh):
    """
    CONTRACT 7: standby and retired keys stand in the key set, a revoked one does not; another is made to sign.
    """
    tend_signing_keys(fresh)
    first, second = the(fresh, "active"), the(fresh, "standby")
    seen = []
    for state in ("retired", "revoked"):
        with fresh.database.transaction() as connection:
            later = {"state": state, "verify_until": fresh.clock.now() + timedelta(hours=1)}
            connection.execute(update(SigningKeyRow).where(SigningKeyRow.kid == first).values(later))
        tend_signing_keys(fresh)
        seen.append((fresh.keyring.public_key(first) is not None, kids(fresh, "active")))

    assert seen == [(True, [second]), (False, [second])]
    assert published(fresh.keyring.jwks).keys() == {second, the(fresh, "standby")}


def test_a_wrapped_key_is_unwrapped_to_itself(rsa):
    """
    What was wrapped is the same key afterwards; two wrappings of it have nothing in common.
    """
    first, second = wrap(rsa, WRAPPING), wrap(rsa, WRAPPING)

    assert unwrap(first, rsa.thumbprint(), WRAPPING).as_dict(private=True) == rsa.as_dict(private=True)
    assert not set(first.split(".")[2:]) & set(second.split(".")[2:])
    assert repr(WRAPPING) == "WrappingKey(id='here')"


def test_the_key_of_another_row_is_refused(rsa):
    """
    CONTRACT 7: a key that was moved to another row does not sign under its name.
    """
    with pytest.raises(ConfigurationError, match="The row of the signing key kid-of-a-row holds another key"):
        unwrap(wrap(rsa, WRAPPING), "kid-of-a-row", WRAPPING)


@pytest.mark.parametrize("damage", ["other", "flip", "short", "empty", "alg", "noise"])
def test_a_damaged_or_foreign_wrapping_is_refused(rsa, damage):
    """
    CONTRACT 7: a wrapping that was changed, or made under another key or algorithm, opens for nobody.
    """
    good = wrap(rsa, WRAPPING)
    smaller = OctKey.import_key(WRAPPING.secret[:16])
    wrapped = {
        "other": wrap(rsa, OTHER),
        "flip": good[:-1] + ("A" if good[-1] != "A" else "Q"),
        "short": good.rpartition(".")[0],
        "empty": "",
        "alg": jwe.encrypt_compact({"alg": "dir", "enc": "A128GCM"}, b"{}", smaller, algorithms=["dir", "A128GCM"]),
        "noise": "é....\x00",
    }[damage]

    with pytest.raises(ConfigurationError, match="does not open with this master key"):
        unwrap(wrapped, rsa.thumbprint(), WRAPPING)
