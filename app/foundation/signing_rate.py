"""
How fast this machine signs, and whether OpenSSL would be faster if it saw less of the processor.

OpenSSL chooses among its implementations by what the processor says it can do. On some processors, the newest one is
not the fastest; the variable `OPENSSL_ia32cap` hides abilities from it (its manual page, OPENSSL_ia32cap(3)).
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

VARIABLE = "OPENSSL_ia32cap"
UNSET = "unset"
# Bits 19 and 21 of the second vector, which is that of CPUID leaf 7: ADX, AVX512-IFMA. Both multiply large numbers.
HIDING = {":~0x80000": "ADX", ":~0x200000": "AVX512-IFMA"}
_X86 = frozenset({"x86_64", "amd64", "i686", "i386"})
# What a measurement may be wrong by, and then some.
_CLEARLY = 1.05
_ROUNDS = 3
_CHILD = "import sys; from app.foundation.signing_rate import count; print(count(sys.stdin.buffer.read(), {seconds}))"


@dataclass(frozen=True)
class SigningRate:
    """
    Signatures by RSA-2048 in a second of one processor, and the value of the variable by which there would be more.

    `better` is None when none is clearly better, and `UNSET` when that is to leave the variable out; `faster` is how
    many there would be. Nothing was compared where the processor is not of the kind that the variable is about.
    """

    a_second: float
    comparable: bool
    better: str | None = None
    faster: float | None = None


def measure(seconds: float, machine: str | None = None) -> SigningRate:
    """
    Measure how fast this machine signs, each way in processes of their own, by turns.

    Args:
        seconds: for how long each of them signs; there are some ten.
        machine: kind of processor; this machine's unless given.
    """
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    if (machine or platform.machine()).lower() not in _X86:
        return SigningRate(count(key, seconds), comparable=False)
    usual = dict(os.environ)
    ways = {"": usual} | {value: usual | {VARIABLE: value} for value in HIDING}
    if VARIABLE in usual:
        ways[UNSET] = {name: value for name, value in usual.items() if name != VARIABLE}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(_ROUNDS):
        for way, environment in ways.items():
            rates[way].append(_count_aside(key, seconds, environment))
    as_it_is = rates.pop("")
    if not all(as_it_is):
        # No process of ours can be started here.
        return SigningRate(count(key, seconds), comparable=False)
    return choose(as_it_is, rates)


def choose(usual: Sequence[float], others: Mapping[str, Sequence[float]]) -> SigningRate:
    """Tell which of the other ways is clearly faster, in each of its rounds than the usual one in any."""
    better = {way: statistics.median(rates) for way, rates in others.items() if min(rates) > max(usual) * _CLEARLY}
    rate = statistics.median(usual)
    if not better:
        return SigningRate(rate, comparable=True)
    best = max(better, key=lambda way: better[way])
    return SigningRate(rate, comparable=True, better=best, faster=better[best])


def count(key: bytes, seconds: float) -> float:
    """Give how many signatures a key (PKCS #8, DER) makes in a second of this processor, from so many seconds."""
    private = serialization.load_der_private_key(key, None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    signatures, began = 0, time.process_time()
    while (taken := time.process_time() - began) < seconds or not signatures:
        private.sign(b"what is signed does not matter", padding.PKCS1v15(), hashes.SHA256())
        signatures += 1
    return signatures / taken


def _count_aside(key: bytes, seconds: float, environment: Mapping[str, str]) -> float:
    command = [sys.executable, "-c", _CHILD.format(seconds=seconds)]
    done = subprocess.run(command, input=key, env=environment, capture_output=True, check=False)  # noqa: S603  our own
    return 0.0 if done.returncode else float(done.stdout)
