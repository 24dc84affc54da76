"""Simulated cities with known effects by context, for tests of the estimators of heterogeneous effects."""

import numpy as np
import pandas as pd

import scale_impact as si

CONTEXTS = ["b", "kind"]
COVARIATES = ["a", "b", "kind"]
FAST = {"learner": {"outcome": "ridge_cv", "treatment": "linear"}}


def world(n=240, seed=0):
    """One row a unit: the effect is 1 + b, and exposure and outcome depend on a."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    d = (rng.random(n) < 1 / (1 + np.exp(-a))).astype(int)
    y = a + b + d * (1 + b) + rng.normal(size=n)
    kind = np.where(rng.random(n) < 0.5, "port", "inland")
    return pd.DataFrame({"id": np.arange(n), "t": 1, "y": y, "d": d, "a": a, "b": b, "kind": kind, "same": 3})


def exposures(frame, cluster=None):
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    return panel, si.Design.from_panel(panel, exposure="d", cluster=cluster)


def changes(frame, seed=1):
    """The same units before and after, with a level of their own."""
    rng = np.random.default_rng(seed)
    level = 5 * rng.normal(size=len(frame)) + frame["a"]
    first = np.where(frame["d"] == 1, 2.0, np.inf)
    both = [frame.assign(t=1, y=level, first=first), frame.assign(t=2, y=level + frame["y"], first=first)]
    panel = si.Panel.from_frame(pd.concat(both), unit="id", period="t", outcome="y")
    return panel, si.Design.from_panel(panel, first_treated="first")


def estimated(name, data, **options):
    given = {"covariates": COVARIATES, "contexts": CONTEXTS, **FAST} | options
    return si.estimate(name, *data, **given)
