"""What is said of API keys."""

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.entrypoints.chalk.dialect.bodies import Name, Request
from app.flows.refusals import InvalidRequestError
from app.flows.results import CreatedKey, Hour, KeyDetails, Mode
from app.foundation.clock import rfc3339
from app.foundation.identifiers import print_id

_MOST_METADATA_BYTES = 4096
# In JSON, and not the six characters themselves, of which the backslash is doubled.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

Scopes = Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(min_length=1, max_length=50)]
Networks = Annotated[list[Annotated[str, Meta(min_length=2, max_length=50)]], Meta(min_length=1, max_length=50)]
Moment = Annotated[datetime, Meta(tz=True)]
PerMinute = Annotated[int, Meta(ge=1, le=1_000_000)]


class CreateKeyRequest(Request, frozen=True):
    """
    POST /tenants/{id}/api-keys. Without `scopes`, it holds what the caller does; without `expires_at`, it lives as
    long as the caller's; without `allowed_cidrs`, it works from wherever that does; without `mode`, it is of the
    caller's; without `rate_limit_per_minute`, it may make as many requests. `metadata` has 4 KiB at most. A browser may
    send it only with `allow_browsers`.
    """

    name: Name
    mode: Mode | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    allowed_cidrs: Networks | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    rate_limit_per_minute: PerMinute | UnsetType | None = UNSET
    allow_browsers: bool = False


class ChangeKeyRequest(Request, frozen=True):
    """
    PATCH /tenants/{id}/api-keys/{key_id}; what is left out stays as it is. A key loses scopes and time, and gains none.
    Networks and the limit of requests lie within those of the calling key; null lets it be used from everywhere, or as
    often as is usual, if that may.
    """

    name: Name | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    expires_at: Moment | UnsetType = UNSET
    allowed_cidrs: Networks | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    rate_limit_per_minute: PerMinute | UnsetType | None = UNSET
    allow_browsers: bool | UnsetType = UNSET


class ApiKeyBody(Struct, frozen=True):
    """
    A key without its secret; a `rotating` one works until `grace_ends_at`: it was replaced by `replaced_by`, or it was
    reported as leaked, and nothing has replaced it yet. From `safe_to_retire_at` on, nobody will have used it for an
    hour, as far as is known: uses are written a minute late. `rate_limit_per_minute` is null for the usual one.
    """

    id: str
    tenant_id: str
    name: str | None
    prefix: str
    mode: Mode
    scopes: list[str]
    status: Literal["active", "rotating", "expired", "revoked"]
    allowed_cidrs: list[str] | None
    allow_browsers: bool
    metadata: dict[str, Any]
    created_at: str
    expires_at: str | None
    grace_ends_at: str | None
    revoked_at: str | None
    replaces: str | None
    replaced_by: str | None
    last_used_at: str | None
    last_used_ip: str | None
    used_in_last_hour: bool
    safe_to_retire_at: str | None
    rate_limit_per_minute: int | None


class CreatedKeyBody(ApiKeyBody, frozen=True, kw_only=True):
    """A key with its secret, shown this once."""

    api_key: str


class HourBody(Struct, frozen=True):
    """An hour, by when it begins, and how often the key was used in it."""

    hour_at: str
    uses: int


def hour_body(hour: Hour) -> HourBody:
    """Print an hour of a key."""
    return HourBody(hour_at=rfc3339(hour.at), uses=hour.uses)


def key_body(key: KeyDetails, now: datetime) -> ApiKeyBody:
    """Print a key as it stands now."""
    return ApiKeyBody(**_fields(key, now))


def created_key_body(created: CreatedKey, now: datetime) -> CreatedKeyBody:
    """Print a key that was just issued, with its secret."""
    return CreatedKeyBody(api_key=created.issued.text, **_fields(created.details, now))


def networks_asked(asked: Sequence[str] | UnsetType | None) -> list[str] | None:
    """
    Read networks; None when there are none.

    Raises:
        InvalidRequestError: one is neither an address nor a network.
    """
    if asked is UNSET or asked is None:
        return None
    try:
        return [str(_network(each)) for each in asked]
    except ValueError:
        raise InvalidRequestError("allowed_cidrs", "must be addresses, or networks like 10.0.0.0/8") from None


def moment_asked(asked: datetime | UnsetType | None) -> datetime | None:
    """
    Read a moment in UTC; None when there is none.

    Raises:
        InvalidRequestError: there is no such moment in UTC, at either end of the calendar.
    """
    if asked is UNSET or asked is None:
        return None
    try:
        return asked.astimezone(UTC)
    except OverflowError:
        raise InvalidRequestError("expires_at", "must be a moment of the calendar") from None


def metadata_asked(asked: dict[str, Any] | UnsetType) -> str | None:
    """
    Print metadata as it is kept; None when there is none.

    Raises:
        InvalidRequestError: it is longer than 4 KiB, or holds a NUL, which some databases cannot keep.
    """
    if asked is UNSET:
        return None
    text = msgspec.json.encode(asked).decode()
    if len(text.encode()) > _MOST_METADATA_BYTES:
        raise InvalidRequestError("metadata", "must be an object of at most 4096 bytes")
    if _NUL.search(text):
        raise InvalidRequestError("metadata", "must not hold the character U+0000")
    return text


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    # The interface of a link-local address (RFC 4007 section 11) may be any text, and is not of the client.
    if "%" in text:
        raise ValueError(text)
    network = ipaddress.ip_network(text)
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - 96))


def _fields(key: KeyDetails, now: datetime) -> dict[str, Any]:
    def name(key_id: str | None) -> str | None:
        return None if key_id is None else f"key_{key_id}"

    def moment(at: datetime | None) -> str | None:
        return None if at is None else rfc3339(at)

    return {
        "id": name(key.id),
        "tenant_id": print_id("tenant", key.tenant_id),
        "name": key.name,
        "prefix": f"sk_{key.mode}_{key.id}_...",
        "mode": key.mode,
        "scopes": key.scopes.split(" "),
        "status": key.status_at(now),
        "allowed_cidrs": None if key.networks is None else list(key.networks),
        "allow_browsers": key.from_browsers,
        "metadata": msgspec.Raw(b"{}" if key.metadata is None else key.metadata.encode()),
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "grace_ends_at": moment(key.grace_ends_at),
        "revoked_at": moment(key.revoked_at),
        "replaces": name(key.replaces),
        "replaced_by": name(key.replaced_by),
        "last_used_at": moment(key.last_used_at),
        "last_used_ip": key.last_used_address,
        "used_in_last_hour": key.unused_for_an_hour_at(now) > now,
        "rate_limit_per_minute": key.requests_per_minute,
        "safe_to_retire_at": moment(key.unused_for_an_hour_at(now)) if key.status_at(now) == "rotating" else None,
    }
