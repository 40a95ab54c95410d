"""Settings: read once, all problems at once, no secret repeated."""

import dataclasses

import pytest

from app import settings
from app.foundation.errors import ConfigurationError

KEY = "dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3Qgc3VpdGU="


def problems(**given):
    """Read these variables, which are wrong, and give the lines of the refusal."""
    with pytest.raises(ConfigurationError) as refusal:
        settings.read({f"CHALK_{name}": value for name, value in given.items()})
    first, *rest = str(refusal.value).splitlines()
    assert first == "The settings are not usable:"
    return rest


def test_everything_has_a_default():
    """
    A fresh clone starts without any setting: SQLite, access for an hour, strict; sessions of tenants live for 30 and 90
    days, of participants for one and seven (CONTRACT 5).
    """
    read = settings.read({})

    assert read.database.url.startswith("sqlite:////")
    assert read.database.url.endswith("/var/chalk.db")
    assert dataclasses.astuple(read.lifetimes) == (3600, 30 * 86_400, 90 * 86_400, 86_400, 7 * 86_400, 0, 7, 365)
    assert read.http.issuer == "http://127.0.0.1:8000"
    assert read.keys.master_key is None
    assert read.keys.directory.endswith("/keys")
    assert read.keys.jwks_max_age_seconds == 300


def test_the_process_environment_is_read_when_nothing_is_given(monkeypatch):
    """
    The server is configured by its environment; what is not ours there is left alone.
    """
    monkeypatch.setenv("CHALK_ACCESS_TTL_SECONDS", "77")
    monkeypatch.setenv("chalk_lower_case", "x")

    assert settings.read().lifetimes.access_ttl_seconds == 77


def test_all_problems_are_said_at_once():
    """
    An operator mends everything in one go: each wrong variable is named, with what it must be.
    """
    said = problems(ACCESS_TTL_SECONDS="soon", ISSUER="ftp://x", LOG_LEVEL="LOUD", DATABASE_URL="mysql://x", TYPO="1")

    assert [each.partition(":")[0] for each in sorted(said)] == [
        "CHALK_ACCESS_TTL_SECONDS",
        "CHALK_DATABASE_URL",
        "CHALK_ISSUER",
        "CHALK_LOG_LEVEL",
        "CHALK_TYPO",
    ]
    assert "CHALK_ACCESS_TTL_SECONDS: must be a whole number from 30 to 86400" in said
    assert "CHALK_LOG_LEVEL: must be one of DEBUG, INFO, WARNING, ERROR" in said
    assert "CHALK_TYPO: there is no such setting" in said


@pytest.mark.parametrize("variable", [one for one in settings.variables() if one["default"] is not None])
def test_every_default_is_allowed(variable):
    """
    To write a default out changes nothing.
    """
    if variable["default"] or variable["name"] == "CHALK_AUDIENCE":
        assert settings.read({variable["name"]: variable["default"]}) == settings.read({})


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("DATABASE_POOL_SIZE", 1, 1000),
        ("DATABASE_TIMEOUT_SECONDS", 1, 600),
        ("JWKS_MAX_AGE_SECONDS", 10, 86_400),
        ("ACCESS_TTL_SECONDS", 30, 86_400),
        ("REFRESH_IDLE_SECONDS", 60, 31_536_000),
        ("REFRESH_ABSOLUTE_SECONDS", 60, 94_608_000),
        ("REFRESH_RETRY_SECONDS", 0, 60),
        ("MAX_BODY_BYTES", 1024, 10_485_760),
        ("GUESSES_PER_SOURCE", 1, 1_000_000),
        ("GUESSES_PER_CREDENTIAL", 1, 1_000_000),
        ("REQUESTS_PER_KEY", 0, 1_000_000),
        ("TOKENS_PER_TENANT", 0, 1_000_000),
        ("TOKENS_PER_SESSION", 0, 1_000_000),
    ],
)
def test_a_number_stays_in_its_range(name, low, high):
    """
    Both ends are allowed; beyond them, and in any other spelling than plain digits, it is refused.
    """
    for good in (low, high):
        settings.read({f"CHALK_{name}": str(good)})
    for bad in (low - 1, high + 1, f"{low}.0", f"+{low}", f" {low}", f"{low}s", "", "1e2", "٣٠", "9" * 5000):
        assert problems(**{name: str(bad)}) == [f"CHALK_{name}: must be a whole number from {low} to {high}"]


@pytest.mark.parametrize(
    "issuer",
    [
        "https://auth.example.com/",
        "https://auth.example.com/a/",
        "https://auth.example.com?x=1",
        "https://auth.example.com/#x",
        "https://user:password@auth.example.com",
        "auth.example.com",
        "https://",
        "https://auth.example.com\n",
        "https://auth .example.com",
        "javascript:alert(1)",
        "",
    ],
)
def test_an_issuer_that_is_no_plain_url_is_refused(issuer):
    """
    F1, A20: clients compare the issuer byte for byte, so it has one spelling.
    """
    assert problems(ISSUER=issuer) == [
        "CHALK_ISSUER: must be an http or https URL of plain characters, without a trailing slash, query or fragment"
    ]


@pytest.mark.parametrize(
    "proxies",
    [
        "proxy.example",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0-10.0.0.9",
        "10.0.0.1:80",
        "[::1]",
        "10.0.0.1 10.0.0.2",
        "*",
    ],
)
def test_a_proxy_is_named_by_address_or_network(proxies):
    """
    A19: a name, a range or a network with bits beyond it is reported at the start, not silently trusted or ignored.
    """
    wanted = "CHALK_TRUSTED_PROXIES: must be addresses or networks like 10.0.0.0/8 or ::1, or unix, with commas between"

    assert problems(TRUSTED_PROXIES=proxies) == [wanted]
    assert problems(TRUSTED_PROXIES=f"127.0.0.1,{proxies}") == [wanted]
    good = settings.read({"CHALK_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,,fd00::/8 , unix"}).http.trusted_proxies
    assert [str(each) for each in good] == ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8", "unix"]


def test_the_audience_follows_the_issuer():
    """
    D4: unless it is set, `aud` is the issuer; with several, the first is the default, and none stands twice.
    """
    assert settings.read({"CHALK_ISSUER": "https://a.example/b"}).http.audiences == ("https://a.example/b",)
    several = "https://b.example, https://a.example,https://b.example,"
    assert settings.read({"CHALK_AUDIENCES": several}).http.audiences == ("https://b.example", "https://a.example")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chalk.db",
        "mysql://h/d",
        "postgresql+asyncpg://h/d",
        "sqlite+aiosqlite:///x",
        "sqlite:nonsense",
        "postgresql:",
        "postgresql://user:hidden-word@host:hidden-port/db",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_a_database_url_that_cannot_serve_is_refused_and_not_repeated(url):
    """
    B2: whatever is wrong with it is said in one line, with nothing of a password; a database in memory is none.
    """
    (said,) = problems(DATABASE_URL=url)

    assert said.startswith("CHALK_DATABASE_URL: must be ")
    assert "sqlite" in said
    assert "hidden" not in said


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "memory://here",
        "localhost:6379",
        "redis://",
        "redis:///0",
        "redis://:hidden@",
        "redis://:hidden@host:port",
        "redis://host:0",
        "redis://[::1",
        "redis+unix://",
        "redis+cluster://host:6379",
        "memcached://host:11211",
        "http://host:6379",
    ],
)
def test_a_store_of_limits_that_cannot_serve_is_refused_and_not_repeated(url):
    """
    B2, A17: a misspelt store is told at the start, and never taken for the memory of a worker.
    """
    (said,) = problems(LIMITS_URL=url)

    assert said.startswith("CHALK_LIMITS_URL: must be memory://, or the URL of a server: redis://")
    assert "hidden" not in said


def test_a_store_of_limits_is_a_server_or_memory():
    """
    B2: with and without TLS, by a socket, as Redis or Valkey; its password is not printed.
    """
    assert settings.read({}).limits.url is None
    for name in ("redis", "valkey"):
        for url in (f"{name}://10.0.0.5", f"{name}s://u:hidden@host:6380/2", f"{name}+unix:///run/redis.sock"):
            read = settings.read({"CHALK_LIMITS_URL": url})
            assert read.limits.url == url
            assert "hidden" not in repr(read)


def test_printed_settings_hold_no_secret():
    """
    B2: the whole object may be logged; neither the master key nor the database's password stands there.
    """
    read = settings.read({"CHALK_MASTER_KEY": KEY, "CHALK_DATABASE_URL": "postgresql://chalk:hidden@db/chalk"})

    assert read.keys.master_key == KEY
    assert "hidden" in read.database.url
    assert KEY not in repr(read)
    assert "hidden" not in repr(read)


def test_settings_cannot_be_changed():
    """
    What was checked at the start holds until the end.
    """
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.read({}).http.issuer = "https://elsewhere.example"  # type: ignore[misc]
