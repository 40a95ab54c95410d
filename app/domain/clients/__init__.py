"""A client may authenticate with a key pair of its own instead of an API key (private_key_jwt)."""

from app.domain.clients.assertions import ALGORITHMS, ASSERTION_TYPE, Assertion, VerifiedAssertion, parse, spend, verify
from app.domain.clients.jwks import Keys, RemoteKeys, importable

__all__ = [
    "ALGORITHMS",
    "ASSERTION_TYPE",
    "Assertion",
    "Keys",
    "RemoteKeys",
    "VerifiedAssertion",
    "importable",
    "parse",
    "spend",
    "verify",
]
