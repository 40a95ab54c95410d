"""
Whether anything that the suite logs holds a secret: what every logger says at DEBUG, in every test.

What is judged is what a server would write: a record of a library may hold a token (Authlib logs the ones that it gives
out), as long as our lines blot it out. Our own loggers are not given one to begin with.
"""

import logging
import re
import threading
from pathlib import Path

from app.foundation.logs import JsonLines
from tests.clock import StillClock

_OURS = ("app", "chalk")
_OUR_LINE = re.compile(r'"logger":"(?:app|chalk)[".]')
# What a secret begins with, or stands beside; most records hold none of these, and are not looked at more closely.
_MARKS = ("k_live_", "k_test_", "eyJ", "PRIVATE KEY", '"d"', "'d'", "asic ", "1hc3Rlc")
SECRETS = re.compile(
    r"[a-z]k_(?:live|test)_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}"  # an API key
    r"|eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]{16,}"  # an access or refresh token, an assertion
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|[\"']d[\"']: ?[\"'][\w-]{16,}"  # a private JWK
    r"|(?i:basic) [A-Za-z0-9+/]{40,}"
    r"|dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3Qgc3VpdGU"  # the master key of tests/conftest.py
)


class LogWatch(logging.Handler):
    """Remembers the records that would have shown a secret, without the secret."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._written = JsonLines(StillClock())
        self._found: list[str] = []
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record."""
        text = record.getMessage()
        fields = getattr(record, "fields", None)
        if fields is not None:
            text = f"{text} {fields}"
        if record.exc_info or any(mark in text for mark in _MARKS):
            raw = text if record.name.partition(".")[0] in _OURS else ""
            self.look(f"{raw} {self._written.format(record)}", record.name)

    def look(self, text: str, where: str) -> None:
        """Look at what was written somewhere."""
        found = SECRETS.search(text)
        if found is not None:
            beginning = text[max(0, found.start() - 60) : found.start() + 8]
            with self._guard:
                self._found.append(f"{where}: {beginning}...")

    def look_at_lines(self, text: str, where: str) -> None:
        """Look at the log of a server, in which our own loggers have not been given anything to blot out, either."""
        self.look(text, where)
        given = next((line for line in text.splitlines() if "***" in line and _OUR_LINE.search(line)), None)
        if given is not None:
            with self._guard:
                self._found.append(f"{where}: {given[:200]}")

    def take(self) -> list[str]:
        """Give where secrets were found since this was asked last."""
        with self._guard:
            found, self._found = self._found, []
        return found


WATCH = LogWatch()


def look_at(folder: Path) -> None:
    """Look at all logs in a folder."""
    for each in sorted(folder.glob("*.log")):
        WATCH.look(each.read_text(errors="replace"), each.name)


def begin() -> None:
    """Watch every logger of this process from now on."""
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    root.addHandler(WATCH)
