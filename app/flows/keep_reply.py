"""What became of a request in; nothing out, and its reply is kept."""

from typing import TypeVar

from app.flows import steps
from app.flows.results import Caller, Once
from app.flows.tools import Tools

Result = TypeVar("Result")


def keep_reply(caller: Caller, once: Once[Result], result: Result, tools: Tools) -> None:
    """
    Keep the reply to a request that several transactions have done, each once.

    Raises:
        AlreadyDone, IdempotencyKeyReusedError: see `steps.begin_once`: another of the same requests was faster.
    """
    line = steps.line_of(caller)
    with tools.database.transaction() as connection:
        steps.begin_once(connection, once, line, tools)
        steps.end_once(connection, once, line, result, tools)
