"""Answers of HTTP/1.1, as far as a measurement needs them."""

from dataclasses import dataclass


class AnswerError(Exception):
    """An answer is not what it must be; the measurement is worth nothing."""


@dataclass(frozen=True)
class Answer:
    """A status, a body, and whether the connection ends with it."""

    status: int
    body: bytes
    closes: bool


def parsed(content: bytes) -> Answer | None:
    """Read an answer; None when a part of it is still to come."""
    head, end, body = content.partition(b"\r\n\r\n")
    if not end:
        return None
    fields = _fields(head)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        whole = _unchunked(body)
    else:
        length = int(fields.get(b"content-length", b"0"))
        whole = body if len(body) >= length else None
    if whole is None:
        return None
    return Answer(int(head[9:12]), whole, fields.get(b"connection", b"").lower() == b"close")


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    return {name.lower(): value.strip() for name, _, value in lines}


def _unchunked(body: bytes) -> bytes | None:
    whole = b""
    while True:
        size, end, rest = body.partition(b"\r\n")
        length = int(size, 16) if end else -1
        if length < 0 or len(rest) < length + 2:
            return None
        if length == 0:
            return whole
        whole, body = whole + rest[:length], rest[length + 2 :]
