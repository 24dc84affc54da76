"""Heterogeneity made by simulation, and by hand, for tests of the checks that read it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from scale_impact.core.causal.cross_section import CrossSection
from scale_impact.core.causal.heterogeneity import Heterogeneity
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.panel import Panel


def cross(outcome, exposure, contexts, clusters=None):
    """A cross-section of observations with contexts as covariates."""
    n = len(outcome)
    names = tuple(map(str, contexts.columns))
    frame = contexts.assign(period=1, y=outcome, d=exposure)
    panel = Panel.from_frame(frame, unit=None, period="period", outcome="y")
    return panel, CrossSection(
        outcome=np.asarray(outcome, float), exposure=np.asarray(exposure, float), covariates=contexts.to_numpy(float),
        names=names, columns=names, groups=np.zeros(n, dtype=int), group_names=("period 1",),
        clusters=np.arange(n) if clusters is None else np.asarray(clusters), units=np.arange(n), observations=np.arange(n),
        changes=False, exposure_name="d", outcome_name="y", notes=(), n_periods=1, _panel=panel,
    )  # fmt: skip


def by_hand(scores, cate, contexts, *, clusters=None, folds=None, propensity=None, estimand="ATE", exposure=None):
    """A heterogeneity whose scores, predictions and contexts are given."""
    n = len(scores)
    contexts = pd.DataFrame(contexts)
    _, rows = cross(np.zeros(n), np.arange(n) % 2 if exposure is None else exposure, contexts, clusters)
    return Heterogeneity(
        rows=rows, contexts=contexts, cate=np.asarray(cate, float), scores=np.asarray(scores, float),
        folds=np.zeros(n, dtype=int) if folds is None else np.asarray(folds),
        propensity=np.full(n, 0.5) if propensity is None else np.asarray(propensity), outcome_mean=np.zeros(n), estimand=estimand,
    )  # fmt: skip


def simulated(seed, *, n=600, contexts=3, slope=0.0, mean=1.0, folds=5, noise=2.0, members=1):
    """Scores of effects that are linear in the first context, and predictions by regressions on the other folds.

    ``members`` rows share a cluster, half of their noise and half of each context.
    """
    rng = np.random.default_rng(seed)
    clusters = np.arange(n) // members
    both = lambda *shape: rng.normal(size=(n, *shape)) + (rng.normal(size=(n, *shape))[clusters] if members > 1 else 0)  # noqa: E731
    x = both(contexts)
    scores = mean + slope * x[:, 0] + noise * both()
    fold = rng.permutation(clusters.max() + 1)[clusters] % folds
    cate = np.empty(n)
    design = np.column_stack([np.ones(n), x])
    for k in range(folds):
        out = fold == k
        cate[out] = design[out] @ np.linalg.lstsq(design[~out], scores[~out], rcond=None)[0]
    return by_hand(scores, cate, {f"x{j + 1}": x[:, j] for j in range(contexts)}, clusters=clusters, folds=fold)


def refit(found):
    """What a check is given: estimates whose heterogeneity is ``found``."""
    effect = Effect("dr_learner", Estimate(1.0, 0.1), None, "by hand", heterogeneity=found)
    return lambda panel, design: effect


def asked(name, found, **options):
    """A check of a heterogeneity."""
    import scale_impact as si

    panel, design = data()
    return si.check(name, panel, design, refit(found), **options)


def data():
    """A small panel and an exposure design; checks of heterogeneity do not look at them."""
    frame = pd.DataFrame({"period": 1, "y": [0.0, 1.0, 2.0, 3.0], "d": [0, 1, 0, 1]})
    panel = Panel.from_frame(frame, unit=None, period="period", outcome="y")
    return panel, Design.from_panel(panel, exposure="d")


def doses(found):
    """The same with an exposure that is a dose."""
    return replace(found, rows=replace(found.rows, exposure=np.linspace(0.0, 2.0, len(found.rows))))
