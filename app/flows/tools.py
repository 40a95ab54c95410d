"""What a story may reach for: one frozen value, made at start."""

from dataclasses import dataclass
from datetime import timedelta

from joserfc.jwk import OctKey

from app.domain import clients, rate_limits, refresh_tokens, signing_keys
from app.domain.signing_keys import WrappingKey
from app.foundation.clock import Clock
from app.foundation.database import Database
from app.foundation.master_key import MasterKey
from app.foundation.pages import Cursors
from app.settings import HttpSettings, Settings


@dataclass(frozen=True)
class Tools:
    """The clock, the database, the keys and the numbers that stories work with."""

    clock: Clock
    database: Database
    master: MasterKey
    keyring: signing_keys.Keyring
    schedule: signing_keys.Schedule
    refresh_keys: refresh_tokens.RefreshKeys
    families: refresh_tokens.Policy
    cursors: Cursors
    remote_keys: clients.RemoteKeys
    guesses: rate_limits.Guesses
    access_ttl_seconds: int
    http: HttpSettings


def lay_out(clock: Clock, database: Database, master: MasterKey, settings: Settings) -> Tools:
    """Put the tools together; keys are parsed here, once a process."""
    keys, lifetimes, http, limits = settings.keys, settings.lifetimes, settings.http, settings.limits
    return Tools(
        clock=clock,
        database=database,
        master=master,
        keyring=signing_keys.Keyring(WrappingKey(master.id, master.wrapping)),
        schedule=signing_keys.Schedule(
            kind=keys.signing_algorithm,
            rotate_after=timedelta(days=keys.signing_key_days),
            jwks_max_age=timedelta(seconds=keys.jwks_max_age_seconds),
            access_ttl=timedelta(seconds=lifetimes.access_ttl_seconds),
            keyring_max_age=timedelta(seconds=keys.keyring_max_age_seconds),
        ),
        refresh_keys=refresh_tokens.RefreshKeys(master.id, {master.id: OctKey.import_key(master.refresh)}),
        families=refresh_tokens.Policy(
            idle=timedelta(seconds=lifetimes.refresh_idle_seconds),
            absolute=timedelta(seconds=lifetimes.refresh_absolute_seconds),
            retry_seconds=lifetimes.refresh_retry_seconds,
            refresh_kid=master.id,
        ),
        cursors=Cursors(master.cursors),
        guesses=rate_limits.Guesses(limits.guesses_per_source, limits.guesses_per_credential, clock),
        remote_keys=clients.RemoteKeys(frozenset(http.private_jwks_hosts)),
        access_ttl_seconds=lifetimes.access_ttl_seconds,
        http=http,
    )
