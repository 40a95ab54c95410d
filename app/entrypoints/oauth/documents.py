"""GET /.well-known/*: what verifiers and clients read, from memory and with the database down."""

import msgspec
from flask import Response

from app.entrypoints.headers import document
from app.entrypoints.oauth.bodies import JwksAnswer, ResourceMetadata, ServerMetadata
from app.entrypoints.operations import Operation, describes
from app.entrypoints.wiring import wired
from app.flows.look_up import look_up_jwks
from app.protocol import metadata


@describes(Operation(answers={200: JwksAnswer}, content_type="application/jwk-set+json", cached=True))
def jwks() -> Response:
    """Publish the keys that access tokens are verified with (RFC 7517)."""
    return _document(look_up_jwks(wired().tools), "application/jwk-set+json")


@describes(Operation(answers={200: ServerMetadata}, cached=True))
def server_metadata() -> Response:
    """Publish the authorization server's metadata (RFC 8414)."""
    return _document(msgspec.json.encode(metadata.describe_server(wired().server)), "application/json")


@describes(Operation(answers={200: ResourceMetadata}, cached=True))
def resource_metadata() -> Response:
    """Publish the metadata of the rooms API as a protected resource (RFC 9728)."""
    return _document(msgspec.json.encode(metadata.describe_resource(wired().server)), "application/json")


def _document(content: bytes, content_type: str) -> Response:
    return document(content, content_type, wired().jwks_max_age_seconds)
