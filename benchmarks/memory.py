"""Peak memory from a long frame of ten million rows to the finished effect, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.timing import line

PROGRAM = """
import sys
import numpy as np, pandas as pd
import scale_impact as si
si.Panel, si.Design, si.estimate
units, periods = 1_000_000, 10
rng = np.random.default_rng(20251122)
first = rng.choice([np.inf, 3, 5, 7, 8, 9], units)
frame = pd.DataFrame({
    "unit": np.repeat(np.arange(units), periods), "period": np.tile(np.arange(1, periods + 1), units),
    "y": rng.standard_normal(units * periods), "first": np.repeat(first, periods),
})
if sys.argv[1] == "shuffled":
    frame = frame.sample(frac=1, random_state=1).reset_index(drop=True)
if sys.argv[1] == "text ids":
    frame["unit"] = frame["unit"].map("city {:07d}".format)
own = frame.memory_usage(index=True, deep=True).sum()
try:
    open("/proc/self/clear_refs", "w").write("5")  # forget the peak of making the frame
except OSError:
    pass
panel = si.Panel.from_frame(frame, unit="unit", period="period", outcome="y")
design = si.Design.from_panel(panel, first_treated="first")
si.estimate("callaway_santanna", panel, design)
peak = [l for l in open("/proc/self/status") if l.startswith("VmHWM")][0].split()[1]
print(int(peak) * 1024 / own)
"""


def main() -> bool:
    """Print the table; whether all limits are held. Needs Linux's /proc."""
    if not sys.platform.startswith("linux"):
        print("peak memory: measured on Linux only")
        return True
    print("\nLong frame of 10,000,000 rows to the finished Callaway-Sant'Anna effect, whole process:")
    held = True
    for order in ("in order", "shuffled", "text ids"):
        held &= line(f"peak memory, rows {order}", _ratio(order), 4, "x the frame")
    return held


def _ratio(order: str) -> float:
    done = subprocess.run([sys.executable, "-c", PROGRAM, order], capture_output=True, text=True, check=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()
