"""Effects of a made-up estimator that subtracts the donors' mean and its own level: cities and their synthetic twins."""

import numpy as np
import pandas as pd

from scale_impact.core.effect import Effect, Estimate, Family, Sample
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.placebos import in_space
from scale_impact.core.synthetic.worlds import Worlds

PREDICTORS = (
    ("income", 10.0, 9.5, 12.0, 0.1),
    ("price", 89.0, 89.0, 107.0, 0.4),
    ("sales 1988", 90.0, 91.0, 108.0, 0.5),
)


def level_only(worlds):
    """Gaps to the donors' mean, less their mean before."""
    gaps = worlds.targets - (worlds.donors @ worlds.outcomes) / worlds.donors.sum(axis=1, keepdims=True)
    return gaps - (gaps * worlds.fit).sum(axis=1, keepdims=True) / worlds.fit.sum(axis=1, keepdims=True)


def twins(starts=(8,), *, donors=10, periods=tuple(range(2000, 2012)), anticipation=0, weights=None, **more):
    """An effect with one treated city a start (a position), whose outcome falls by 5 from then on."""
    u, t = len(starts), len(periods)
    outcomes = 100 + np.random.default_rng(5).normal(0, 1, (u + donors, t)) + np.arange(t)
    for k, start in enumerate(starts):
        outcomes[k, start:] -= 5
    units, time, first = np.arange(u + donors), np.arange(t), np.array(starts)[:, None]
    fit, after = time < first - anticipation, time >= first
    worlds = Worlds(outcomes, np.eye(u, u + donors), np.tile(units >= u, (u, 1)), fit, after, None, units)
    names = tuple(f"City {k + 1}" for k in range(u))
    share = np.full((donors, u), 1 / donors) if weights is None else np.array(weights, dtype=float)
    given = {
        "donors": pd.DataFrame(share, index=[f"Donor {j + 1}" for j in range(len(share))], columns=list(names)),
        "predictors": None, "worlds": worlds, "again": level_only,
    } | more  # fmt: skip
    fitted = tuple(s - anticipation for s in starts)
    gaps = level_only(worlds)
    found = Counterfactual(
        tuple(periods), names, np.ones(u), tuple(starts), fitted, outcomes[:u], outcomes[:u] - gaps, **given
    )
    sample = Sample(u + donors, u, t, (u + donors) * t, u + donors)
    return Effect(
        "synthetic_control", Estimate(-5.0, reason="none"), sample, "none", counterfactual=found, path=_path(found)
    )


def _path(found):
    """Mean gap by periods since the start."""
    since = np.array([np.arange(found.gaps.shape[1]) - s for s in found.starts])
    times = np.unique(since)
    values = np.array([found.gaps[since == e].mean() for e in times])
    nothing = np.full(len(times), np.nan)
    return Family("event_time", values, nothing, None, ("none",) * len(times), event_times=tuple(map(float, times)))


def balance(names=("City 1",)):
    """Predictors as an estimator says them."""
    columns = ("predictor", "observed", "synthetic", "donors", "weight")
    rows = [{"treated": n, **dict(zip(columns, p, strict=True))} for n in names for p in PREDICTORS]
    return pd.DataFrame(rows)


class _Cities:
    unit, never_treated = "city", None


def placebos(effect, draws=200):
    """Donors in the place of the treated."""
    return in_space(effect, _Cities, _Cities, None, draws=draws)


def parts(ax):
    """The panels within an axes, or the axes itself."""
    return ax.child_axes or [ax]


def line(ax, start):
    """The line whose name starts so."""
    return next(x for x in ax.get_lines() if str(x.get_label()).startswith(start))
