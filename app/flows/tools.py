"""What a story may reach for: one frozen value, made at start."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.domain import access_tokens, api_keys, clients, rate_limits, refresh_tokens, signing_keys
from app.domain.signing_keys import WrappingKey, WrappingKeys
from app.foundation.clock import Clock
from app.foundation.database import Database
from app.foundation.errors import ConfigurationError
from app.foundation.master_key import MasterKey
from app.foundation.master_keys import MasterKeys
from app.foundation.metrics import Metrics
from app.foundation.pages import Cursors
from app.settings import HttpSettings, LimitSettings, RoleSettings, Settings


@dataclass(frozen=True)
class Tools:
    """
    The clock, the database, the keys and the numbers that stories work with.

    `keys_directory` is where the master keys lie; None when they come from the environment. `shared_limits` is the
    store that limits are counted in; None when they are counted in memory.
    """

    clock: Clock
    database: Database
    masters: MasterKeys
    keys_directory: Path | None
    keyring: signing_keys.Keyring
    schedule: signing_keys.Schedule
    families: refresh_tokens.Policy
    remote_keys: clients.RemoteKeys
    guesses: rate_limits.Guesses
    quotas: rate_limits.Quotas
    shared_limits: rate_limits.Shared | None
    known_keys: api_keys.KnownKeys
    uses: api_keys.Uses
    metrics: Metrics
    sightings: api_keys.Sightings
    scope_of_role: Mapping[str, str]
    access_ttl_seconds: int
    keep_ended: timedelta
    keep_events: timedelta
    http: HttpSettings

    @property
    def master(self) -> MasterKey:
        """Give the master key under which things are made now."""
        return self.masters.current

    @property
    def peppers(self) -> Sequence[api_keys.Pepper]:
        """Give the peppers of API keys, the current one first."""
        return [api_keys.Pepper(master.id, master.pepper) for master in self.masters.all]

    @property
    def refresh_keys(self) -> refresh_tokens.RefreshKeys:
        """Give the keys that sign refresh tokens."""
        masters = self.masters.all
        return refresh_tokens.RefreshKeys(masters[0].id, {master.id: master.refresh_key for master in masters})

    @property
    def cursors(self) -> Cursors:
        """Give what seals cursors."""
        current, *older = self.masters.all
        return Cursors(current.cursors, [master.cursors for master in older])


def lay_out(clock: Clock, database: Database, masters: MasterKeys, settings: Settings) -> Tools:
    """Put the tools together; keys are parsed here, once a process."""
    keys, lifetimes, http, limits = settings.keys, settings.lifetimes, settings.http, settings.limits
    shared = None if limits.url is None else rate_limits.Shared(limits.url, clock)
    metrics = Metrics()
    database.listen(metrics.failed)
    return Tools(
        clock=clock,
        database=database,
        masters=masters,
        keys_directory=Path(keys.directory) if keys.master_key is None else None,
        keyring=signing_keys.Keyring(_wrapping_keys(masters)),
        schedule=signing_keys.Schedule(
            kind=keys.signing_algorithm,
            rotate_after=timedelta(days=keys.signing_key_days),
            jwks_max_age=timedelta(seconds=keys.jwks_max_age_seconds),
            access_ttl=timedelta(seconds=lifetimes.access_ttl_seconds),
            keyring_max_age=timedelta(seconds=keys.keyring_max_age_seconds),
        ),
        families=refresh_tokens.Policy(
            of_tenants=_life(lifetimes.refresh_idle_seconds, lifetimes.refresh_absolute_seconds),
            of_participants=_life(lifetimes.participant_idle_seconds, lifetimes.participant_absolute_seconds),
            retry_seconds=lifetimes.refresh_retry_seconds,
            current_kid=lambda: masters.current.id,
        ),
        guesses=_guesses(limits, clock, masters, shared),
        quotas=rate_limits.Quotas(
            limits.requests_per_key, limits.tokens_per_tenant, limits.tokens_per_session, clock, shared
        ),
        shared_limits=shared,
        known_keys=api_keys.KnownKeys(),
        uses=api_keys.Uses(),
        metrics=metrics,
        sightings=api_keys.Sightings(),
        remote_keys=clients.RemoteKeys(frozenset(http.private_jwks_hosts)),
        scope_of_role=_scopes(settings.roles),
        access_ttl_seconds=lifetimes.access_ttl_seconds,
        keep_ended=timedelta(days=lifetimes.keep_ended_days),
        keep_events=timedelta(days=lifetimes.keep_events_days),
        http=http,
    )


def _guesses(
    limits: LimitSettings, clock: Clock, masters: MasterKeys, shared: rate_limits.Shared | None
) -> rate_limits.Guesses:
    # What works is told to the others as codes that all of them, and nobody else, can make.
    code_key = None if shared is None else lambda: masters.current.guesses
    # Who counts alone hears a share of what all may hear together.
    counting_apart = 1 if shared is not None else limits.workers or 1
    per_source = rate_limits.share(limits.guesses_per_source, counting_apart)
    per_credential = rate_limits.share(limits.guesses_per_credential, counting_apart)
    return rate_limits.Guesses(per_source, per_credential, clock, shared, code_key)


def _life(idle_seconds: int, absolute_seconds: int) -> refresh_tokens.Life:
    return refresh_tokens.Life(timedelta(seconds=idle_seconds), timedelta(seconds=absolute_seconds))


def _scopes(roles: RoleSettings) -> dict[str, str]:
    # Which scopes there are, the settings cannot know.
    of_role = dataclasses.asdict(roles)
    for role, scope in of_role.items():
        if access_tokens.narrow(scope, access_tokens.ALL_BUT_OFFLINE) is None:
            raise ConfigurationError(
                f"The settings are not usable:\nCHALK_{role.upper()}_SCOPE: must be scopes that exist, "
                "with spaces between"
            )
    return of_role


def _wrapping_keys(masters: MasterKeys) -> WrappingKeys:
    def of(master: MasterKey | None) -> WrappingKey | None:
        return None if master is None else WrappingKey(master.id, master.wrapping)

    return WrappingKeys(
        lambda: WrappingKey(masters.current.id, masters.current.wrapping), lambda key_id: of(masters.find(key_id))
    )
