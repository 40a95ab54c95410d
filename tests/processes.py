"""Processes that start at once, as workers of several hosts do."""

import multiprocessing
from multiprocessing.context import ForkServerContext


def context() -> ForkServerContext:
    """
    Give what starts them: each is forked from one that has nothing but our code, and does not read all of it again.

    That one is no copy of pytest's process: no connection, thread or lock of a test is in it.
    """
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.conftest"])
    return made
