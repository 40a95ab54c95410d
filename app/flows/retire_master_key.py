"""Let an older master key go."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.domain import api_keys, refresh_tokens
from app.flows import steps
from app.flows.refusals import UnsafeKeyStepError
from app.flows.results import MasterKeyUse
from app.flows.tools import Tools
from app.foundation import logs, master_key_files

# A request that began under it is over by then.
_MARGIN = timedelta(seconds=60)


def retire_master_key(key_id: str, forced: str | None, tools: Tools) -> None:
    """
    Forget a master key that nothing needs any more; its file, if it lies in one, is removed.

    Args:
        key_id: names it.
        forced: why it must go at once; living API keys and sessions that hang on it are then ended for good.
        tools: the story's tools.

    Raises:
        UnsafeKeyStepError: it is the current one, something hangs on it, or a worker may still use it.
    """
    now = tools.clock.now()
    with tools.database.reading() as connection:
        use = next((each for each in steps.uses_of_master_keys(connection, tools) if each.id == key_id), None)
        _must_be_free(use, forced is not None, tools, now)
        hanging = api_keys.living_under(connection, key_id, now=now)
    if forced is not None:
        _end(key_id, hanging, tools, now)

    # Last of all: whoever was stopped before finds it here, and goes on with what is left.
    if tools.keys_directory is not None:
        master_key_files.remove(tools.keys_directory, key_id)
        tools.masters.read_again()
    logs.event("master_key.retired", id=key_id, reason=forced)


def _end(key_id: str, hanging: Sequence[str], tools: Tools, now: datetime) -> None:
    # One key at a time, as everybody ends one: whoever is opening a session with it has opened it by then, or cannot.
    for each in hanging:
        with tools.database.transaction() as connection:
            api_keys.revoke(connection, each, now=now)
            refresh_tokens.end_all_of_key(connection, each, reason="master_key_retired", now=now)
    with tools.database.transaction() as connection:
        refresh_tokens.end_all_signed_by(connection, key_id, reason="master_key_retired", now=now)


def _must_be_free(use: MasterKeyUse | None, forced: bool, tools: Tools, now: datetime) -> None:  # noqa: FBT001
    if use is None:
        raise UnsafeKeyStepError("there is no such master key")
    if use.current:
        raise UnsafeKeyStepError("it is the current one: activate another first")
    if use.signing_keys:
        raise UnsafeKeyStepError(f"{use.signing_keys} signing keys are wrapped under it: run master-key rewrap first")
    if use.needed and not forced:
        raise UnsafeKeyStepError(
            f"{use.api_keys} API keys and {use.sessions} sessions hang on it; "
            "keys move by their next use, sessions by their next two"
        )
    if tools.keys_directory is None:
        return
    used_until = master_key_files.used_until(tools.keys_directory, use.id)
    if used_until is not None:
        settled = datetime.fromtimestamp(used_until, UTC) + tools.schedule.keyring_max_age + _MARGIN
        if now < settled:
            raise UnsafeKeyStepError("a worker may still make things under it", settled)
