"""
JSON objects that say one thing: no member twice, no NaN, nothing too deep.

Source: RFC 8259 section 4; RFC 7515 section 4 and RFC 7519 section 4 let a reader refuse repeated members.
"""

import json
from typing import Any


def read_object(raw: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None for anything else."""
    try:
        read = _DECODER.decode(raw.decode())
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _refuse(_constant: str) -> None:
    raise ValueError("not a JSON number")


# Made once: `json.loads` would make one for each token.
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)
