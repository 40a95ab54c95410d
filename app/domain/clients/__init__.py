"""A client may authenticate with a key pair of its own instead of an API key (private_key_jwt)."""

from app.domain.clients.assertions import ALGORITHMS, Assertion, forget, parse, spend, verify
from app.domain.clients.fetch import parse as parse_url
from app.domain.clients.jwks import Keys, importable
from app.domain.clients.remote import RemoteKeys

__all__ = [
    "ALGORITHMS",
    "Assertion",
    "Keys",
    "RemoteKeys",
    "forget",
    "importable",
    "parse",
    "parse_url",
    "spend",
    "verify",
]
