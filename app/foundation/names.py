"""What people call things, and what clients call their requests."""

import re

LONGEST_NAME = 200
# No control characters, nor those that turn the text around them: the database may not take them, no name needs them.
NAME_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+(?![\s\S])"

_NAME = re.compile(NAME_PATTERN)


def is_name(text: str, longest: int = LONGEST_NAME) -> bool:
    """Tell whether a text can be a name: 1 to `longest` characters, and none that controls the text around it."""
    return len(text) <= longest and _NAME.match(text) is not None


def is_idempotency_key(text: str) -> bool:
    """Tell whether a text can be an Idempotency-Key: 16 to 255 characters of printable ASCII."""
    return 16 <= len(text) <= 255 and text.isascii() and text.isprintable()
