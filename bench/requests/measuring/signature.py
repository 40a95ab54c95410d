"""
The bare signature: RSA-2048, RS256, by the library that the server signs with, in a process that does nothing else.

Run as `python -m bench.requests.measuring.signature`: for each line with a number of seconds, it signs for so long, and
prints how many signatures that were and the nanoseconds of processor time that they took.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

_ROOT = Path(__file__).resolve().parents[3]
# As long as what is signed of an access token of ours.
_MESSAGE = b"x" * 640
_BATCH = 10


@dataclass(frozen=True)
class Signed:
    """Signatures, and the nanoseconds of processor time that they took."""

    many: int
    nanoseconds: int


class Signature:
    """A running process that signs when it is asked to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def for_seconds(self, seconds: float) -> Signed:
        """Sign for so long."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(seconds, file=self._process.stdin, flush=True)
        many, nanoseconds = self._process.stdout.readline().split()
        return Signed(int(many), int(nanoseconds))


@contextlib.contextmanager
def signature() -> Iterator[Signature]:
    """Run that process until the block ends; it is warm when the block begins."""
    command = [sys.executable, "-m", "bench.requests.measuring.signature"]
    process = subprocess.Popen(command, cwd=_ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        signing = Signature(process)
        signing.for_seconds(0.2)
        yield signing
    finally:
        process.communicate()


def _sign_as_told() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    scheme, digest = padding.PKCS1v15(), SHA256()
    for line in sys.stdin:
        many, begun, end = 0, time.process_time_ns(), time.perf_counter() + float(line)
        while time.perf_counter() < end:
            for _ in range(_BATCH):
                key.sign(_MESSAGE, scheme, digest)
            many += _BATCH
        print(many, time.process_time_ns() - begun, flush=True)


if __name__ == "__main__":
    _sign_as_told()
