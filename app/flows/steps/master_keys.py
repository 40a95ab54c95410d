"""What hangs on a master key: found under whichever one it was made, and renewed under the current one."""

import functools
import itertools
from datetime import datetime

from app.domain import api_keys, refresh_tokens, signing_keys
from app.flows.refusals import DatabaseAwayError, MasterKeyAwayError
from app.flows.results import MasterKeyUse
from app.flows.tools import Tools
from app.foundation import logs, opaque
from app.foundation.database import Connection, Direct

Admissible = api_keys.Authenticated | api_keys.Rejected


def look_at_key(
    connection: Connection | Direct,
    presented: api_keys.PresentedKey,
    tools: Tools,
    *,
    now: datetime,
    hold: bool = False,
    retired: bool = False,
) -> Admissible:
    """
    Authenticate an API key under every master key; see `api_keys.authenticate`.

    Raises:
        MasterKeyAwayError: this host lacks the one that it hangs on.
    """
    authenticate = functools.partial(api_keys.authenticate, connection, presented, now=now, hold=hold, retired=retired)
    outcome = authenticate(peppers=tools.peppers)
    if not isinstance(outcome, api_keys.Unreadable):
        return outcome

    # It may have come a moment ago; then it is known now.
    must_have(outcome.pepper_id, tools)
    outcome = authenticate(peppers=tools.peppers)
    if isinstance(outcome, api_keys.Unreadable):
        raise MasterKeyAwayError
    return outcome


def uses_of_master_keys(connection: Connection, tools: Tools) -> list[MasterKeyUse]:
    """
    Tell what hangs on each master key that is known here or that is named in the database, the current one first.

    API keys from before there could be several hang on whichever was there: they count for each, until they are used.
    A session hangs on the key of its refresh token, and on that of the one before: who lost our answer has that.
    """
    now, known = tools.clock.now(), [master.id for master in tools.masters.all]
    wrapped = list(signing_keys.wrapped(connection).values())
    keys = api_keys.count_living(connection, now=now)
    sessions = refresh_tokens.count_living(connection, now=now)
    named = dict.fromkeys([*known, *filter(None, (*wrapped, *keys, *itertools.chain(*sessions)))])
    return [
        MasterKeyUse(
            id=each,
            current=each == known[0],
            known=each in known,
            signing_keys=wrapped.count(each),
            api_keys=keys.get(each, 0) + keys.get(None, 0),
            sessions=sum(count for kids, count in sessions.items() if each in kids or None in kids),
        )
        for each in named
    ]


def read_refresh_token(presented: str, tools: Tools) -> refresh_tokens.PresentedToken | None:
    """
    Read a string as a refresh token of ours; None when we did not sign it.

    Args:
        presented: untrusted; never stored, never logged.
        tools: the story's tools.

    Raises:
        MasterKeyAwayError: its session's tokens are signed under a master key that this host does not have.
    """
    keys = tools.refresh_keys
    parsed = refresh_tokens.parse(presented, tools.http.issuer, keys)
    named = None if parsed is not None else refresh_tokens.signed_by(presented)
    if named is None or named[0] in keys.keys:
        return parsed

    kid, family_id = named
    if tools.masters.find(kid) is not None:
        return refresh_tokens.parse(presented, tools.http.issuer, tools.refresh_keys)
    with tools.database.reading() as connection:
        family = refresh_tokens.find(connection, family_id)
    if family is not None and family.lives_at(tools.clock.now()):
        must_have(family.refresh_kid, tools)
    return None


def must_have(master_id: str, tools: Tools) -> None:
    """
    Refuse what hangs on a master key that is not here: nobody can tell whether it is right.

    Raises:
        MasterKeyAwayError: it is not, also after another look.
    """
    if tools.masters.find(master_id) is None:
        logs.warn("this host lacks the master key %s: copy it here, see docs/operations.md", master_id)
        raise MasterKeyAwayError


def renew(presented: api_keys.PresentedKey | None, tools: Tools) -> None:
    """Keep an API key under the current master key, if it was authenticated under another; not now if that fails."""
    if presented is None:
        return
    try:
        with tools.database.statement() as connection:
            api_keys.renew(connection, presented, tools.peppers)
    except DatabaseAwayError:
        # Its next use does it.
        return


def retry_tags(key: str | None, token: refresh_tokens.PresentedToken, tools: Tools) -> dict[str, str]:
    """Make the tags of an Idempotency-Key, by master key: the current one first, then those that know earlier ones."""
    if key is None:
        return {}
    return {
        master.id: refresh_tokens.print_tag(opaque.mac(master.retry_tags, token.family_id.hex, key))
        for master in tools.masters.all
    }
