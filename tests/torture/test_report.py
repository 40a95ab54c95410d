"""The report of the torture: whoever did not write it sees what happened to that session, in order."""

from bench.torture.checking import Promises, check
from bench.torture.checking.report import told
from bench.torture.history import Disturbance, History
from tests.torture.histories import issue, lost, refresh


def test_a_fork_can_be_read_by_a_stranger():
    """
    I1: the report says which rule, in words, which token forked into which, and marks the two answers among the rest.
    """
    fault = Disturbance("kill -9 of a worker", "(pid 7)", 1.5, 2.0)
    history = [
        issue(1, "aaa"),
        lost(1.9, "aaa", key="key-1"),
        refresh(2, "aaa", "bbb", key="key-1"),
        refresh(3, "aaa", "ccc", key="key-1", client="another"),
    ]

    lines = list(told(check(history, Promises("key")), history, [fault]))

    text = "\n".join(lines)
    assert "I1 is broken (a refresh token has at most one successor)" in text
    assert "Fork: A.1 became A.2 (held), A.3 (held)" in text
    assert "~~ fault: kill -9 of a worker (pid 7) ~~" in text
    assert "refresh A.1 (Idempotency-Key ..ey-1): no answer" in text
    assert [line[2:4] for line in lines if "got A.2" in line or "got A.3" in line] == [">>", ">>"]
    assert not any(token in text for token in ("aaa", "bbb", "ccc"))


def test_what_is_kept_as_evidence_holds_no_token():
    """
    The whole history can be handed on: tokens and keys stand in it by a fingerprint, the same one for the same token.
    """
    history = History()
    history.add(issue(1, "aaa", presented="sk_live_secret", access="eyJ.x.y"))
    history.add(refresh(2, "aaa", "bbb"))
    history.disturbed(Disturbance("cut", "", 1, 2))

    first, second, fault = history.as_lines()

    assert first["child"] == second["presented"] != second["child"]
    assert not {"aaa", "bbb", "sk_live_secret", "eyJ.x.y"} & {*first.values(), *second.values()}
    assert fault["name"] == "cut"
