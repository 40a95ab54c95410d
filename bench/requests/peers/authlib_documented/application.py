"""
An authorization server made of what Authlib documents: Flask, Flask-SQLAlchemy, its mixins and its grants.

Run by gunicorn in an environment of its own, so nothing of this project is imported. As a script it prepares the
database, and prints the client, its secret and as many refresh tokens as it is told.

Only where the documentation leaves it open is anything chosen here: the key is read once, which is the kindest, and an
access token may be longer than the mixin's 255 characters, which no RS256 token keeps to.
"""

# mypy: ignore-errors

import json
import os
import sys
from pathlib import Path

from authlib.common.security import generate_token
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, jsonify
from flask_sqlalchemy import SQLAlchemy
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy import Column, ForeignKey, Integer, String, Text

ISSUER = "https://auth.example.com"

db = SQLAlchemy()
server = AuthorizationServer()
keys = KeySet([])


class User(db.Model):
    """Who a session is of."""

    id = Column(Integer, primary_key=True)
    username = Column(String(40), unique=True)

    def get_user_id(self):
        """Give what stands in `sub`."""
        return self.id


class Client(db.Model, OAuth2ClientMixin):
    """Who may ask for tokens."""

    __tablename__ = "oauth2_client"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey("user.id", ondelete="CASCADE"))


class Token(db.Model, OAuth2TokenMixin):
    """A token that was given away."""

    __tablename__ = "oauth2_token"
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey("user.id", ondelete="CASCADE"))
    access_token = Column(Text, unique=True, nullable=False)


class RefreshTokenGrant(grants.RefreshTokenGrant):
    """Refreshing, each time with a new refresh token."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        """Find the row of a refresh token that was not revoked."""
        token = Token.query.filter_by(refresh_token=refresh_token).first()
        return token if token and not token.is_revoked() else None

    def authenticate_user(self, refresh_token):
        """Find whose it is."""
        return db.session.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):
        """Revoke what was presented."""
        refresh_token.refresh_token_revoked_at = refresh_token.issued_at
        db.session.add(refresh_token)
        db.session.commit()


class TokenGenerator(JWTBearerTokenGenerator):
    """Access tokens as RFC 9068 has them."""

    def get_jwks(self):
        """Give the key that signs."""
        return keys


def create_app():
    """Build the application; the database and the key are named by the environment."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["BENCH_DATABASE_URL"]
    db.init_app(app)
    keys.keys[:] = [RSAKey.import_key(json.loads(Path(os.environ["BENCH_KEY_FILE"]).read_text(encoding="ascii")))]
    server.init_app(app, create_query_client_func(db.session, Client), create_save_token_func(db.session, Token))
    server.register_token_generator(
        "default", TokenGenerator(ISSUER, refresh_token_generator=lambda **_: generate_token(48))
    )
    server.register_grant(grants.ClientCredentialsGrant)
    server.register_grant(RefreshTokenGrant)

    @app.post("/oauth/token")
    def issue_token():
        return server.create_token_response()

    @app.get("/jwks")
    def jwks():
        return jsonify(keys.as_dict(private=False))

    return app


def prepare(sessions):
    """Make the tables, a client, a user and so many refresh tokens, and give them in one dictionary."""
    client = Client(client_id="client", client_secret="secret-" + os.urandom(16).hex(), user_id=1)
    client.set_client_metadata(
        {
            "grant_types": ["client_credentials", "refresh_token"],
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": "rooms:read",
        }
    )
    made = {"id": client.client_id, "secret": client.client_secret, "refresh_tokens": []}
    db.create_all()
    db.session.add(User(id=1, username="ada"))
    db.session.flush()
    db.session.add(client)
    for number in range(sessions):
        token = Token(client_id="client", user_id=1, token_type="Bearer", scope="rooms:read", expires_in=864000)
        token.access_token, token.refresh_token = f"before-{number}", os.urandom(24).hex()
        made["refresh_tokens"].append(token.refresh_token)
        db.session.add(token)
    db.session.commit()
    return made


if __name__ == "__main__":
    with create_app().app_context():
        print(json.dumps(prepare(int(sys.argv[1]))))
