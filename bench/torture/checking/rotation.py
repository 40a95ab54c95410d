"""I1 to I7: what holds for every session, whatever happens to clients, servers and the network."""

from collections.abc import Iterator

from bench.torture.checking.sessions import (
    NEVER,
    Promises,
    SessionHistory,
    Violation,
    endable_from,
    is_dead,
    is_reuse,
)
from bench.torture.history import Operation


def one_child(session: SessionHistory) -> Iterator[Violation]:
    """I1: a token has at most one successor, however often and by whom it is presented."""
    for children in session.children.values():
        if len(children) > 1:
            why = f"one refresh token was exchanged for {len(children)} different successors: the session has forked"
            yield Violation("I1", session.name, why, list(children.values()))


def one_living_leaf(session: SessionHistory) -> Iterator[Violation]:
    """I2: of the branches of a session at most one lives; it is shown by both being accepted."""
    for children in session.children.values():
        alive = [child for child in children if child in session.accepted_at]
        if len(alive) > 1:
            shown = [each for child in alive for each in session.shown[child] if each.outcome == "ok"]
            why = f"{len(alive)} branches of one session were in use: neither thief nor owner will ever be noticed"
            yield Violation("I2", session.name, why, [*children.values(), *shown])


def no_resurrection(session: SessionHistory, promises: Promises) -> Iterator[Violation]:
    """I3: after an acknowledged revocation, or a reuse that was detected, nothing of the session works."""
    acknowledged = [each for each in session.ends if each.outcome == "ok"]
    acknowledged += [each for each in session.refreshes if is_reuse(session, each, promises)]
    if not acknowledged:
        return

    end = min(acknowledged, key=lambda each: each.returned)
    what = "a spent token was refused" if end.kind == "refresh" else f"'{end.kind}' was acknowledged"
    later = [each for each in session.operations if each.invoked > end.returned]
    for each in later:
        if each.kind == "refresh" and each.outcome == "ok":
            yield Violation("I3", session.name, f"{what}, and a refresh succeeded after it", [end, each])
            return
        if each.kind == "introspect" and each.active:
            yield Violation("I3", session.name, f"{what}, and an access token was active after it", [end, each])
            return


def honest_tokens_work(session: SessionHistory, promises: Promises) -> Iterator[Violation]:
    """
    I4, I5, I6: what was acknowledged works, a lost answer can be fetched, no honest session is lost.

    In strict mode a retry is a reuse, so that it may be refused.
    """
    may_be_over = endable_from(session, promises)
    for each in session.refreshes:
        if each.outcome != "refused" or each.error != "invalid_grant" or each.returned > may_be_over:
            continue
        known_since = session.born.get(each.presented, NEVER)
        if known_since > each.invoked or session.child_shown_at(each.presented) <= each.returned:
            continue
        yield from _refused(session, each)
        return


def _refused(session: SessionHistory, refused: Operation) -> Iterator[Violation]:
    before = [each for each in session.shown[refused.presented] if each.invoked < refused.invoked]
    if before:
        why = "an answer was lost, and the same request again was refused"
        yield Violation("I5", session.name, why, [*before, refused])
    else:
        origin = [each for each in session.operations if refused.presented == each.child and each.outcome == "ok"]
        why = "a refresh token that was acknowledged, and never used, was refused"
        yield Violation("I4", session.name, why, [*origin, refused])
    if all(each.role != "thief" for each in session.operations if each.invoked < refused.returned):
        yield Violation("I6", session.name, "an honest client has lost its session", [*before, refused])


def lost_answers_are_found(session: SessionHistory, promises: Promises) -> Iterator[Violation]:
    """I5: when all is quiet again, the last word on every request is an answer."""
    if promises.mode == "strict" or not session.refreshes:
        return
    final: dict[str, Operation] = {}
    for each in sorted(session.refreshes, key=lambda each: each.returned):
        if each.role == "honest" and (each.outcome != "unknown" or each.presented not in final):
            final[each.presented] = each
    open_still = [each for each in final.values() if each.outcome == "unknown"]
    if open_still:
        why = "a request was never answered, although it was sent again when all faults were over"
        yield Violation("I5", session.name, why, session.shown[open_still[0].presented])


def order_is_kept(session: SessionHistory, promises: Promises) -> Iterator[Violation]:
    """I7: a token that was spent stays spent, over restarts and whatever clocks say."""
    for each in session.refreshes:
        if each.outcome == "ok" and is_dead(session, each, promises):
            spent = next(iter(session.children[each.presented].values()))
            why = "a token was accepted although an earlier answer had shown that it was spent"
            yield Violation("I7", session.name, why, [spent, each])
            return


def broken_in(session: SessionHistory, promises: Promises) -> Iterator[Violation]:
    """Look at one session with all of these rules."""
    yield from one_child(session)
    yield from one_living_leaf(session)
    yield from no_resurrection(session, promises)
    yield from honest_tokens_work(session, promises)
    yield from lost_answers_are_found(session, promises)
    yield from order_is_kept(session, promises)
