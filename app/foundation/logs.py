"""Logs as JSON lines on standard error, with every secret blotted out before a line is written."""

import contextlib
import contextvars
import logging
import re
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

import msgspec

from app.foundation.clock import Clock, rfc3339

_EVENTS = logging.getLogger("chalk.events")
_WARNINGS = logging.getLogger("chalk.warnings")

_LONGEST = 20_000

# What every line of a request says beside its own fields.
_CONTEXT: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar("context", default=None)

# Where a word begins, also behind an escape of a URL (`%3D`).
_BEGIN = r"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2}))"

# Deliberately wider than our own formats: a secret that lost a character, or belongs to a neighbour, is still one.
_SECRETS = (
    (re.compile(r"(?i)([sa]k(?:_|%5F)(?:live|test)(?:_|%5F)[0-9a-z]{8}(?:_|%5F))[0-9a-z]+"), r"\1***"),
    (re.compile(_BEGIN + r"eyJ[\w-]+(?:\.[\w-]*){1,4}"), "***"),
    (re.compile(r"(?i)" + _BEGIN + r"(basic|bearer)((?: |%20|\+)+)[\w.~+/=-]{8,}"), r"\1\2***"),
    (
        re.compile(
            r"(?i)((?:client_secret|client_assertion|subject_token|api_key|refresh_token|access_token|master_key|password)"
            r"[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s\"'&,}]+)"
        ),
        r"\1***",
    ),
    # PostgreSQL quotes a whole row there.
    (re.compile(r"(DETAIL:\s*)\S[^\n]*"), r"\1***"),
    (re.compile(r"(?i)((?<!\w)\w{1,30}://[^\s:/@]{0,100}:)[^\s]{1,200}@"), r"\1***@"),
)

# One of these stands in whatever any of the patterns finds. Nearly no text has one, and looking for words costs less.
_SUSPICIOUS = (
    *("ak_", "sk_", "ak%5f", "sk%5f", "eyj", "basic", "bearer", "client_secret", "client_assertion"),
    *("_token", "api_key", "master_key", "password", "detail:", "://"),
)


def blot(text: str) -> str:
    """Replace whatever looks like an API key, a JWT, a credential header or a password by `***`."""
    if len(text) > _LONGEST:
        # Bounded: the patterns must not hold up a worker over a megabyte that somebody sent. Two words go on
        # either side of the cut, so that no half of a secret is left, and none without the word that tells it.
        head, tail = text[: _LONGEST // 2].rsplit(None, 2), text[-_LONGEST // 2 :].split(None, 2)
        text = f"{head[0] if len(head) > 2 else ''} [...] {tail[2] if len(tail) > 2 else ''}"
    if _is_suspicious(text):
        for pattern, replacement in _SECRETS:
            text = pattern.sub(replacement, text)
    return text


def _is_suspicious(text: str) -> bool:
    # Folded, as the patterns see it: they take a long s for an s, and an i with or without its dot for an i.
    folded = text.lower() if text.isascii() else text.casefold().replace("\u0131", "i").replace("\u0307", "")
    return any(word in folded for word in _SUSPICIOUS)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, whose request it is, the event's fields, the exception."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        """Print a record, blotted: the message, its fields and its stack trace alike."""
        said = (record.levelname, record.name, record.getMessage(), getattr(record, "fields", {}))
        return self.line(*said, self.formatException(record.exc_info) if record.exc_info else None)

    def line(
        self, level: str, logger: str, message: str, fields: Mapping[str, object], exception: str | None = None
    ) -> str:
        """Print a line of this moment, of whatever request this thread works on."""
        line: dict[str, object] = {
            "at": rfc3339(self._clock.now()),
            "level": level.lower(),
            "logger": logger,
            "message": message,
            **(_CONTEXT.get() or {}),
            **fields,
        }
        if exception is not None:
            line["exception"] = exception
        printed = msgspec.json.encode(line).decode()
        if not _is_suspicious(printed):
            return printed
        # Blotted before it is encoded: escapes hide where a secret begins. They hide none of the words above.
        blotted = {name: blot(value) if isinstance(value, str) else value for name, value in line.items()}
        return msgspec.json.encode(blotted).decode()


class _Lines(logging.StreamHandler[TextIO]):
    """Standard error, of which every line is ours; `write` is for what is written all day."""

    def __init__(self, lines: JsonLines) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(lines)
        self._lines = lines

    def write(self, level: str, logger: str, message: str, fields: Mapping[str, object]) -> None:
        printed = self._lines.line(level, logger, message, fields) + self.terminator
        self.acquire()
        try:
            # Who cannot write to standard error has nowhere to say so.
            with contextlib.suppress(OSError, ValueError):
                self.stream.write(printed)
                self.stream.flush()
        finally:
            self.release()


def start(level: str, clock: Clock) -> None:
    """Send every logger of the process to standard error as JSON lines, from `level` upwards."""
    # Nothing of this is in our lines, and to find it out costs more than to write one (the logging HOWTO has it).
    logging._srcfile = None  # noqa: SLF001  as that HOWTO says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = _Lines(JsonLines(clock))
    handler.setLevel(level)
    logging.basicConfig(level=level, handlers=[handler])


def of_request(logger: logging.Logger, level: int, message: str, fields: Mapping[str, object]) -> None:
    """
    Log the line of a request, like `logger.log`; where nobody else listens, without all that `logging` does for others.
    """
    if not logger.isEnabledFor(level):
        return
    handlers = logging.getLogger().handlers
    if len(handlers) == 1 and isinstance(handlers[0], _Lines) and level >= handlers[0].level:
        handlers[0].write(logging.getLevelName(level), logger.name, message, fields)
        return
    logger.log(level, message, extra={"fields": fields})


class _Listener(logging.Handler):
    def __init__(self, heard: Callable[[str], object]) -> None:
        super().__init__(logging.INFO)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard(str(record.msg))


def begin(request_id: str) -> None:
    """Begin a request: from now on every line of this thread says its id."""
    _CONTEXT.set({"request_id": request_id})


def about(**fields: str | None) -> None:
    """Say in every further line of this request whom it is about: ids only, never a token."""
    known = _CONTEXT.get()
    if known is not None:
        known.update({name: value for name, value in fields.items() if value is not None})


def known() -> Mapping[str, str]:
    """Give what every line of this request says of it."""
    return _CONTEXT.get() or {}


def end() -> None:
    """End a request."""
    _CONTEXT.set(None)


def warn(message: str, *cause: object) -> None:
    """Warn the operator of something that went on without harm, for now; `%s` in the message is the cause, if any."""
    _WARNINGS.warning(message, *cause)


def listen(heard: Callable[[str], object]) -> None:
    """Let every event of this process be heard, by its name; whoever heard them before a fork does so no longer."""
    # Also where they are not logged.
    _EVENTS.setLevel(logging.INFO)
    _EVENTS.handlers.clear()
    _EVENTS.addHandler(_Listener(heard))


def event(name: str, **fields: str | int | None) -> None:
    """Note that something worth knowing happened: ids and numbers only, never a token."""
    _EVENTS.info(name, extra={"fields": fields})
