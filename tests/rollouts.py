"""Small randomised roll-outs, and their numbers made the slow and plain way."""

from itertools import permutations

import numpy as np
import pandas as pd

import scale_impact as si

NEVER = 99


def wedge(starts, periods=5, members=1, seed=1, effect=1.0, strata=None):
    """Clusters with first treated periods, `members` people each drawn anew in each period; strata by cluster."""
    rng = np.random.default_rng(seed)
    rows = [
        {"town": f"t{c:02d}", "t": t, "z": int(t >= start), "g": start, "w": float(rng.integers(1, 5)),
         "x": rng.normal(), "part": "a" if strata is None else strata[c], "noise": rng.normal()}
        for c, start in enumerate(starts) for t in range(periods) for _ in range(members)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    level = pd.Series(rng.normal(size=len(starts)), index=sorted(frame["town"].unique()))
    frame["y"] = frame["town"].map(level) + 0.3 * frame["t"] + effect * frame["z"] + frame["x"] + frame["noise"]
    frame["got"] = ((rng.random(len(frame)) < 0.2 + 0.6 * frame["z"]) * 1.0).to_numpy()
    return frame


def trial(frame, **design):
    """Panel and design of a wedge with one row a town and period."""
    panel = si.Panel.from_frame(frame, unit="town", period="t", outcome="y")
    return panel, si.Design.from_panel(panel, treated="z", **{"control": "not_yet", **design})


def lottery(frame, **design):
    """Panel and design of people of one period, `z` dealt."""
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    return panel, si.Design.from_panel(panel, exposure="z", **design)


def dealings(starts, strata=None):
    """All different dealings of starts to clusters within strata."""
    strata = [0] * len(starts) if strata is None else strata
    found = set()
    for order in permutations(range(len(starts))):
        if all(strata[i] == strata[j] for i, j in enumerate(order)):
            found.add(tuple(starts[j] for j in order))
    return sorted(found)


def dummies(frame, *columns):
    keys = frame[list(columns)].astype(str).agg("|".join, axis=1)
    return pd.get_dummies(keys).to_numpy(float)


def least_squares(y, regressors, others, weights, cluster, contrast):
    """Contrast of the regressors' coefficients, and its sum of squared cluster scores, by weighted least squares on all columns."""
    root = np.sqrt(weights)[:, None]
    rest = lambda v: root * v - (root * others) @ np.linalg.pinv(root * others) @ (root * v)  # noqa: E731
    x, e = rest(regressors), rest(y[:, None])[:, 0]
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ e
    scores = (x * (e - x @ beta)[:, None]) @ inverse @ contrast
    return float(contrast @ beta), float((pd.Series(scores).groupby(np.asarray(cluster)).sum() ** 2).sum())
