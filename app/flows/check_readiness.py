"""Tell whether this process can serve."""

from app.flows.results import Readiness
from app.flows.tools import Tools
from app.foundation import logs
from app.foundation.errors import ConfigurationError, DatabaseAwayError


def check_readiness(tools: Tools) -> Readiness:
    """
    Ask the database for the signing keys: it must answer, and one of them must be active and open with this master key.

    Nothing is refused to whoever asks: that it is not ready is the answer, and why is in the log. A missing standby
    is a warning, since tokens are issued all the same, until the active key's time is over or it gets out.
    """
    now = tools.clock.now()
    try:
        with tools.database.reading() as connection:
            signer = tools.keyring.fill(connection, now=now)
    except DatabaseAwayError:
        # Why is in the log already: it was written where it was noticed.
        return Readiness(ready=False)
    except ConfigurationError as error:
        logs.warn("not ready: %s", error)
        return Readiness(ready=False)

    if signer is None:
        logs.warn("not ready: no signing key is active")
        return Readiness(ready=False)
    if not tools.keyring.ages(tools.schedule, now=now).counts["standby"]:
        logs.warn("no signing key stands by to replace the active one")
        return Readiness(ready=True, warnings=("no_standby_signing_key",))
    return Readiness(ready=True)
