"""Steps that are refused while they are not safe, and done all the same with `--force --reason`."""

import click

from app.flows.refusals import UnsafeKeyStepError
from app.foundation.clock import rfc3339


def forced(*, force: bool, reason: str | None) -> str | None:
    """
    Give the reason for which a step is forced; None when it is not.

    Raises:
        UsageError: one of the two stands without the other, or the reason says nothing.
    """
    if force != (reason is not None):
        raise click.UsageError("--force and --reason go together")
    return None if reason is None else said(reason)


def said(reason: str) -> str:
    """Give a reason, if it says something."""
    if not reason.strip():
        raise click.UsageError("--reason must say something")
    return reason.strip()


def refusal(error: UnsafeKeyStepError) -> click.ClickException:
    """Say why a step is refused, and from when on it is not."""
    when = "" if error.safe_at is None else f" It is safe from {rfc3339(error.safe_at)}."
    return click.ClickException(f"refused: {error.why}.{when}")
