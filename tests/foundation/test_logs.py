"""Logs: one JSON object a line, and no secret in any of them."""

import contextlib
import io
import json
import logging
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.foundation import logs
from tests.clock import StillClock

KEY = "sk_live_7Hq2Zt9B_0123456789ABCDEFGHIJKLMNOPQRSTUV1p50Q6"
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.eyJpc3MiOiJ4IiwiZ2VuIjoxfQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
JWE = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXYtaXYtaXYtaXY.Y2lwaGVyLWNpcGhlcg.dGFnLXRhZy10YWctdGFn"

# Each with the part of it that is secret.
SECRETS = [
    (KEY, KEY[17:]),
    (KEY.replace("sk_live", "ak_test"), KEY[17:]),
    (KEY[:-3], KEY[17:-3]),
    (KEY + "x", KEY[17:]),
    (KEY.replace("_", "%5F"), KEY[17:]),
    (JWT, JWT[41:]),
    (JWT.rpartition(".")[0], JWT[41:65]),
    (JWE, "Y2lwaGVyLWNpcGhlcg"),
    ("Authorization: Basic dGVuYW50OnNlY3JldA==", "dGVuYW50OnNlY3JldA"),
    ("authorization=bearer 0123456789abcdef", "0123456789abcdef"),
    ("Basic%20dGVuYW50OnNlY3JldA==", "dGVuYW50OnNlY3JldA"),
    ("Bas\u0131c dGVuYW50OnNlY3JldA==", "dGVuYW50OnNlY3JldA"),
    ("BAS\u0130C dGVuYW50OnNlY3JldA==", "dGVuYW50OnNlY3JldA"),
    ("client_secret=neighbours-secret&scope=x", "neighbours-secret"),
    ("{'api_key': 'neighbours-secret'}", "neighbours-secret"),
    ('{"refresh_token": "neighbours secret"}', "neighbours"),
    ('{"client_secret":"neighbours-secret"}', "neighbours-secret"),
    ("CHALK_MASTER_KEY=neighbours-secret", "neighbours-secret"),
    ("password: neighbours-secret", "neighbours-secret"),
    ("postgresql+psycopg://chalk:neighbours-secret@db/chalk", "neighbours-secret"),
    ("postgresql://chalk:neighbours/sec@ret@db/chalk", "neighbours"),
    ("redis://:neighbours-secret@cache:6379", "neighbours-secret"),
    ("DETAIL:  Failing row contains (7, neighbours-secret, null).", "neighbours-secret"),
]


def line(message, *arguments, error=None, **fields):
    """Print one line, as the server does."""
    information = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord("chalk.events", logging.INFO, __file__, 1, message, arguments, information)
    record.fields = fields
    return logs.JsonLines(StillClock()).format(record)


def raised(message):
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


@pytest.mark.parametrize(("text", "secret"), SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "before {} after", "a line\n{}\nanother", "\t{}", '"{}"', "({})", "x={}", "é{}"]
)
def test_a_secret_is_blotted_wherever_it_stands(text, secret, around):
    """
    B2: in a message, in its arguments, in a field, in an exception and its traceback; at any place of a line.
    """
    assert secret in text
    whole = around.format(text)

    for printed in (line(whole), line("%s", whole), line("x", field=whole), line("x", error=raised(whole))):
        assert secret not in printed
        assert "***" in printed
        json.loads(printed)


PIECES = [secret for secret, _ in SECRETS] + [secret.upper() for secret, _ in SECRETS]
PIECES += [
    "\u017fk_live_",
    "\u212a",
    "sk",
    "_",
    "eyJ",
    ".",
    " ",
    "=",
    "://",
    "@",
    "%5F",
    "bearer",
    "token",
    "key",
    "\n",
    '"',
    "/api/v1/auth/token",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
def test_what_looks_harmless_at_a_glance_is(text):
    """
    B2: a text, or a line of the log, is looked at closely only if one of a few words is in it: none of them is missing.
    """
    closely = text
    for pattern, replacement in logs._SECRETS:
        closely = pattern.sub(replacement, closely)

    assert logs.blot(text) == closely
    assert closely == text or logs._is_suspicious(json.dumps({"message": text}, ensure_ascii=False))


def test_what_names_a_key_is_kept():
    """
    An operator can still tell which key it was: the id is no secret.
    """
    assert json.loads(line(f"refused {KEY}"))["message"] == "refused sk_live_7Hq2Zt9B_***"


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/rooms/room_01m866e6eeeqht40veep7jghkb 200",
        "a basic rule",
        "password is wrong",
        "http://127.0.0.1:8000",
    ],
)
def test_what_is_no_secret_is_kept(text):
    """
    A log that hides too much helps nobody.
    """
    assert json.loads(line(text))["message"] == text


def test_a_line_is_one_json_object():
    """
    Level, logger, time in UTC, message and fields, whatever stands in them, on exactly one line.
    """
    printed = line('two\nlines, "quoted" \x00', session="ses_1", behind=3, key=None)

    assert "\n" not in printed
    read = json.loads(printed)
    assert read.pop("at").endswith("Z")
    assert read == {
        "level": "info",
        "logger": "chalk.events",
        "message": 'two\nlines, "quoted" \x00',
        "session": "ses_1",
        "behind": 3,
        "key": None,
    }


def test_an_exception_is_told_with_its_traceback():
    """
    A bug can be found from the log alone.
    """
    error = raised("what went wrong")

    assert json.loads(line("unhandled", error=error))["exception"] == "".join(traceback.format_exception(error)).strip()


def test_a_flood_of_text_is_logged_in_no_time():
    """
    A16: a megabyte of almost-secrets holds nobody up.
    """
    for flood in ("eyJ" * 400_000, "password" * 150_000, "a://" * 300_000, "basic " * 200_000, "sk_live_" * 150_000):
        assert json.loads(line(flood))["message"]


def test_the_process_logs_to_standard_error(capsys):
    """
    Standard output is for what was asked for; events go to standard error, from the chosen level upwards.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        logs.start("INFO", StillClock())
        logs.event("session.revoked", session="ses_1")
        logging.getLogger("x").debug("not wanted")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert [json.loads(each)["message"] for each in captured.err.splitlines()] == ["session.revoked"]


class Full(io.StringIO):
    """A standard error that takes a line, and cannot hand it on."""

    def flush(self):
        raise BlockingIOError


@pytest.fixture
def standard_error(monkeypatch):
    """Log as a server does, onto what a test gives in place of standard error."""
    root = logging.getLogger()
    before = list(root.handlers)

    def begin(stream):
        monkeypatch.setattr("sys.stderr", stream)
        root.handlers = []
        logs.start("INFO", StillClock())
        return stream

    level = root.level
    yield begin
    root.handlers = before
    root.setLevel(level)


def test_the_line_of_a_request_is_written_once_and_holds_nobody_up(standard_error, monkeypatch):
    """
    One line a request, also where nobody can take it; below the level there is none.
    """
    logger = logging.getLogger("chalk.requests")
    written = standard_error(Full())

    logs.begin("request-of-mine")
    logs.of_request(logger, logging.INFO, "request", {"status": 200})
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    logs.of_request(logger, logging.DEBUG, "request", {"status": 200})
    logs.end()

    (line,) = written.getvalue().splitlines()
    told = json.loads(line)
    told.pop("at")
    assert told == {
        "level": "info",
        "logger": "chalk.requests",
        "message": "request",
        "request_id": "request-of-mine",
        "status": 200,
    }
    with contextlib.suppress(ValueError):
        written.close()
    logs.of_request(logger, logging.INFO, "request", {"status": 200})


def test_whoever_listens_besides_hears_of_requests_too(standard_error, caplog):
    """
    A handler of somebody else's gets records, as from any logger.
    """
    written = standard_error(io.StringIO())
    logging.getLogger().addHandler(caplog.handler)

    logs.of_request(logging.getLogger("chalk.requests"), logging.INFO, "request", {"status": 200})

    assert len(written.getvalue().splitlines()) == 1
    assert [record.fields for record in caplog.records] == [{"status": 200}]
