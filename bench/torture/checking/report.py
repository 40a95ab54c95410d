"""What was found, for someone who did not write this: each broken rule with what happened to that session, in order."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from bench.torture.checking import Violation
from bench.torture.history import Disturbance, Operation

_MOST_SESSIONS = 5
_MOST_LINES = 16
_NEAR_LINES = 3
_MOST_VIOLATIONS = 5
_RULES = {
    "I1": "a refresh token has at most one successor",
    "I2": "a session has at most one living branch",
    "I3": "nothing works after an acknowledged revocation or a detected reuse",
    "I4": "what was acknowledged works",
    "I5": "a lost answer can be fetched again",
    "I6": "no honest session is lost",
    "I7": "what was spent stays spent, whatever clocks and restarts do",
    "I8": "no two access tokens have the same id",
    "I9": "every access token verifies with a later JWKS",
    "I10": "a replaced API key is dead",
    "S1": "5xx only while the database is away",
    "S2": "5xx is 503 with Retry-After",
    "S3": "a right credential is never called wrong",
    "S4": "JWKS and metadata are served by every host that is up",
}


class Names:
    """Short names for tokens: `B.3` is the third of session B, in the order in which clients first held them."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._names: dict[str, str] = {}
        counts: Counter[str] = Counter()
        for each in sorted(operations, key=lambda each: each.returned):
            shown = () if each.kind == "issue" else (each.presented,)
            for token in (*shown, each.child):
                if token and token not in self._names:
                    counts[each.session] += 1
                    self._names[token] = f"{each.session or 'key'}.{counts[each.session]}"

    def of(self, token: str) -> str:
        """Give the short name of a token."""
        return self._names.get(token, "?")


def told(
    violations: Sequence[Violation],
    operations: Sequence[Operation],
    disturbances: Sequence[Disturbance],
    *,
    most: int = _MOST_SESSIONS,
) -> Iterator[str]:
    """Tell of every broken rule, session by session: what it means, and the timeline with the offenders marked."""
    by_session: dict[str, list[Violation]] = defaultdict(list)
    for each in violations:
        by_session[each.session].append(each)
    for name, found in list(by_session.items())[:most]:
        yield ""
        yield f"Session {name}" if name else "Of no session"
        for (rule, why), times in Counter((each.rule, each.why) for each in found).most_common(_MOST_VIOLATIONS):
            often = "" if times == 1 else f" {times} times"
            yield f"  {rule} is broken{often} ({_RULES[rule]}): {why}."
        own = [each for each in operations if name and each.session == name]
        own = [each for each in own if each.kind != "verify" or each.outcome != "ok"]
        shown = own or [each for one in found[:_MOST_VIOLATIONS] for each in one.operations]
        names = Names(shown)
        yield from _lineage(shown, names)
        yield from _timeline(found, shown, names, disturbances)
    if len(by_session) > most:
        yield f"\n  ... and {len(by_session) - most} sessions more."


def _lineage(operations: Sequence[Operation], names: Names) -> Iterator[str]:
    children: dict[str, list[str]] = defaultdict(list)
    for each in operations:
        if each.kind == "refresh" and each.outcome == "ok" and each.child not in children[each.presented]:
            children[each.presented].append(each.child)
    for parent, forked in children.items():
        if len(forked) > 1:
            used = ["used" if child in children else "held" for child in forked]
            listed = ", ".join(f"{names.of(child)} ({how})" for child, how in zip(forked, used, strict=True))
            yield f"  Fork: {names.of(parent)} became {listed}; a right server gives one successor, or refuses."


def _timeline(
    found: Sequence[Violation], operations: Sequence[Operation], names: Names, disturbances: Sequence[Disturbance]
) -> Iterator[str]:
    offenders = {id(each) for violation in found for each in violation.operations}
    lines = [(each.invoked, _line(each, names, marked=id(each) in offenders)) for each in _near(operations, offenders)]
    if lines:
        first, last = min(lines)[0], max(lines)[0]
        told_faults = [each for each in disturbances if each.began <= last and each.ended >= first]
        lines += [(each.began, _fault_line(each)) for each in told_faults]
    yield "     sent     - answered  who         what (>> marks the operations that break the rule; seconds)"
    yield from (line for _, line in sorted(lines))


def _near(operations: Sequence[Operation], offenders: set[int]) -> Sequence[Operation]:
    if len(operations) <= _MOST_LINES:
        return operations
    marked = [number for number, each in enumerate(operations) if id(each) in offenders]
    return [each for number, each in enumerate(operations) if any(abs(number - one) <= _NEAR_LINES for one in marked)]


def _line(each: Operation, names: Names, *, marked: bool) -> str:
    what = {
        "refresh": f"refresh {names.of(each.presented)}",
        "issue": "open the session",
        "revoke": f"revoke by {names.of(each.presented)}",
        "rotate_key": f"replace API key {names.of(each.presented)}",
        "introspect": "introspect an access token",
        "verify": "verify an access token",
        "get": f"get {each.what}",
        "use": f"use an access token at {each.what}",
    }.get(each.kind, each.kind)
    key = f" (Idempotency-Key ..{each.key[-4:]})" if each.key else ""
    host = f" at {each.host}" if each.host else ""
    sent = f"{each.invoked:8.3f} - {each.returned:8.3f}"
    return f"  {'>>' if marked else '  '} {sent}  {each.client:10}  {what}{key}{host}: {_answer(each, names)}"


def _answer(each: Operation, names: Names) -> str:
    if each.outcome == "unknown":
        return "no answer" if each.status is None else f"{each.status}, nobody knows whether it was done"
    if each.outcome == "refused":
        return f"refused, {each.status or ''} {each.error}".rstrip()
    if each.child:
        return f"ok, got {names.of(each.child)}"
    return "ok" if each.active is None else ("active" if each.active else "inactive")


def _fault_line(each: Disturbance) -> str:
    return f"     {each.began:8.3f} - {each.ended:8.3f}  ~~ fault: {each.name} {each.detail} ~~"
