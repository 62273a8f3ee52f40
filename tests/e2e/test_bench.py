"""The bench in its smallest form: every kind of row completes, and what was due has ended."""

import json
import subprocess
import sys
from pathlib import Path

ROWS = ("burst", "pages", "decisions")


def test_a_small_bench_completes_and_loses_nothing(tmp_path: Path) -> None:
    words = [word for row in ROWS for word in ("--row", row)]
    program = [sys.executable, "-c", "from jobpool.cli.server import main; main()", "bench", "--quick", *words]
    done = subprocess.run([*program, "-w", "json", "--directory", str(tmp_path)], capture_output=True, timeout=200)
    assert done.returncode == 0, done.stderr.decode()
    rows = json.loads(done.stdout)["rows"]
    assert [row["name"].split(",")[0] for row in rows] == [
        "start lateness",  # which waits until all 500 that were due have ended
        "10",  # 10,000 finished runs: all of them are listed before a page is timed
        "placement decisions",
    ]
    assert all(row["value"] > 0 for row in rows)
