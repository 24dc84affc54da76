"""Panels: ten sources joined, and fifty million raw sensor rows made a city-month panel."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.timing import line, seconds

CITIES, YEARS, SOURCES, INDICATORS = 1_000, 30, 10, 5
"""50 indicators in all."""

ROWS = 50_000_000

SECONDS, GIBIBYTES = 3.0, 2.0
"""The stated limits."""

PROGRAM = """
import sys
from pathlib import Path
from scale_impact.sources import read
frame = read(Path(sys.argv[1]), Path(sys.argv[2]))
peak = [l for l in open("/proc/self/status") if l.startswith("VmHWM")][0].split()[1]
print(len(frame), int(peak) / 2**20)
"""


def main() -> bool:
    """Print the table; whether all limits are held. The memory needs Linux's /proc."""
    with tempfile.TemporaryDirectory() as folder:
        held = _join(Path(folder), "csv") & _join(Path(folder), "parquet")
        return (_sensors(Path(folder)) if sys.platform.startswith("linux") else True) and held


def _join(root: Path, kind: str) -> bool:
    from scale_impact.sources import read

    card = ten_sources(root, kind)
    times = [seconds(lambda: read(card, root)) for _ in range(3)]
    what = f"{SOURCES} sources ({kind}), {CITIES:,} cities x {YEARS} years x {SOURCES * INDICATORS} indicators"
    return line(f"load and join {what}", statistics.median(times), SECONDS, "s")


def _sensors(root: Path) -> bool:
    card, held = sensors(root, ROWS), True
    for rule in ("mean", "median"):
        card.write_text(card.read_text().replace("rules: {no2: mean", f"rules: {{no2: {rule}"))
        done, took = _measured(card, root)
        rows, peak = done.split()
        what = f"{ROWS:,} sensor rows (Parquet) to {int(rows):,} city-months, {rule}"
        held &= line(f"{what}: peak memory", float(peak), GIBIBYTES, "GiB")
        print(f"{'':<78} {took:8.2f} s")
    return held


def _measured(card: Path, root: Path) -> tuple[str, float]:
    said: list[str] = []

    def work() -> None:
        command = [sys.executable, "-c", PROGRAM, str(card), str(root)]
        said.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    took = seconds(work)
    return said[0], took


# ---- made data -----------------------------------------------------------------------------------------


def ten_sources(root: Path, kind: str) -> Path:
    """Ten files of five indicators, rows in any order, and the card that joins them."""
    rng = np.random.default_rng(20251122)
    cities = [f"{k:05d}" for k in range(CITIES)]
    columns: dict[str, str] = {}
    for k in range(SOURCES):
        names = [f"x{k}_{j}" for j in range(INDICATORS)]
        table = {"city": np.repeat(cities, YEARS), "year": np.tile(np.arange(1995, 1995 + YEARS), CITIES)}
        frame = pd.DataFrame({**table, **{n: rng.normal(size=CITIES * YEARS).round(4) for n in names}})
        frame = frame.sample(frac=1, random_state=k)
        path = root / f"source_{kind}_{k}.{kind}"
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False)
        _card(root, f"source_{kind}_{k}", kind, names, file=path.name, sha256=sha256(path.read_bytes()).hexdigest())
        columns |= dict.fromkeys(names, "")
    parts = "".join(f"\n  - {{source: source_{kind}_{k}}}" for k in range(SOURCES))
    return _card(root, f"all_{kind}", "panel", list(columns), more=f"parts:{parts}\n")


def sensors(root: Path, rows: int) -> Path:
    """Hours of 500 sensors in 100 cities, one Parquet file, and the card that makes city-months of it."""
    import duckdb

    path = root / "sensors.parquet"
    duckdb.sql(f"""COPY (SELECT lpad((i % 500 % 100)::VARCHAR, 5, '0') AS city, TIMESTAMP '2010-01-01' + INTERVAL 1 HOUR * (i // 500) AS time,
        30 + 20 * sin(i * 0.37) + (hash(i) % 1000000) / 1e5 AS no2 FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet)""")
    digest = sha256(path.read_bytes()).hexdigest()
    columns = {"city": "text", "time": "", "no2": ""}
    _write(root, "sensors", {"kind": "parquet", "file": path.name, "sha256": digest}, columns)
    part = """parts:
  - source: sensors
    unit: city
    period: time
    aggregate: {to: month, every: hour, repeated: pool, at_least: 0.75, rules: {no2: mean}}
"""
    return _write(
        root, "city_months", {"kind": "panel", "unit": "city", "period": "time"}, {**columns, "time": "text"}, part
    )


def _card(root: Path, name: str, kind: str, columns: list[str], *, more: str = "", **keys: str) -> Path:
    labels = {"city": "text", "year": ""}
    described = {**labels, **dict.fromkeys(columns, "")}
    return _write(root, name, {"kind": kind, "unit": "city", "period": "year", **keys}, described, more)


def _write(root: Path, name: str, keys: Mapping[str, Any], columns: Mapping[str, str], more: str = "") -> Path:
    path = root / "data" / "sources" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    described = "".join(
        f"  {c}: {{unit: none, meaning: {c}{f', type: {kind}' if kind else ''}}}\n" for c, kind in columns.items()
    )
    head = {"title": name, "origin": "made", "licence": "CC0", **keys}
    path.write_text("".join(f"{k}: {v}\n" for k, v in head.items()) + f"columns:\n{described}{more}")
    return path


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
