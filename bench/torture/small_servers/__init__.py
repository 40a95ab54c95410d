"""Three small servers on which the harness proves itself: one is right, two are wrong as real ones are."""

from bench.torture.small_servers.rotations import KINDS, Right, SaveThenRevoke, SiblingsOnRetry
from bench.torture.small_servers.serving import served, target_of

__all__ = ["KINDS", "Right", "SaveThenRevoke", "SiblingsOnRetry", "served", "target_of"]
