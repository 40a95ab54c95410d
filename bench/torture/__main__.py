"""The command line: our own server by default, another one when its token URL is given."""

import argparse
import json
import logging
import random
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.torture.checking import Promises
from bench.torture.checking.report import told
from bench.torture.clients.honest import Habits
from bench.torture.hosts.foreign import Foreign, foreign
from bench.torture.run import Plan, summary, torture
from bench.torture.small_servers import KINDS
from bench.torture.suites import BACKENDS, MODES, Verdict, ours, small


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a rule was broken, or a wrong server was not caught."""
    asked = _parser().parse_args(arguments)
    print(f"seed {asked.seed}", flush=True)
    verdicts = [_foreign(asked)] if asked.token_url else _all_of_ours(asked)
    print()
    for each in verdicts:
        print(f"{'passed' if each.passed else 'FAILED'}  {each.name}")
    return 0 if all(each.passed for each in verdicts) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.torture", description="Rotation under races and faults.")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="the schedule of operations and faults")
    parser.add_argument("--seconds", type=float, default=40, help="how long faults happen in a run")
    parser.add_argument("--only", default="", help="runs whose name holds this: 'sqlite', 'strict', 'small' ...")
    parser.add_argument("--rest", type=float, default=3, help="seconds between two refreshes of a session of another")
    parser.add_argument("--mode", choices=MODES, default="key", help="how another server makes lost answers good")
    parser.add_argument("--window", type=float, default=10, help="seconds of its window, in that mode")
    other = parser.add_argument_group("another server")
    other.add_argument("--token-url", default="", help="its token endpoint; without it, our own server is tortured")
    other.add_argument("--client-id", default="")
    other.add_argument("--client-secret", default="")
    other.add_argument("--scope", default="offline_access", help="what gives a refresh token by client_credentials")
    other.add_argument("--tokens", type=Path, help="a file of refresh tokens to begin with, if no grant gives any")
    other.add_argument("--revoke-url", default="")
    other.add_argument("--introspect-url", default="")
    other.add_argument("--jwks-url", default="")
    other.add_argument("--restart", default="", help="a command that ends the server and starts it again")
    other.add_argument("--worker-pids", default="", help="a command that prints the process ids of its workers")
    return parser


def _all_of_ours(asked: argparse.Namespace) -> list[Verdict]:
    runs = {f"small server, {kind}": partial(small, kind, asked.seed) for kind in KINDS}
    for backend in BACKENDS:
        for mode in MODES:
            runs[f"{backend}, {mode}"] = partial(ours, backend, mode, asked.seed, asked.seconds)
    return [_told(run()) for name, run in runs.items() if asked.only in name]


def _foreign(asked: argparse.Namespace) -> Verdict:
    server = Foreign(
        asked.token_url,
        asked.client_id,
        asked.client_secret,
        asked.scope,
        asked.revoke_url,
        asked.introspect_url,
        asked.jwks_url,
        asked.restart,
        asked.worker_pids,
        asked.tokens,
    )
    many = len(asked.tokens.read_text(encoding="utf-8").split()) if asked.tokens else 60
    plan = Plan(
        asked.seed,
        seconds=asked.seconds,
        promises=Promises(asked.mode, asked.window),
        habits=Habits(with_key=asked.mode == "key", late=0.1 if asked.mode == "key" else 0, rest_seconds=asked.rest),
        longest_fault=min(3.0, asked.rest),
        sessions={"honest": many * 2 // 3, "contested": many // 3},
    )
    with foreign(server, asked.seed) as (target, faults):
        result = torture(target, faults, plan, server.restarted if asked.restart else None)
    lines = [*summary(result), *told(result.violations, result.history.operations, result.history.disturbances)]
    passed = not result.violations and not result.problems
    return _told(Verdict(asked.token_url, passed, lines, result))


def _told(verdict: Verdict) -> Verdict:
    print(f"\n{verdict.name}")
    for line in verdict.lines:
        print(line)
    if not verdict.passed:
        print(f"  the whole history: {_kept(verdict)}")
    sys.stdout.flush()
    return verdict


def _kept(verdict: Verdict) -> Path:
    name = "-".join(re.findall(r"\w+", verdict.name))
    folder = Path(tempfile.mkdtemp(prefix="torture-evidence-"))
    file = folder / f"{name}.jsonl"
    file.write_text("".join(f"{json.dumps(each)}\n" for each in verdict.result.history.as_lines()), encoding="utf-8")
    return file


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    # What was started and mounted is put away, whoever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
