"""Values of environment variables: how they are written, and what is wanted when they are not."""

import ipaddress
import re
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Whoever is connected over a unix socket, which has no addresses.
UNIX: Literal["unix"] = "unix"
Proxy = Network | Literal["unix"]


def whole(low: int, high: int) -> Callable[[str], int]:
    """Read a whole number within bounds; what it gives raises ValueError with what is wanted, as all here do."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def url(text: str) -> str:
    """Read the URL of a server, compared byte for byte: no trailing slash."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~-]+)*", text):
        raise ValueError("an http or https URL of plain characters, without a trailing slash, query or fragment")
    return text


def urls(text: str) -> tuple[str, ...]:
    """Read URLs of resources, with commas between; one that stands twice counts once."""
    # A resource's URL is compared byte for byte, and may end with a slash, unlike an issuer.
    given = [one.strip() for one in text.split(",") if one.strip()]
    for one in given:
        url(one.removesuffix("/"))
    return tuple(dict.fromkeys(given))


def limits_url(text: str) -> str | None:
    """Read where counters lie: None for this process's memory, or the URL of a server."""
    if text == "memory://":
        return None
    wanted = "memory://, or the URL of a server: redis://, rediss://, redis+unix://, or valkey in place of redis"
    try:
        url = urlsplit(text)
        scheme = url.scheme.replace("valkey", "redis", 1)
        place = url.path if scheme == "redis+unix" else url.hostname
        known = scheme in {"redis", "rediss", "redis+unix"} and bool(place) and url.port != 0
    except ValueError:
        # A port that is none.
        known = False
    if not known:
        raise ValueError(wanted)
    return text


def proxies(text: str) -> tuple[Proxy, ...]:
    """Read addresses and networks, or `unix`, with commas between."""
    given = [one.strip() for one in text.split(",") if one.strip()]
    try:
        return tuple(UNIX if one == UNIX else ipaddress.ip_network(one) for one in given)
    except ValueError as error:
        raise ValueError("addresses or networks like 10.0.0.0/8 or ::1, or unix, with commas between") from error


def one_of(*choices: str) -> Callable[[str], str]:
    """Read one of some words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    return parse
