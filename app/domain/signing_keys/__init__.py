"""A signing key makes access tokens; its public half is published, so that anyone can verify them."""

from app.domain.signing_keys.keyring import Keyring, Signer
from app.domain.signing_keys.keys import ensure_active
from app.domain.signing_keys.wrapping import WrappingKey

__all__ = ["Keyring", "Signer", "WrappingKey", "ensure_active"]
