"""Small panels with one treated city or a few, and effects with a counterfactual that is arithmetic by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd

import scale_impact as si
from scale_impact.core.effect import Effect, Estimate, Family, Sample
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.pilots import pilots
from tests.panels import NEVER, framed

NONE = "no standard error: one city"

# ---- panels ------------------------------------------------------------------------------------------------------------


def cities(paths, starts, **choices):
    """Panel and design of paths by city, from 2001 on; ``starts`` says who is treated from when."""
    rows = [{"city": name, "year": 2001 + k, "y": float(v)} for name, path in paths.items() for k, v in enumerate(path)]
    panel = si.Panel.from_frame(pd.DataFrame(rows), unit="city", period="year", outcome="y")
    return panel, si.Design.from_panel(panel, cohorts=starts, **choices)


def two_factors(n=12, t=20, seed=0):
    """Paths by city that share two factors, with loadings of any sign."""
    rng = np.random.default_rng(seed)
    paths = rng.normal(size=(n, 2)) @ rng.normal(size=(2, t)).cumsum(axis=1) + 0.2 * rng.normal(size=(n, t))
    return {f"city {k:02d}": path for k, path in enumerate(paths)}


def walks(n, periods, seed, *, effect=0.0, treated=("c0",), start=None, spread=0.3):
    """Cities c0, c1, ... that follow mixes of two common paths with noise; the treated get an effect from ``start`` on."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(2, periods)).cumsum(axis=1)
    y = rng.dirichlet((1.0, 1.0), n) @ common + spread * rng.normal(size=(n, periods))
    start = periods // 2 if start is None else start
    for k in range(n):
        y[k, start:] += effect * (f"c{k}" in treated)
    return cities({f"c{k}": y[k] for k in range(n)}, dict.fromkeys(treated, 2001 + start))


def world(starts, n_donors, n_periods, *, seed=1, effect=0.0, y=None):
    """Panel and design: a treated unit for each start (a position), donors after them; random walks that share nothing."""
    first = np.array([*starts, *[NEVER] * n_donors], dtype=float)
    if y is None:
        y = np.random.default_rng(seed).normal(size=(len(first), n_periods)).cumsum(axis=1)
        y = y + effect * (np.arange(n_periods) >= first[:, None])
    frame = framed(np.asarray(y, dtype=float), first)
    frame["id"] = "u" + frame["id"].astype(str).str.zfill(3)
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    return panel, si.Design.from_panel(panel, first_treated="g")


def factor_world(seed, n=25, t=34, start=24, effect=0.0):
    """Cities c0, c1, ... with two factors and as much noise of their own; c0 is treated from ``start`` on."""
    rng = np.random.default_rng(seed)
    factors = np.zeros((2, t))
    for k in range(t):
        factors[:, k] = 0.8 * factors[:, k - 1] + 0.6 * rng.normal(size=2)
    y = rng.normal(size=(n, 1)) + rng.normal(size=t) + rng.normal(size=(n, 2)) @ factors + rng.normal(size=(n, t))
    y[0, start:] += effect
    return cities({f"c{k}": y[k] for k in range(n)}, {"c0": 2001 + start})


# ---- answers to worlds ---------------------------------------------------------------------------------------------------


def to_the_mean(worlds):
    """Gaps to the donors' plain mean."""
    return worlds.targets - (worlds.donors @ worlds.outcomes) / worlds.donors.sum(axis=1, keepdims=True)


def mean_of_donors(worlds):
    """Gaps to the donors' mean, each at its own level before: difference in differences."""
    gaps = to_the_mean(worlds)
    return gaps - np.where(worlds.fit, gaps, 0).sum(axis=1, keepdims=True) / worlds.fit.sum(axis=1, keepdims=True)


def nothing_expected(worlds):
    """The path itself: zero would have been."""
    return worlds.targets + 0.0


# ---- effects -------------------------------------------------------------------------------------------------------------


def effect_of(worlds, again, periods, names, starts, fitted, **more):
    """The effect of an estimator that answers worlds; ``names`` are those of all units, the treated first."""
    (u, t), n = worlds.targets.shape, len(names)
    gaps, mine, since = again(worlds), tuple(names[:u]), np.arange(t) - np.asarray(starts)[:, None]
    share = pd.DataFrame(np.full((n - u, u), 1 / (n - u)), index=list(names[u:]), columns=list(mine))
    times = np.unique(since)
    units = [gaps[k][since[k] >= 0].mean() for k in range(u)]
    held = Counterfactual(
        tuple(periods), mine, np.ones(u), tuple(map(int, starts)), tuple(map(int, fitted)),
        worlds.targets, worlds.targets - gaps, **{"donors": share, "worlds": worlds, "again": again} | more,
    )  # fmt: skip
    return Effect(
        "test", Estimate(float(gaps[since >= 0].mean()), reason=NONE), Sample(n, u, t, n * t, n), "none of its own",
        path=_family("event_time", [gaps[since == e].mean() for e in times], event_times=tuple(map(float, times))),
        curves={"units": _family("unit", units, names=mine)}, counterfactual=held, judged_by="placebo",
    )  # fmt: skip


def _family(kind, values, **labels):
    return Family(kind, np.array(values), np.full(len(values), np.nan), None, (NONE,) * len(values), **labels)


def effect_by(again, panel, design, *, key="test", fewest=1, **more):
    """The effect of an estimator that answers worlds, for a panel and design."""
    found = pilots(panel, design, key, fewest=fewest)
    return effect_of(found.worlds(), again, panel.periods, found.names, found.starts, found.fitted, **more)


def plain_mean(panel, design):
    """The effect against the donors' plain mean, with all that checks may ask of it."""
    effect = effect_by(to_the_mean, panel, design, key="plain_mean", fewest=3)
    return replace(effect, estimator="plain_mean", inference="none")


def fitted(name, **options):
    """An estimator of the package as a refit."""
    return lambda panel, design: si.estimate(name, panel, design, **options)
