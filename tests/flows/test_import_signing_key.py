"""Bring a signing key of one's own: it waits as any other does, and then signs."""

import base64
import json
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from app.flows.activate_signing_key import activate_signing_key
from app.flows.import_signing_key import import_signing_key
from app.flows.refusals import InvalidRequestError, UnsafeKeyStepError
from app.flows.revoke_signing_key import revoke_signing_key
from app.flows.tend_signing_keys import tend_signing_keys
from tests.adversary.races import at_once
from tests.builders import a_pair, a_tenant
from tests.forgery import header_of
from tests.signing_keys import published_by, record, records, the, verify

PKCS8, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL


def an_rsa_key(bits=2048):
    return rsa.generate_private_key(65537, bits)


def an_ec_key(curve=None):
    return ec.generate_private_key(curve or ec.SECP256R1())


def pem(key, form=PKCS8, password=None):
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, form, encryption)


def of_an_unknown_algorithm():
    der = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PKCS8, NoEncryption())
    body = base64.encodebytes(der.replace(b"\x2b\x65\x70", b"\x2b\x65\x63"))
    return b"-----BEGIN PRIVATE KEY-----\n" + body + b"-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("RS256", lambda: pem(an_rsa_key())),
        ("RS256", lambda: pem(an_rsa_key(), TRADITIONAL)),
        ("RS256-3072", lambda: pem(an_rsa_key(3072))),
        ("PS256", lambda: pem(an_rsa_key())),
        ("ES256", lambda: pem(an_ec_key())),
        ("ES256", lambda: pem(an_ec_key(), TRADITIONAL)),
        ("Ed25519", lambda: pem(ed25519.Ed25519PrivateKey.generate())),
    ],
)
def test_an_imported_key_waits_and_then_signs(worker, clock, kind, make):
    """
    CONTRACT 7, E1, E2: in place of the standby, refused before its time, recorded by its thumbprint, and published
    without its private half.
    """
    tools = worker(SIGNING_ALGORITHM=kind)
    tend_signing_keys(tools)
    replaced, active = the(tools, "standby"), the(tools, "active")

    kid = import_signing_key(make(), tools)

    assert (the(tools, "standby"), the(tools, "active")) == (kid, active)
    assert record(tools, replaced).state == "revoked"
    assert published_by(tools).keys() == {active, kid}
    with pytest.raises(UnsafeKeyStepError):
        activate_signing_key(kid, None, tools)
    clock.step(minutes=11)
    activate_signing_key(kid, None, tools)
    token = a_pair(tools, a_tenant(tools)).access_token
    assert header_of(token) == {"alg": kind.partition("-")[0], "typ": "at+jwt", "kid": kid}
    verify(token, published_by(tools))


WRONG = {
    "nothing": lambda: b"",
    "noise": lambda: b"\xff\x00\xfe",
    "text": lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "cut off": lambda: pem(an_ec_key())[:120],
    "a public key": lambda: an_ec_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "encrypted": lambda: pem(an_ec_key(), PKCS8, b"password"),
    "encrypted the old way": lambda: pem(an_ec_key(), TRADITIONAL, b"password"),
    "encrypted RSA": lambda: pem(an_rsa_key(), PKCS8, b"password"),
    "RSA": lambda: pem(an_rsa_key()),
    "short RSA": lambda: pem(an_rsa_key(1024)),
    "Ed25519": lambda: pem(ed25519.Ed25519PrivateKey.generate()),
    "P-384": lambda: pem(an_ec_key(ec.SECP384R1())),
    "secp256k1": lambda: pem(an_ec_key(ec.SECP256K1())),
    "P-224": lambda: pem(an_ec_key(ec.SECP224R1())),
    "brainpool": lambda: pem(an_ec_key(ec.BrainpoolP256R1())),
    "DSA": lambda: pem(dsa.generate_private_key(2048)),
    "X25519": lambda: pem(x25519.X25519PrivateKey.generate()),
    "Ed448": lambda: pem(ed448.Ed448PrivateKey.generate()),
    "unknown algorithm": of_an_unknown_algorithm,
    "a secret as a JWK": lambda: json.dumps({"kty": "oct", "k": "AAAA"}).encode(),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_sign_is_refused(worker, wrong):
    """
    E1, D11: no private key of exactly the configured kind, or locked by a password; in a sentence, and nothing changes.
    """
    tools = worker(SIGNING_ALGORITHM="ES256")
    tend_signing_keys(tools)
    before = records(tools)

    with pytest.raises(InvalidRequestError) as refusal:
        import_signing_key(WRONG[wrong](), tools)

    assert refusal.value.problem == "must be an unencrypted private key of the kind ES256"
    assert records(tools) == before


@pytest.mark.parametrize(("kind", "bits"), [("RS256", 3072), ("RS256-3072", 2048), ("PS256", 3072), ("Ed25519", 2048)])
def test_a_key_of_another_size_is_of_another_kind(worker, kind, bits):
    """
    D11: what the setting says is what signs.
    """
    tools = worker(SIGNING_ALGORITHM=kind)
    with pytest.raises(InvalidRequestError):
        import_signing_key(pem(an_rsa_key(bits)), tools)
    assert records(tools) == []


def test_a_key_that_was_ever_published_does_not_come_back(worker):
    """
    E6: neither while it is there, nor after it was revoked; the standby of before goes on waiting.
    """
    tools = worker(SIGNING_ALGORITHM="ES256")
    tend_signing_keys(tools)
    text = pem(an_ec_key())
    kid = import_signing_key(text, tools)
    for _ in range(2):
        before = records(tools)
        with pytest.raises(InvalidRequestError):
            import_signing_key(text, tools)
        assert records(tools) == before
        if record(tools, kid).state == "standby":
            revoke_signing_key(kid, "it leaked", tools)


def test_keys_that_are_imported_at_once_leave_one_that_waits(worker):
    """
    E3: whatever races, also with the schedule; none fails but by a refusal.
    """
    many = [worker(SIGNING_ALGORITHM="ES256") for _ in range(8)]
    for each in many:
        tend_signing_keys(each)
    active, texts = the(many[0], "active"), [pem(an_ec_key()) for _ in many]

    def act(number):
        tend_signing_keys(many[number])
        try:
            return import_signing_key(texts[number], many[number])
        except InvalidRequestError:
            return None

    got = at_once([partial(act, number) for number in range(8)])

    assert the(many[0], "active") == active
    assert the(many[0], "standby") in got
