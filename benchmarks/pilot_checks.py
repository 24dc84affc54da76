"""How often checks of one pilot city fail where nothing is wrong, and where something is: the table of docs/estimators.md.

    python -m benchmarks.pilot_checks [--panels 60] [--seed 7]

25 donors (or 8), 24 periods before and 10 after, levels, common shocks, two factors that follow their past (AR(1), 0.8) and errors
that may (AR(1), 0.5). One line a world and estimator: verdicts of each check.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import scale_impact as si

PERIODS, START = 34, 24
CHECKS = ("in_time_placebo", "leave_one_donor_out", "pre_period_length", "convex_hull")
WORLDS = ("null", "effect", "drift .5", "drift 1", "one donor", "span")

Floats = NDArray[np.float64]


def followers(rng: np.random.Generator, rows: int, past: float) -> Floats:
    """Series that follow their past, of variance one, [rows, PERIODS]."""
    found, now = np.zeros((rows, PERIODS)), rng.normal(size=rows)
    for t in range(PERIODS):
        now = past * now + np.sqrt(1 - past**2) * rng.normal(size=rows)
        found[:, t] = now
    return found


def cities(rng: np.random.Generator, units: int, past: float) -> Floats:
    """Outcomes of cities to which nothing happens."""
    factors = rng.normal(size=(units, 2)) @ followers(rng, 2, 0.8)
    return rng.normal(size=(units, 1)) + rng.normal(size=PERIODS) + factors + followers(rng, units, past)


def on_one_donor(rng: np.random.Generator, y: Floats) -> None:
    """The treated is nearly the twin of one donor, which is hit when the measure starts."""
    y[0] = 0.75 * y[1] + 0.25 * y[2:6].mean(axis=0) + 0.3 * rng.normal(size=PERIODS)
    y[1, START:] -= 6.0


def of_two_halves(rng: np.random.Generator, units: int) -> Floats:
    """The treated follows one half of the donors early and the other late; the halves part at the measure."""
    early, late = 1.2 / np.sqrt(1 - 0.8**2) * followers(rng, 2, 0.8)
    late[START:] += 6
    first = (np.arange(units) % 2 == 1)[:, None]
    y = 0.3 * rng.normal(size=(units, 1)) + np.where(first, early, late) + 0.5 * rng.normal(size=(units, PERIODS))
    y[0] = np.where(np.arange(PERIODS) < 12, early, late) + 0.5 * rng.normal(size=PERIODS)
    return y


def world(kind: str, rng: np.random.Generator, units: int, past: float) -> Floats:
    """Outcomes of one world, the treated first."""
    y = of_two_halves(rng, units) if kind == "span" else cities(rng, units, past)
    if kind == "effect":
        y[0, START:] += 2.5
    if kind.startswith("drift"):  # from seven periods before the measure on
        y[0, START - 7 :] += float(kind.split()[1]) * np.minimum(np.arange(1, PERIODS - START + 8), 12)
    if kind == "one donor":
        on_one_donor(rng, y)
    return y


def verdicts(kind: str, estimator: str, units: int, past: float, panels: int, seed: int) -> dict[str, Counter[str]]:
    """Verdicts of each check over many panels."""
    rng = np.random.default_rng(seed)
    found: dict[str, Counter[str]] = {name: Counter() for name in CHECKS}
    for _ in range(panels):
        y = world(kind, rng, units, past)
        frame = pd.DataFrame(y, index=[f"c{k:02d}" for k in range(units)]).rename_axis("city").stack()
        frame = frame.rename_axis(["city", "t"]).rename("y").reset_index()
        frame["measure"] = ((frame["city"] == "c00") & (frame["t"] >= START)).astype(int)
        panel = si.Panel.from_frame(frame, unit="city", period="t", outcome="y")
        design = si.Design.from_panel(panel, treated="measure")
        effect = si.estimate(estimator, panel, design)

        def refit(p: si.Panel, d: si.Design, panel: si.Panel = panel, effect: si.Effect = effect) -> si.Effect:
            return effect if p is panel else si.estimate(estimator, p, d)

        for name in CHECKS:
            found[name][si.check(name, panel, design, refit).verdict] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--panels", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    cells = [(kind, e, 26, 0.5) for e in ("synthetic_control", "synthetic_did") for kind in WORLDS]
    cells += [("null", e, 26, 0.0) for e in ("synthetic_control", "synthetic_did")]
    cells += [(kind, "synthetic_control", 9, 0.5) for kind in WORLDS]
    for kind, estimator, units, past in cells:
        found = verdicts(kind, estimator, units, past, given.panels, given.seed)
        said = "; ".join(f"{n}: {', '.join(f'{v} {c}' for v, c in sorted(k.items()))}" for n, k in found.items())
        print(f"{kind}, {estimator}, {units - 1} donors, errors AR {past:g}: {said}", flush=True)


if __name__ == "__main__":
    main()
