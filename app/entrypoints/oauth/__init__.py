"""The OAuth dialect, `/oauth/*` and `/.well-known/*`: the RFCs' own words, without an envelope."""

from flask import Blueprint

from app.entrypoints.oauth import documents, endpoints
from app.entrypoints.oauth.bodies import ErrorAnswer
from app.entrypoints.oauth.errors import refuse
from app.entrypoints.operations import FORM, Dialect
from app.entrypoints.wiring import Lane
from app.protocol import metadata
from app.protocol.errors import TABLE

__all__ = ["DIALECT", "LANES", "blueprint", "refuse"]

DIALECT = Dialect(("/oauth", "/.well-known"), ErrorAnswer, lambda refusal: TABLE[refusal][0])
LANES = (Lane(metadata.TOKEN_PATH, FORM, endpoints.token_at_once, refuse),)


def blueprint(issuer: str, resource: str) -> Blueprint:
    """Give all routes of the dialect; a path of the issuer or of the resource stands at the end of its document's."""
    door = Blueprint("oauth", __name__)
    door.add_url_rule(metadata.TOKEN_PATH, view_func=endpoints.token, methods=["POST"])
    door.add_url_rule(metadata.REVOCATION_PATH, view_func=endpoints.revoke, methods=["POST"])
    door.add_url_rule(metadata.INTROSPECTION_PATH, view_func=endpoints.introspect, methods=["POST"])
    door.add_url_rule(metadata.JWKS_PATH, view_func=documents.jwks)
    door.add_url_rule(metadata.server_path(issuer), view_func=documents.server_metadata)
    door.add_url_rule(metadata.resource_path(resource), view_func=documents.resource_metadata)
    return door
