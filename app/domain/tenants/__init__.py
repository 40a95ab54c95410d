"""A tenant is a customer of the platform: it has a name, limits, API keys and rooms of its own."""

from app.domain.tenants.tenants import (
    Changes,
    ClientKeys,
    Limits,
    OnLeak,
    Tenant,
    change,
    close,
    find,
    find_to_lean_on,
    hold,
    open_tenant,
    page,
)

__all__ = [
    "Changes",
    "ClientKeys",
    "Limits",
    "OnLeak",
    "Tenant",
    "change",
    "close",
    "find",
    "find_to_lean_on",
    "hold",
    "open_tenant",
    "page",
]
