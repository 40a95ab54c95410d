"""What several processes count in one directory, while processes come and go."""

import os
import subprocess
import sys

import pytest

from app.foundation.metrics import Metrics

COUNTS = """
from app.foundation.database import Pool
from app.foundation.metrics import Metrics
metrics = Metrics()
metrics.happened("session.revoked")
metrics.note_pool(Pool(in_use=1, idle=2, most=5))
"""
EVENTS, IN_USE = b'chalk_events_total{event="session.revoked"} 1.0', b'chalk_database_connections{state="in_use"}'


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A directory in which processes count together, beginning with this one."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    return tmp_path


def test_a_process_that_has_just_begun_breaks_no_scrape(directory):
    """
    B2: its files are empty for a moment; whoever asks just then is told of all others.
    """
    subprocess.run([sys.executable, "-c", COUNTS], check=True)
    for kind in ("counter", "histogram", "gauge_livesum"):
        (directory / f"{kind}_{os.getpid()}.db").touch()

    assert EVENTS in Metrics().exposition([])


def test_a_process_that_is_gone_holds_nothing(directory):
    """
    B2: what it has counted stays counted, and its connections went with it.
    """
    subprocess.run([sys.executable, "-c", COUNTS], check=True)
    of_the_dead = next(directory.glob("gauge_*"))
    text = Metrics().exposition([])
    of_the_living = of_the_dead.with_name(f"gauge_livesum_{os.getppid()}.db")
    subprocess.run([sys.executable, "-c", COUNTS], check=True)
    next(directory.glob("gauge_*")).rename(of_the_living)

    assert EVENTS in text
    assert IN_USE not in text
    assert IN_USE in Metrics().exposition([])
