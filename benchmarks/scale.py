"""100 million rows of Parquet, in order of the unit and in none: seconds and peak memory, each in a process of its own.

``python -m benchmarks.scale [millions of rows]``; 100 need some 4 GB of room for temporary files,
which are removed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import line

PERIODS, FILES = 10, 4
STEP = 61_803_399
"""Rows lie this far apart in files that are in no order; it shares no divisor with the number of rows."""

ROWS = """
SELECT {unit} AS unit, (c % {periods} + 1)::INTEGER AS period, first, (hash(c // {periods}) % 5000)::INTEGER AS cluster,
  (hash(c // {periods}) % 1000) / 100.0 + (c % {periods}) * 0.1 + (hash(c) % 1000003) / 250000.0
  + CASE WHEN c % {periods} + 1 >= first THEN 1 ELSE 0 END AS y
FROM (SELECT c, CASE hash(c // {periods} + 7) % 6 WHEN 0 THEN NULL WHEN 1 THEN 4 WHEN 2 THEN 5 WHEN 3 THEN 6 WHEN 4 THEN 8 ELSE 9 END::DOUBLE AS first
      FROM (SELECT {cell} AS c FROM range({low}, {high}) AS t(range)))
"""

PROGRAM = """
import json, sys, time
import scale_impact as si
folder, options = sys.argv[1], json.loads(sys.argv[2])
start = time.perf_counter()
moments = si.Cohorts.from_parquet(folder, unit="unit", period="period", outcome="y", first_treated="first", **options)
seconds = time.perf_counter() - start
peak = [l for l in open("/proc/self/status") if l.startswith("VmHWM")][0].split()[1]
print(json.dumps([seconds, int(peak) / 2**20, moments.counts.sum(), moments.n_clusters]))
"""

CASES = (
    ("in order of the unit", False, "c // {periods}", {}),
    ("in no order", True, "c // {periods}", {}),
    ("in no order, 5,000 clusters", True, "c // {periods}", {"cluster": "cluster"}),
    ("in no order, names of units as text", True, "'city ' || (c // {periods})", {}),
)


def main(millions: int = 100) -> bool:
    """Print the table; whether all limits are held. Needs Linux's /proc."""
    if not sys.platform.startswith("linux"):
        print("Parquet at scale: measured on Linux only")
        return True
    rows = millions * 1_000_000
    print(f"\n{rows:,} rows of Parquet ({rows // PERIODS:,} units x {PERIODS} periods) to cohort moments:")
    held = True
    for name, mixed, unit, options in CASES:
        with tempfile.TemporaryDirectory(prefix="scale-") as folder:
            if shutil.disk_usage(folder).free < 60 * rows:
                print(f"{name}: not measured, the disk has too little room")
                continue
            write(Path(folder), rows, mixed=mixed, unit=unit)
            seconds, peak = measure(folder, options, rows)
        held &= line(f"rows {name}: peak memory ({seconds:.0f} s)", peak, 2, "GiB")
    return held


def write(folder: Path, rows: int, *, mixed: bool, unit: str) -> None:
    """Files of an equal number of rows, made by DuckDB."""
    import duckdb

    size = rows // FILES
    with duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(folder / "scratch")}) as con:
        for k in range(FILES):
            query = ROWS.format(
                unit=unit.format(periods=PERIODS), periods=PERIODS, low=k * size, high=(k + 1) * size,
                cell=f"(range * {STEP}) % {rows}" if mixed else "range",
            )  # fmt: skip
            con.execute(f"COPY ({query}) TO '{folder}/part-{k}.parquet' (FORMAT parquet)")


def measure(folder: str, options: dict[str, str], rows: int) -> tuple[float, float]:
    """Seconds and peak memory in GiB of a process that reads the files."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, json.dumps(options)], capture_output=True, text=True, check=True
    )
    seconds, peak, seen, _ = json.loads(done.stdout)
    assert seen == rows, f"{seen:,} rows entered"
    return seconds, peak


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
