"""The watch over the logs of all tests (tests/log_watch.py) sees what it is there for."""

import logging

import pytest

from app.entrypoints.wiring import wiring_of
from app.factory import create_app
from bench.torture.faults.ports import free_port
from bench.torture.hosts.processes import until
from tests import conftest, servers
from tests.builders import a_pair, a_room, a_tenant
from tests.deploy import edge
from tests.log_watch import SECRETS, WATCH

KEY = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJjaGFsayJ9.c2lnbmF0dXJlLW9mLWEtdG9rZW4"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"
JWK = "{'kty': 'RSA', 'd': 'X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH'}"
BASIC = "Basic dGVuYW50X3g6c2tfbGl2ZV83SHEyWnQ5Ql8wMTIzNDU2Nzg5QUJDREVGR0hJSktM"
OURS = ("chalk.events", "chalk.requests", "app.entrypoints.wiring")


@pytest.fixture(autouse=True)
def _nothing_is_left_to_find():
    """What is logged here on purpose fails no test, and is heard whatever an application before has chosen."""
    events = logging.getLogger("chalk.events")
    before, handlers = events.level, list(events.handlers)
    events.setLevel(logging.NOTSET)
    events.handlers.clear()
    yield
    WATCH.take()
    events.setLevel(before)
    events.handlers[:] = handlers


@pytest.mark.parametrize("secret", [KEY, KEY.replace("sk_live", "ak_test"), JWT, PEM, JWK, BASIC, conftest.MASTER_KEY])
def test_a_secret_that_is_logged_is_found(secret):
    """
    B2: in a message, in its arguments or in a field of ours, at any level; and the report does not repeat it.
    """
    for name in OURS:
        log = logging.getLogger(name)
        for say in (
            lambda log=log: log.debug("given out: %s", secret),
            lambda log=log: log.error(f"given out: {secret}"),  # noqa: G004  just as somebody would do it
            lambda log=log: log.info("given.out", extra={"fields": {"what": secret}}),
        ):
            say()
            (found,) = WATCH.take()
            assert found.startswith(name)
            assert secret[8:] not in found


@pytest.mark.parametrize("name", ["authlib.oauth2.rfc6749", "anybody"])
def test_a_library_is_judged_by_what_is_written(name):
    """
    B2: a token that our lines blot out was not given away; a private key, which they do not, was, in an exception too.
    """
    log = logging.getLogger(name)
    log.debug("Create token: %s, for %s", JWT, KEY)
    assert WATCH.take() == []

    log.debug("Loaded %s", PEM)
    try:
        raise RuntimeError(JWK)
    except RuntimeError:
        log.exception("failed")
    assert len(WATCH.take()) == 2


def test_a_test_that_logged_a_secret_fails(request):
    """
    B2: at its end, when everything that it made is taken down; one that did not is left alone.
    """
    for secret, fails in ((KEY, True), ("key_7Hq2Zt9B", False)):
        end = conftest.pytest_runtest_teardown(request.node)
        next(end)
        logging.getLogger(OURS[0]).debug("given out: %s", secret)
        with pytest.raises(pytest.fail.Exception if fails else StopIteration):
            next(end)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (f"echo {KEY}", 1),
        (f"echo {KEY} >&2", 1),
        # What our lines blotted out was given to them, and only libraries may do that.
        ('echo \'{"logger":"app.flows","message":"gave ***"}\' >&2', 1),
        ('echo \'{"logger":"authlib","message":"gave ***"}\' >&2', 0),
    ],
    ids=["output", "error", "given to us", "given to a library"],
)
def test_what_a_server_says_is_watched(said, found):
    """
    B2: in processes of their own, too, on standard error and output, and also when they are killed.
    """
    # It is called like the command whose output may hold no key.
    command = ["sh", "-c", f"{said}; echo all >&2; exec tail -f /dev/null", "serve"]
    with servers.running(command, 0, "none", workers=0) as server:
        assert until(lambda: "all" in server.log.read_text(), 10) is not None
        server.process.kill()

    assert len(WATCH.take()) == found
    assert not server.log.exists()


def test_servers_say_all_that_there_is_to_say(tmp_path):
    """
    B2: real servers log at DEBUG, what nobody listens to otherwise.
    """
    log = tmp_path / "log"
    command = ["sh", "-c", 'echo "level $CHALK_LOG_LEVEL" >&2']
    with pytest.raises(RuntimeError, match="the server ended: level DEBUG"), servers.running(command, 0, "none", log):
        pytest.fail("it served")


def test_what_nginx_logs_is_watched(tmp_path):
    """
    B2: of an nginx in front, both logs, when it ends; and also if it never began.
    """
    (tmp_path / "log").mkdir()
    for name in ("access.log", "error.log"):
        (tmp_path / "log" / name).write_text(f"GET /?api_key={KEY}")
    (tmp_path / "nginx.conf").write_text("nothing that it takes;")
    with pytest.raises(RuntimeError), edge.running(tmp_path, free_port()):
        pytest.fail("it served")

    assert len(WATCH.take()) == 2


def test_statements_and_rows_hold_no_secret(database_url, clock, caplog):
    """
    B2: were SQLAlchemy told to show statements, rows and the pool, there would be no key and no token in them.
    """
    with caplog.at_level(logging.DEBUG, "sqlalchemy"):
        # An engine asks once whether anybody listens.
        tools = wiring_of(create_app(conftest.environment(database_url), clock)).tools
        tenant = a_tenant(tools)
        # In a room: the usual exchange does not run through SQLAlchemy.
        a_pair(tools, tenant, a_room(tools, tenant))
        tools.database.close()

    assert "INSERT INTO tenants" in caplog.text
    assert "Row (" in caplog.text
    assert not SECRETS.search(caplog.text)


def test_what_a_server_says_into_a_file_is_watched(tmp_path):
    """
    B2: also where it ended before it served.
    """
    log = tmp_path / "log"
    with (
        pytest.raises(RuntimeError, match="the server ended"),
        servers.running(["sh", "-c", f"echo {KEY} >&2"], 0, "none", log),
    ):
        pytest.fail("it served")

    assert len(WATCH.take()) == 1
