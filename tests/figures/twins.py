"""Effects of a made-up estimator that subtracts the donors' mean and its own level: cities and their synthetic twins."""

from dataclasses import replace

import numpy as np
import pandas as pd

from scale_impact.core.effect import Estimate
from scale_impact.core.synthetic.placebos import in_space
from scale_impact.core.synthetic.worlds import Worlds
from tests.pilots import effect_of, mean_of_donors

PREDICTORS = (
    ("income", 10.0, 9.5, 12.0, 0.1),
    ("price", 89.0, 89.0, 107.0, 0.4),
    ("sales 1988", 90.0, 91.0, 108.0, 0.5),
)


def twins(starts=(8,), *, donors=10, periods=tuple(range(2000, 2012)), anticipation=0, weights=None, **more):
    """An effect with one treated city a start (a position), whose outcome falls by 5 from then on."""
    u, t = len(starts), len(periods)
    outcomes = 100 + np.random.default_rng(5).normal(0, 1, (u + donors, t)) + np.arange(t)
    for k, start in enumerate(starts):
        outcomes[k, start:] -= 5
    units, time, first = np.arange(u + donors), np.arange(t), np.array(starts)[:, None]
    fit, after = time < first - anticipation, time >= first
    worlds = Worlds(outcomes, np.eye(u, u + donors), np.tile(units >= u, (u, 1)), fit, after, None, units)
    names = [*(f"City {k + 1}" for k in range(u)), *(f"Donor {j + 1}" for j in range(donors))]
    if weights is not None:
        more["donors"] = pd.DataFrame(np.array(weights, dtype=float), index=names[u:], columns=names[:u])
    effect = effect_of(worlds, mean_of_donors, periods, names, starts, [s - anticipation for s in starts], **more)
    return replace(effect, estimator="synthetic_control", overall=Estimate(-5.0, reason="none"), judged_by=None)


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
