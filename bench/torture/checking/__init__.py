"""The checker: a history in, what may never be out. It asks nothing of the server, and is linear in the history."""

from collections import defaultdict
from collections.abc import Sequence

from bench.torture.checking.credentials import rotated_keys_are_dead, unique_ids, verifiable
from bench.torture.checking.rotation import broken_in
from bench.torture.checking.service import broken_service
from bench.torture.checking.sessions import Promises, SessionHistory, Violation
from bench.torture.history import Disturbance, Operation

__all__ = ["Promises", "SessionHistory", "Violation", "check", "sessions_of"]


def sessions_of(operations: Sequence[Operation]) -> list[SessionHistory]:
    """Part a history by sessions."""
    ends: dict[str, list[Operation]] = defaultdict(list)
    parts: dict[str, list[Operation]] = defaultdict(list)
    for each in operations:
        if each.kind == "suspend":
            ends[each.tenant].append(each)
        elif each.session:
            parts[each.session].append(each)
    return [SessionHistory(name, part, ends[part[0].tenant]) for name, part in parts.items()]


def check(
    operations: Sequence[Operation], promises: Promises, disturbances: Sequence[Disturbance] = ()
) -> list[Violation]:
    """
    Find what breaks I1 to I10, and S1 to S4.

    Args:
        operations: in the order in which they were sent.
        promises: how lost answers are made good.
        disturbances: the faults; the invariants do not ask for them, what clients may see of a fault does.
    """
    found = [each for session in sessions_of(operations) for each in broken_in(session, promises)]
    found += unique_ids(operations)
    found += verifiable(operations)
    found += rotated_keys_are_dead(operations)
    found += broken_service(operations, disturbances)
    return found
