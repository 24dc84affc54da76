"""Effects with a counterfactual that is simple enough to be computed by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core.effect import Effect, Estimate, Family
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.pilots import pilots
from tests.panels import NEVER, framed

NONE = "no standard error: one city"


def mean_of_donors(worlds):
    """Gaps to the donors' mean, each at its own level before: difference in differences."""
    gaps = worlds.targets - (worlds.donors / worlds.donors.sum(axis=1)[:, None]) @ worlds.outcomes
    before = np.where(worlds.fit, gaps, 0).sum(axis=1) / worlds.fit.sum(axis=1)
    return gaps - before[:, None]


def nothing_expected(worlds):
    """The path itself: zero would have been."""
    return worlds.targets + 0.0


def world(starts, n_donors, n_periods, *, seed=1, effect=0.0, y=None):
    """Panel and design: a treated unit for each start, donors after them; random walks."""
    first = np.array([*starts, *[NEVER] * n_donors], dtype=float)
    if y is None:
        y = np.random.default_rng(seed).normal(size=(len(first), n_periods)).cumsum(axis=1)
        y = y + effect * (np.arange(n_periods) >= first[:, None])
    frame = framed(np.asarray(y, dtype=float), first)
    frame["id"] = "u" + frame["id"].astype(str).str.zfill(3)
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    return panel, si.Design.from_panel(panel, first_treated="g")


def effect_by(again, panel, design, **more):
    """The effect of an estimator that answers worlds."""
    found = pilots(panel, design, "test", fewest=1)
    worlds = found.worlds()
    gaps = again(worlds)
    u, t = gaps.shape
    donors = pd.DataFrame(np.full((len(found.donor_names), u), 1 / len(found.donor_names)), index=found.donor_names)
    held = Counterfactual(
        tuple(panel.periods), found.names[:u], np.ones(u), tuple(map(int, found.starts)), tuple(map(int, found.fitted)),
        found.outcomes[:u], found.outcomes[:u] - gaps, donors=donors, worlds=worlds, again=again,
    )  # fmt: skip
    since = np.arange(t) - found.starts[:, None]
    times = np.unique(since)
    path = [gaps[since == e].mean() for e in times]
    units = [gaps[k, s:].mean() for k, s in enumerate(found.starts)]
    return Effect(
        "test", Estimate(float(gaps[since >= 0].mean()), reason=NONE), None, "none of its own",
        path=Family("event_time", np.array(path), np.full(len(times), np.nan), None, (NONE,) * len(times),
                    event_times=tuple(map(float, times))),
        curves={"units": Family("unit", np.array(units), np.full(u, np.nan), None, (NONE,) * u, names=found.names[:u])},
        counterfactual=replace(held, **more), judged_by="placebo",
    )  # fmt: skip
