"""A tenant is a customer of the platform: it has a name, limits, API keys and rooms of its own."""

from app.domain.tenants.tenants import Changes, Limits, Tenant, change, close, find, hold, open_tenant, page

__all__ = ["Changes", "Limits", "Tenant", "change", "close", "find", "hold", "open_tenant", "page"]
