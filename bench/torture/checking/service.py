"""S1 to S4: what clients may see of faults. Not invariants of rotation, but promises all the same."""

from collections.abc import Iterator, Sequence

from bench.torture.checking.sessions import Violation
from bench.torture.history import Disturbance, Operation

# So long after a fault its traces may still be seen: requests that waited, processes that read their keys.
AFTERMATH_SECONDS = 3.0


def during(
    operation: Operation, disturbances: Sequence[Disturbance], away: str, *, hanging: bool | None = None
) -> bool:
    """Tell whether an operation was under way while this was away, or shortly after; only while it hung, if asked."""
    return any(
        each.away == away
        and hanging in {None, each.hangs}
        and each.began <= operation.returned
        and operation.invoked <= each.ended + AFTERMATH_SECONDS
        for each in disturbances
    )


def broken_service(operations: Sequence[Operation], disturbances: Sequence[Disturbance]) -> Iterator[Violation]:
    """
    Look at every answer.

    S1: 5xx is said only while the database is away. S2: then it is 503 with Retry-After. S3: a right credential is
    never called wrong. S4: JWKS and metadata are served all the time, with the database away too; how late,
    is counted and not judged: a worker waits once for a database that hangs (docs/decisions/0028).
    """
    for each in operations:
        if each.status is not None and each.status >= 500:
            if each.status != 503 or not each.retry_after:
                yield Violation("S2", each.session, f"{each.status} without Retry-After, or not 503", [each])
            elif not during(each, disturbances, "database"):
                yield Violation("S1", each.session, "503 while the database was there", [each])
        if each.error == "invalid_client" and each.tenant == "steady":
            yield Violation("S3", each.session, "the right credential of a client was refused", [each])
        if each.kind == "get" and each.outcome != "ok" and not _excused(each, disturbances):
            yield Violation("S4", "", f"{each.what} was not served by a host that was up", [each])


def late_documents(operations: Sequence[Operation], disturbances: Sequence[Disturbance]) -> tuple[int, int, int]:
    """Count the documents that were asked for, those that were late, and of these those of a hung database."""
    asked = [each for each in operations if each.kind == "get"]
    late = [each for each in asked if each.error == "timeout"]
    hung = sum(during(each, disturbances, "database", hanging=True) for each in late)
    return len(asked), len(late), hung


def _excused(operation: Operation, disturbances: Sequence[Disturbance]) -> bool:
    return operation.error == "timeout" or during(operation, disturbances, operation.host)
