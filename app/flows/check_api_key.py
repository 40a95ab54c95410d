"""A string in; what it would be, if it is written like an API key. Nothing is asked of anybody."""

from dataclasses import dataclass

from app.domain import api_keys


@dataclass(frozen=True)
class WrittenKey:
    """A string that is written like a key: of which kind (`sk`, `ak`), for which mode, and by which id it would go."""

    kind: str
    mode: str
    id: str


def check_api_key(presented: str) -> WrittenKey | None:
    """
    Tell what a string would be; None when its checksum or its parts are not right. Whether there is such a key that
    works, only the server knows.
    """
    parsed = api_keys.parse(presented)
    if parsed is None:
        return None
    kind, mode, *_ = presented.split("_", 2)
    return WrittenKey(kind, mode, api_keys.key_name(parsed.id))
