"""Signing keys: one that signs, published without its private half, and at rest under the master key only."""

import base64
import dataclasses
import json
import multiprocessing
import threading

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import exc, insert, select, update

from app.domain.signing_keys import Keyring, WrappingKey, ensure_active
from app.domain.signing_keys.tables import SigningKeyRow
from app.domain.signing_keys.wrapping import unwrap, wrap
from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from app.flows.prepare_signing_key import prepare_signing_key
from app.foundation.errors import ConfigurationError
from tests.conftest import environment, migrate

WRAPPING = WrappingKey("here", bytes(range(32)))
OTHER = WrappingKey("elsewhere", bytes(32))
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.fixture
def empty(backend, new_database):
    """The URL of a database of the test's own, with our schema and no key."""
    url = new_database(backend)
    migrate(url)
    return url


@pytest.fixture
def fresh(empty):
    """Tools on such a database; nothing has been asked of it yet."""
    application = create_app(environment(empty), warm=False)
    yield wiring_of(application).tools
    wiring_of(application).tools.database.close()


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
    E3: exactly one key is made and is active, and everyone signs with it.
    """
    workers = [dataclasses.replace(fresh, keyring=Keyring(fresh.keyring.wrapping)) for _ in range(8)]
    barrier = threading.Barrier(8)

    def start(tools):
        barrier.wait()
        prepare_signing_key(tools)

    threads = [threading.Thread(target=start, args=[tools]) for tools in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    (row,) = rows(fresh)
    assert row.state == "active"
    assert {tools.keyring.signer.kid for tools in workers} == {row.kid}


def test_eight_processes_that_start_at_once_publish_one_key(empty, fresh):
    """
    E3: so do the workers of several hosts: all publish the same key set.
    """
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(8), context.Queue()
    processes = [context.Process(target=starting_process, args=(empty, barrier, answers)) for _ in range(8)]
    for process in processes:
        process.start()

    published = {answers.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)

    prepare_signing_key(fresh)
    assert published == {fresh.keyring.jwks}
    assert len(rows(fresh)) == 1


def test_only_public_members_are_published(fresh):
    """
    E1: kty, kid, use and alg stand on the key, it has 2048 bits, its kid is its thumbprint, and nothing is private.
    """
    prepare_signing_key(fresh)

    (key,) = json.loads(fresh.keyring.jwks)["keys"]
    assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert key["kid"] == RSAKey.import_key(key).thumbprint() == fresh.keyring.signer.kid
    assert len(base64.urlsafe_b64decode(key["n"] + "==")) == 256
    assert not fresh.keyring.public_key(key["kid"]).is_private
    assert fresh.keyring.public_key("another") is None


def test_a_private_key_lies_in_the_database_as_a_jwe(fresh):
    """
    B1, CONTRACT 7: dir, A256GCM, under the name of the master key; nothing of the private half is in the row.
    """
    prepare_signing_key(fresh)

    (row,) = rows(fresh)
    header, wrapped_key, *_ = row.private_jwe.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {
        "alg": "dir",
        "enc": "A256GCM",
        "kid": fresh.master.id,
    }
    assert wrapped_key == ""
    private = fresh.keyring.signer.key.as_dict(private=True)
    assert private.keys() >= {"d", "p", "q"}
    assert not any(private[name] in str(tuple(row)) for name in private.keys() & PRIVATE)


def test_a_start_with_another_master_key_says_what_to_do(empty, fresh):
    """
    A database of another installation is not overwritten; the operator is told which key to bring back.
    """
    prepare_signing_key(fresh)
    before = rows(fresh)

    foreign = wiring_of(create_app(environment(empty, MASTER_KEY="A" * 43), warm=False)).tools
    with pytest.raises(ConfigurationError, match=r"does not open with this master key.*master\.key.*CHALK_MASTER_KEY"):
        prepare_signing_key(foreign)
    foreign.database.close()

    assert rows(fresh) == before


def test_a_key_that_is_there_is_used_again(fresh, clock):
    """
    A restart signs with the key of before, so that tokens of before still verify.
    """
    prepare_signing_key(fresh)
    restarted = dataclasses.replace(fresh, keyring=Keyring(fresh.keyring.wrapping))

    clock.step(days=30)
    prepare_signing_key(restarted)

    assert restarted.keyring.jwks == fresh.keyring.jwks


def test_the_database_refuses_a_second_active_key(fresh):
    """
    E3: whatever races, and whoever writes, two keys are never active; standby and retired ones may be many.
    """
    prepare_signing_key(fresh)
    (row,) = rows(fresh)

    def another(kid, state):
        with fresh.database.transaction() as connection:
            connection.execute(insert(SigningKeyRow).values({**row._mapping, "kid": kid, "state": state}))

    for number, state in enumerate(["standby", "standby", "retired", "retired", "revoked"]):
        another(f"{number}", state)
    with pytest.raises(exc.IntegrityError):
        another("second", "active")
    with pytest.raises(exc.IntegrityError), fresh.database.transaction() as connection:
        connection.execute(update(SigningKeyRow).where(SigningKeyRow.kid == "0").values(state="active"))
    with pytest.raises(exc.IntegrityError):
        another("third", "sleeping")


def test_a_revoked_key_is_gone_and_a_retired_one_is_still_published(fresh, rsa):
    """
    CONTRACT 7: standby and retired keys stand in the key set, a revoked one does not; another is made to sign.
    """
    prepare_signing_key(fresh)
    first = fresh.keyring.signer.kid
    states = []
    for state in ("retired", "revoked"):
        with fresh.database.transaction() as connection:
            connection.execute(update(SigningKeyRow).where(SigningKeyRow.kid == first).values(state=state))
            ensure_active(connection, fresh.keyring.wrapping, now=fresh.clock.now())
            fresh.keyring.fill(connection)
        states.append(fresh.keyring.public_key(first) is not None)

    assert states == [True, False]
    assert fresh.keyring.signer.kid != first


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
