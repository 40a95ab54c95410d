"""Faults of a network, by a proxy of ours: connections cut, bytes stalled, answers dropped after the work was done."""

from collections.abc import Mapping, Sequence

from bench.torture.faults.nemesis import Fault, Struck
from bench.torture.faults.proxy import Mode, Proxy


def network_faults(proxies: Sequence[Proxy], between: str, away: str, *, answers: bool) -> Mapping[str, Fault]:
    """
    Give the faults of these proxies, named for whom they stand between.

    Args:
        away: what cannot be relied on meanwhile; nothing for clients, who know that networks break.
        answers: offer to drop answers too.
    """
    modes: list[Mode] = ["stall", "cut"]
    if answers:
        modes.append("drop_answers")
    return {f"{mode.replace('_', ' ')} {between}": _fault(proxies, mode, away) for mode in modes}


def _fault(proxies: Sequence[Proxy], mode: Mode, away: str) -> Fault:
    def strike(draw: float) -> Struck:
        # Some of the connections of one host, or all of them.
        proxy = proxies[int(draw * len(proxies))]
        proxy.share = 0.5 if draw * len(proxies) % 1 < 0.7 else 1.0
        proxy.mode = mode
        if mode == "cut":
            proxy.cut()

        def heal() -> None:
            proxy.mode = "pass"

        detail = f"({proxy.share:.0%} of the connections of host {proxies.index(proxy) + 1})"
        return Struck(detail, away, heal, hangs=mode == "stall")

    return strike
