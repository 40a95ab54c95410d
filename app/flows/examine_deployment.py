"""How this deployment stands: what is in order, what is not, and what to do about it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from app.domain import signing_keys
from app.flows import steps
from app.flows.results import Diagnosis, Level
from app.flows.tools import Tools
from app.foundation.database import DatabaseFacts, examine
from app.foundation.environment import UNIX
from app.foundation.errors import ConfigurationError, DatabaseAwayError
from app.foundation.signing_rate import HIDING, UNSET, VARIABLE, SigningRate, measure

# The margins of the signing keys count with clocks that differ by a minute at most.
_CLOCK_IS_OFF = timedelta(seconds=2)
_CLOCK_IS_WRONG = timedelta(seconds=30)
_APART = "Each server hears as many guesses as their limit says, and each worker counts keys and tenants for itself."
# So many addresses are told at most.
_NAMED = 5


def examine_deployment(tools: Tools, head: str | None, *, measure_seconds: float = 0) -> list[Diagnosis]:
    """
    Look at settings, files, database and keys; nothing is changed, and nothing of a secret is told.

    Args:
        tools: the story's tools.
        head: the newest migration of this release.
        measure_seconds: for how long it may sign, several times, to tell how fast it can; 0 to leave it out.
    """
    facts, unknown = _look_at_database(tools)
    measured = [_signing_rate(measure(measure_seconds))] if measure_seconds else []
    of_database = unknown if facts is None else _database(facts, tools, head)
    return [*_http(tools), *_limits(tools, facts), *of_database, *measured]


def _http(tools: Tools) -> Iterator[Diagnosis]:
    issuer = urlsplit(tools.http.issuer)
    if issuer.hostname in {"127.0.0.1", "::1", "localhost"}:
        yield Diagnosis("issuer", "warning", "CHALK_ISSUER is of this machine alone: set it to the URL of clients.")
    elif issuer.scheme != "https":
        yield Diagnosis("issuer", "fault", "CHALK_ISSUER is not https: keys and tokens would travel in clear.")
    else:
        yield Diagnosis("issuer", "ok", tools.http.issuer)
    if not tools.http.trusted_proxies:
        yield Diagnosis(
            "proxy",
            "warning",
            "CHALK_TRUSTED_PROXIES names none: behind a proxy, all clients count as one address, and share its limits.",
        )
    else:
        yield Diagnosis("proxy", "ok", ", ".join(map(str, tools.http.trusted_proxies)))
    if any(each != UNIX and each.prefixlen == 0 for each in tools.http.trusted_proxies):
        yield Diagnosis("proxy", "fault", "CHALK_TRUSTED_PROXIES holds every address: anybody can claim to be another.")


def _limits(tools: Tools, facts: DatabaseFacts | None) -> Iterator[Diagnosis]:
    store = tools.shared_limits
    if store is None and tools.database.is_shared:
        # How many hosts there are, the database knows.
        if facts is not None:
            yield _limits_in_memory(facts.hosts)
    elif store is None:
        yield Diagnosis("limits", "ok", "counted in the memory of each worker, and of this machine alone")
    elif store.look("doctor") is None:
        yield Diagnosis("limits", "fault", "CHALK_LIMITS_URL does not answer; `limits.away` in the log above says why.")
    else:
        yield Diagnosis("limits", "ok", "the store of CHALK_LIMITS_URL answers")


def _limits_in_memory(hosts: Sequence[str] | None) -> Diagnosis:
    if hosts is None:
        return Diagnosis(
            "limits",
            "warning",
            "CHALK_LIMITS_URL names no store, and what stands in front of PostgreSQL hides how many hosts there are. "
            f"{_APART} Name a Redis or Valkey server, if there is more than one host.",
        )
    if len(hosts) > 1:
        named = ", ".join(hosts[:_NAMED]) + (", ..." if len(hosts) > _NAMED else "")
        return Diagnosis(
            "limits",
            "warning",
            f"CHALK_LIMITS_URL names no store, and {len(hosts)} hosts are connected to PostgreSQL ({named}). "
            f"{_APART} Name a Redis or Valkey server that all share.",
        )
    where = f"one host is connected to PostgreSQL ({hosts[0]})" if hosts else "none is connected to PostgreSQL now"
    return Diagnosis(
        "limits",
        "ok",
        "counted in the memory of each worker, and guesses up to their limit in each server; more than one host needs "
        f"a store, and {where}",
    )


def _signing_rate(rate: SigningRate) -> Diagnosis:
    said = f"{rate.a_second:.0f} signatures by RSA-2048 in a second of one processor"
    if not rate.comparable:
        return Diagnosis("signing rate", "ok", f"{said}; {VARIABLE} is for processors of x86, so nothing was compared")
    if rate.better is None or rate.faster is None:
        return Diagnosis("signing rate", "ok", f"{said}; no other {VARIABLE} is clearly faster")
    how = f"without {VARIABLE}" if rate.better == UNSET else f"with {VARIABLE}={rate.better} (no {HIDING[rate.better]})"
    return Diagnosis(
        "signing rate", "warning", f"{said}, and {rate.faster:.0f} {how} in the environment: set it so for the server."
    )


def _look_at_database(tools: Tools) -> tuple[DatabaseFacts | None, list[Diagnosis]]:
    try:
        with tools.database.reading() as connection:
            return examine(connection, now=tools.clock.now()), []
    except DatabaseAwayError:
        said = "It does not answer at CHALK_DATABASE_URL; the log above says why."
    except ConfigurationError as error:
        said = str(error)
    return None, [Diagnosis("database", "fault", said)]


def _database(facts: DatabaseFacts, tools: Tools, head: str | None) -> Iterator[Diagnosis]:
    if facts.revision != head:
        yield Diagnosis(
            "schema", "fault", f"It is at {facts.revision}, and this release at {head}. Run: chalk-auth db upgrade"
        )
        return
    yield Diagnosis("schema", "ok", f"at {head}")
    yield from _durability(facts)
    yield from _master_keys(tools)
    yield from _signing_keys(tools)


def _durability(facts: DatabaseFacts) -> Iterator[Diagnosis]:
    for risk in facts.risky:
        yield Diagnosis("database", "fault", f"{risk}: it may lose revocations that it has acknowledged. Turn it on.")
    if facts.open_to_others is not None:
        file = facts.open_to_others
        yield Diagnosis("database", "warning", f"Other users of this machine can read {file}. Run: chmod 600 {file}")
    if facts.clock_ahead is None:
        return
    off = abs(facts.clock_ahead)
    level: Level = "fault" if off > _CLOCK_IS_WRONG else "warning" if off > _CLOCK_IS_OFF else "ok"
    seconds = facts.clock_ahead.total_seconds()
    said = "agrees with that of the database" if level == "ok" else f"differs from the database's by {seconds:+.0f} s"
    yield Diagnosis("clock", level, f"This machine's clock {said}." + (" Run NTP on both." if level != "ok" else ""))


def _master_keys(tools: Tools) -> Iterator[Diagnosis]:
    with tools.database.reading() as connection:
        uses = steps.uses_of_master_keys(connection, tools)
    missing = [each.id for each in uses if not each.known and each.needed]
    for each in missing:
        yield Diagnosis(
            "master key",
            "fault",
            f"{each} is not on this host, and things hang on it. Copy keys/master-{each}.key here.",
        )
    if not missing:
        yield Diagnosis("master key", "ok", f"{len(uses)} known, {uses[0].id} is current")


def _signing_keys(tools: Tools) -> Iterator[Diagnosis]:
    now = tools.clock.now()
    with tools.database.reading() as connection:
        records = signing_keys.records(connection)
        try:
            signer = tools.keyring.fill(connection, now=now)
        except ConfigurationError as error:
            yield Diagnosis("signing keys", "fault", str(error))
            return
    if not records:
        yield Diagnosis("signing keys", "ok", "none yet: the first request makes two")
        return
    ages = tools.keyring.ages(tools.schedule, now=now)
    if signer is None:
        yield Diagnosis(
            "signing keys", "fault", "None is active: nothing can be signed. Start the server, or look at its log."
        )
    elif ages.rotation_due is not None and ages.rotation_due < timedelta():
        yield Diagnosis(
            "signing keys", "warning", "The rotation is overdue. It takes place when the server gets requests."
        )
    elif not ages.counts["standby"]:
        yield Diagnosis("signing keys", "warning", "None stands by: the next rotation or emergency finds no key.")
    else:
        yield Diagnosis("signing keys", "ok", "one is active, one stands by")
