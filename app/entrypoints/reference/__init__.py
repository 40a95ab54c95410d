"""The reference: `/openapi.json` for both dialects, and `/docs` that shows it, with assets of our own."""

from app.entrypoints.reference.pages import blueprint

__all__ = ["blueprint"]
