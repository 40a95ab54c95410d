"""
The scopes that exist, and how a request narrows them.

Source: RFC 6749 section 3.3.
"""

import functools

TENANT_READ = "tenant:read"
TENANT_WRITE = "tenant:write"
KEYS_READ = "keys:read"
KEYS_WRITE = "keys:write"
ROOMS_READ = "rooms:read"
ROOMS_WRITE = "rooms:write"
PARTICIPANTS_READ = "participants:read"
PARTICIPANTS_WRITE = "participants:write"
SESSIONS_READ = "sessions:read"
SESSIONS_WRITE = "sessions:write"
OFFLINE_ACCESS = "offline_access"

# What each scope lets its holder do; the order is the one in which they are printed.
VOCABULARY = {
    TENANT_READ: "Read the tenant.",
    TENANT_WRITE: "Change and delete the tenant.",
    KEYS_READ: "List the API keys of the tenant.",
    KEYS_WRITE: "Issue, rotate and revoke API keys of the tenant.",
    ROOMS_READ: "Read the rooms of the tenant.",
    ROOMS_WRITE: "Open and end rooms of the tenant.",
    PARTICIPANTS_READ: "List the participants of rooms.",
    PARTICIPANTS_WRITE: "Admit, change and remove participants.",
    SESSIONS_READ: "List the sessions of the tenant.",
    SESSIONS_WRITE: "End sessions of the tenant.",
    OFFLINE_ACCESS: "Receive a refresh token with the access token.",
}

# What a credential may do; a refresh token is none of it.
ALL_BUT_OFFLINE = " ".join(name for name in VOCABULARY if name != OFFLINE_ACCESS)

_LONGEST = 10_000


def narrow(asked: str, held: str) -> str | None:
    """
    Give what was asked of what is held, in the printed order; None when anything more was asked, or nothing.

    A scope is a set: order and repetition say nothing. One that is longer than all there is, many times over, is
    not read at all.
    """
    return None if len(asked) > _LONGEST else _narrow(asked, held)


@functools.lru_cache(maxsize=256)
def _narrow(asked: str, held: str) -> str | None:
    may = set(held.split(" "))
    wanted = set()
    for name in asked.split(" "):
        if name and name not in may:
            return None
        wanted.add(name)
    return " ".join(name for name in VOCABULARY if name in wanted) or None


def shared(one: str, other: str) -> str:
    """Give what stands in both, in the printed order; nothing, if nothing does."""
    both = set(one.split(" ")) & set(other.split(" "))
    return " ".join(name for name in VOCABULARY if name in both)


def without(scope: str, taken: str) -> list[str]:
    """List what a scope has beside another."""
    return [name for name in scope.split(" ") if name not in taken.split(" ")]


def one_of(scope: str, held: str) -> bool:
    """Tell whether this one scope is among those held."""
    return scope in held.split(" ")
