"""The benchmark of fleets in short: it runs, and says how long each kind of fleet took."""

import os
import subprocess
import sys

from tests.conftest import ROOT


def test_every_kind_of_second_server_is_measured() -> None:
    script = ROOT / "recipes" / "bench" / "fleet.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["absent", "sound", "10x slower", "silent", "500", "404", "away"]
    assert all(float(row[1]) > 0 for row in rows)
