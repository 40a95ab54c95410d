"""What a client presents, and the client that it turns out to be."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain import api_keys, refresh_tokens
from app.flows.refusals import InvalidApiKeyError, InvalidClientError
from app.foundation.identifiers import print_id
from app.foundation.sender import NOBODY, Sender


@dataclass(frozen=True)
class Credential:
    """
    What a client presents; untrusted, never stored, never logged.

    Args:
        client_id: who it claims to be; None where the key or the assertion alone says it.
        secret: an API key.
        assertion: a JWT of RFC 7523, instead of a secret.
        sender: who presents it, as far as the network tells.
    """

    client_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)
    sender: Sender = NOBODY

    @functools.cached_property
    def presented(self) -> api_keys.PresentedKey | None:
        """Read the secret as an API key; None when it is not written like one."""
        return api_keys.parse(self.secret or "")

    @property
    def source(self) -> str | None:
        """Give the address that it comes from; None when it does not come over the network."""
        return self.sender.address


@dataclass(frozen=True)
class Client:
    """
    A client that was authenticated: by its API key, or a tenant by a key of its own, `client_kid`.

    A tenant's has the tenant and what it may ask for. `outdated` is its API key when that wants to be renewed, after
    the transaction.
    """

    tenant_id: UUID | None
    scopes: str
    key: api_keys.Key | None = None
    client_kid: str | None = None
    outdated: api_keys.PresentedKey | None = field(default=None, repr=False)

    @property
    def key_id(self) -> str | None:
        """Give the id of its API key."""
        return None if self.key is None else self.key.id

    @property
    def mode(self) -> api_keys.Mode:
        """Tell in which mode it acts; only keys are ever for tests: who has an assertion is live."""
        return "live" if self.key is None else self.key.mode

    @property
    def audience(self) -> str | None:
        """Give the audience that a resource server stands for."""
        return None if self.key is None else self.key.audience

    @property
    def key_rotating_until(self) -> datetime | None:
        """Give the end of the grace of its key."""
        return None if self.key is None else self.key.rotating_until

    @property
    def expires_at(self) -> datetime | None:
        """Give when what it opens is over, with its key."""
        return None if self.key is None else self.key.expires_at

    @property
    def standing(self) -> Mapping[str, object]:
        """Give what its key is relied on for: the parameters of `api_keys.stands`."""
        return {} if self.key is None else self.key.standing

    def owns(self, family: refresh_tokens.Family) -> bool:
        """Tell whether a session is this client's: of its tenant, and of its mode."""
        return (self.tenant_id, self.mode) == (family.tenant_id, family.mode)


def client_by_key(key: api_keys.Key, credential: Credential, outdated: api_keys.PresentedKey | None = None) -> Client:
    """
    Give the client that a key stands for, which was authenticated.

    Raises:
        InvalidApiKeyError, InvalidClientError: it is not the key of who presents it, or no client's secret.
    """
    own = api_keys.key_name(key.id) if key.tenant_id is None else print_id("tenant", key.tenant_id)
    if credential.client_id not in {None, own}:
        raise InvalidApiKeyError
    # A client that registered keys does not fall back to a secret; a key by itself is no client's secret.
    if key.assertion_only and credential.client_id is not None:
        raise InvalidClientError
    return Client(key.tenant_id, key.scopes, key, outdated=outdated)
