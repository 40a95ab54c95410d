"""A signing key makes access tokens; its public half is published, so that anyone can verify them."""

from app.domain.signing_keys.ages import KeyAges
from app.domain.signing_keys.algorithms import ALGORITHMS, KINDS, fits, generate
from app.domain.signing_keys.keyring import Keyring, PublicKey, Signer
from app.domain.signing_keys.lifecycle import (
    Activate,
    Begin,
    Drop,
    KeyRecord,
    Publish,
    Schedule,
    Step,
    Withdraw,
    activation_is_safe_at,
    dropping_is_safe_at,
    due,
)
from app.domain.signing_keys.rotation import (
    activate,
    begin,
    drop,
    publish,
    records,
    revoke,
    rewrap,
    trusted,
    withdraw,
    wrapped,
)
from app.domain.signing_keys.timeline import KeyTimeline, timeline
from app.domain.signing_keys.wrapping import WrappingKey, WrappingKeys, read_pem

__all__ = [
    "ALGORITHMS",
    "KINDS",
    "Activate",
    "Begin",
    "Drop",
    "KeyAges",
    "KeyRecord",
    "KeyTimeline",
    "Keyring",
    "PublicKey",
    "Publish",
    "Schedule",
    "Signer",
    "Step",
    "Withdraw",
    "WrappingKey",
    "WrappingKeys",
    "activate",
    "activation_is_safe_at",
    "begin",
    "drop",
    "dropping_is_safe_at",
    "due",
    "fits",
    "generate",
    "publish",
    "read_pem",
    "records",
    "revoke",
    "rewrap",
    "timeline",
    "trusted",
    "withdraw",
    "wrapped",
]
