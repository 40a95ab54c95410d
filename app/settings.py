"""
Every setting, by owner: read once from the environment, checked all together, then frozen.

Each field names its variable and its meaning; `docs/settings.md` is checked against this file.
"""
# house: all settings stand on one page, as they do in the documentation

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from app.foundation.database import resolve_url
from app.foundation.environment import Proxy, limits_url, one_of, proxies, url, urls, whole
from app.foundation.errors import ConfigurationError

_PREFIX = "CHALK_"
_ROOT = Path(__file__).resolve().parent.parent

Group = TypeVar("Group")


def _database_url(text: str) -> str:
    found = resolve_url(text, _ROOT)
    if found is None:
        raise ValueError("the URL of a sqlite file or of a postgresql database")
    return found


def _setting(
    name: str, meaning: str, default: str | None, parse: Callable[[str], Any] = str, *, secret: bool = False
) -> Any:
    marks = {"name": _PREFIX + name, "meaning": meaning, "default": default, "parse": parse}
    return field(metadata=marks, repr=not secret)


@dataclass(frozen=True)
class DatabaseSettings:
    """Where the data lies."""

    url: str = _setting(
        "DATABASE_URL",
        "SQLite or PostgreSQL; a relative SQLite path lies under the project",
        "sqlite:///var/chalk.db",
        _database_url,
        secret=True,
    )
    pool_size: int = _setting("DATABASE_POOL_SIZE", "connections of one process", "5", whole(1, 1000))
    timeout_seconds: int = _setting(
        "DATABASE_TIMEOUT_SECONDS", "patience with a connection, a lock or a statement", "10", whole(1, 600)
    )
    pooler: str = _setting(
        "DATABASE_POOLER",
        "what stands before PostgreSQL and hands its connections out for a transaction each, as pgbouncer does",
        "none",
        one_of("none", "transaction"),
    )


@dataclass(frozen=True)
class KeySettings:
    """The master key, and how long verifiers may keep the JWKS."""

    master_key: str | None = _setting(
        "MASTER_KEY",
        "32 random bytes in base64, more than one with commas between, the current one first; "
        "without it, the files in the keys directory",
        None,
        secret=True,
    )
    directory: str = _setting(
        "KEYS_DIRECTORY", "where the master key lies, created at first start", "keys", lambda text: str(_ROOT / text)
    )
    jwks_max_age_seconds: int = _setting(
        "JWKS_MAX_AGE_SECONDS", "how long verifiers may cache the JWKS", "300", whole(10, 86_400)
    )
    signing_algorithm: str = _setting(
        "SIGNING_ALGORITHM",
        "kind of the keys that sign access tokens; a change is a rotation",
        "RS256",
        one_of("RS256", "RS256-3072", "RS256-4096", "PS256", "ES256", "Ed25519"),
    )
    signing_key_days: int = _setting(
        "SIGNING_KEY_DAYS", "how long a key signs before the next one does", "90", whole(1, 3650)
    )
    keyring_max_age_seconds: int = _setting(
        "KEYRING_MAX_AGE_SECONDS", "how long a worker goes on with the signing keys it last read", "5", whole(1, 60)
    )


@dataclass(frozen=True)
class TokenLifetimes:
    """How long tokens and sessions live."""

    access_ttl_seconds: int = _setting("ACCESS_TTL_SECONDS", "life of an access token", "3600", whole(30, 86_400))
    refresh_idle_seconds: int = _setting(
        "REFRESH_IDLE_SECONDS", "a session ends when unused for so long", "2592000", whole(60, 31_536_000)
    )
    refresh_absolute_seconds: int = _setting(
        "REFRESH_ABSOLUTE_SECONDS", "a session ends so long after its start", "7776000", whole(60, 94_608_000)
    )
    participant_idle_seconds: int = _setting(
        "PARTICIPANT_IDLE_SECONDS",
        "a participant's session ends when unused for so long",
        "86400",
        whole(60, 31_536_000),
    )
    participant_absolute_seconds: int = _setting(
        "PARTICIPANT_ABSOLUTE_SECONDS",
        "a participant's session ends so long after its start",
        "604800",
        whole(60, 94_608_000),
    )
    refresh_retry_seconds: int = _setting(
        "REFRESH_RETRY_SECONDS",
        "window in which a spent refresh token is answered again without an Idempotency-Key; 0 is strict",
        "0",
        whole(0, 60),
    )
    keep_ended_days: int = _setting(
        "KEEP_ENDED_DAYS",
        "how long a session that is over is kept, for whoever looks into what happened",
        "7",
        whole(1, 3650),
    )
    keep_events_days: int = _setting(
        "KEEP_EVENTS_DAYS", "how long the audit events of a tenant are kept", "365", whole(1, 36_500)
    )


@dataclass(frozen=True)
class RoleSettings:
    """What participants may do, by their role: scopes with spaces between, as far as who admits them holds them."""

    host: str = _setting(
        "HOST_SCOPE", "what a host may do in its room", "rooms:read participants:read participants:write"
    )
    participant: str = _setting(
        "PARTICIPANT_SCOPE", "what a participant may do in its room", "rooms:read participants:read"
    )
    viewer: str = _setting("VIEWER_SCOPE", "what a viewer may do in its room", "rooms:read")


@dataclass(frozen=True)
class HttpSettings:
    """Names and bounds on the wire."""

    issuer: str = _setting("ISSUER", "the server's own URL, as clients see it", "http://127.0.0.1:8000", url)
    audiences: tuple[str, ...] = _setting(
        "AUDIENCES",
        "`aud` that access tokens may have, as URLs with commas between; the first is the default, "
        "and that of our own API; without it, the issuer",
        "",
        urls,
    )
    private_jwks_hosts: tuple[str, ...] = _setting(
        "PRIVATE_JWKS_HOSTS",
        "hosts of clients' `jwks_uri` that may have private addresses, with commas between",
        "",
        lambda text: tuple(one.strip().lower() for one in text.split(",") if one.strip()),
    )
    trusted_proxies: tuple[Proxy, ...] = _setting(
        "TRUSTED_PROXIES",
        "proxies in front, by address or network, with commas between, or `unix` for whoever comes over a unix socket; "
        "from them alone `X-Forwarded-For` is believed",
        "",
        proxies,
    )
    express: str = _setting(
        "EXPRESS",
        "answers plain requests for tokens in front of the web framework; `off` leaves all to the framework, slower",
        "on",
        one_of("on", "off"),
    )
    max_body_bytes: int = _setting("MAX_BODY_BYTES", "largest accepted request body", "65536", whole(1024, 10_485_760))


@dataclass(frozen=True)
class LimitSettings:
    """How much one caller may do."""

    workers: int | None = _setting(
        "WORKERS",
        "worker processes of one server: as many as `serve` starts, unless told otherwise, and among so many are the "
        "limits of guesses shared out without a store; without it, one a core, and one where another server is used",
        None,
        whole(1, 256),
    )
    guesses_per_source: int = _setting(
        "GUESSES_PER_SOURCE",
        "wrong credentials that one address may present in a minute",
        "60",
        whole(1, 1_000_000),
    )
    guesses_per_credential: int = _setting(
        "GUESSES_PER_CREDENTIAL",
        "wrong credentials that may be presented for one key or client in a minute, by everybody",
        "20",
        whole(1, 1_000_000),
    )
    requests_per_key: int = _setting(
        "REQUESTS_PER_KEY",
        "requests that a key of a tenant may make in a minute, unless it has a limit of its own; 0 for no limit",
        "60000",
        whole(0, 1_000_000),
    )
    tokens_per_tenant: int = _setting(
        "TOKENS_PER_TENANT",
        "tokens that the keys of one tenant may ask for in a minute, and as many again that its sessions may; "
        "0 for no limit",
        "60000",
        whole(0, 1_000_000),
    )
    tokens_per_session: int = _setting(
        "TOKENS_PER_SESSION",
        "tokens that one session may ask for in a minute, by refreshing or for others; 0 for no limit",
        "600",
        whole(0, 1_000_000),
    )
    url: str | None = _setting(
        "LIMITS_URL",
        "where all that is counted against a limit lies: in the memory of each worker, or in a Redis or Valkey server "
        "that all share",
        "memory://",
        limits_url,
        secret=True,
    )


@dataclass(frozen=True)
class LogSettings:
    """What the server tells its operator."""

    level: str = _setting(
        "LOG_LEVEL", "lowest level that is logged", "INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR")
    )
    traces: str = _setting(
        "TRACES",
        "whether requests are traced: off, or told to a collector of OpenTelemetry, where its own variables say",
        "off",
        one_of("off", "otlp"),
    )


@dataclass(frozen=True)
class Settings:
    """All groups; a room receives its own, never the whole."""

    database: DatabaseSettings
    keys: KeySettings
    lifetimes: TokenLifetimes
    roles: RoleSettings
    http: HttpSettings
    limits: LimitSettings
    logs: LogSettings


_GROUPS: tuple[type, ...] = (
    DatabaseSettings,
    KeySettings,
    TokenLifetimes,
    RoleSettings,
    HttpSettings,
    LimitSettings,
    LogSettings,
)


def variables() -> Iterable[Mapping[str, Any]]:
    """List every variable with its name, meaning and default, in the order of this file."""
    return [one.metadata for group in _GROUPS for one in dataclasses.fields(group)]


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """
    Read the settings from the process environment, or from the mapping given.

    Raises:
        ConfigurationError: names every problem at once; values of secrets are not repeated.
    """
    given = os.environ if environment is None else environment
    known = {variable["name"] for variable in variables()}
    strange = sorted(name for name in given if name.startswith(_PREFIX) and name not in known)
    problems = [f"{name}: there is no such setting" for name in strange]

    def build(group: type[Group]) -> Group:
        return group(**{one.name: _value(one.metadata, given, problems) for one in dataclasses.fields(group)})  # type: ignore[arg-type]

    settings = Settings(
        database=build(DatabaseSettings),
        keys=build(KeySettings),
        lifetimes=build(TokenLifetimes),
        roles=build(RoleSettings),
        http=build(HttpSettings),
        limits=build(LimitSettings),
        logs=build(LogSettings),
    )
    if problems:
        raise ConfigurationError("\n".join(["The settings are not usable:", *problems]))

    if not settings.http.audiences:
        http = dataclasses.replace(settings.http, audiences=(settings.http.issuer,))
        settings = dataclasses.replace(settings, http=http)
    return settings


def tell_workers(number: int) -> None:
    """Tell the worker processes that this one starts how many of them there are."""
    os.environ[f"{_PREFIX}WORKERS"] = str(number)


def _value(marks: Mapping[str, Any], given: Mapping[str, str], problems: list[str]) -> Any:
    text = given.get(marks["name"], marks["default"])
    if text is None:
        return None
    try:
        return marks["parse"](text)
    except ValueError as error:
        problems.append(f"{marks['name']}: must be {error}")
        return None
