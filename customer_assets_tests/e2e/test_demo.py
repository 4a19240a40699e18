"""The demonstration shows what it says that it shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ci


def test_an_eventful_day_ends_well_and_touches_nothing_of_the_users(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "customer_assets", "demo", "--json"],
        cwd=tmp_path,
        env=os.environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["loaded"] > 4000
    assert told["moved"] == 1
    assert told["merged"] == {"together": True, "after_the_decision": False}
    assert told["forged"]["forged"] == 401
    assert told["died"] == {"errors": 1, "afterwards": 0}
    assert told["conflicted"] == {"waited": 1, "pushed": 1}
    assert "https://new.example" in done.stderr
    assert not any(tmp_path.iterdir())
