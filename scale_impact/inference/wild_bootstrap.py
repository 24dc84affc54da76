"""Wild cluster bootstrap-t: the usual answer to few clusters when both sides have some.

Residuals of whole clusters change their sign at random, the estimator is applied to the data made
so, and its t statistic is compared with that of the data. With the null imposed (WCR, the default)
residuals are those of the model without the effect under test. Right from about six clusters on
each side; with few treated or few control clusters it rejects too seldom (WCR) or too often (WCU).

For least squares (twfe, event_study, did_2x2) it is the bootstrap of Cameron, Gelbach and Miller
(2008). For other linear estimators the null's effect is taken away from the outcomes, two-way
effects are fitted, and the estimator's own weights are applied to the wild data. For estimators
that are not linear each cluster's influence is multiplied instead (a score bootstrap, which cannot
impose the null).

The interval holds all values that the test does not reject. The t statistic's small-sample factor
cancels. Where there are no more sign patterns than draws, all of them are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.blocks import blocks_of
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Count
from scale_impact.core.panel import Panel
from scale_impact.core.targets import Target, family_at, levels_matter
from scale_impact.core.wild import Draws, Weights, draw, multipliers
from scale_impact.core.working_model import Form, form_of, working_models
from scale_impact.errors import EstimationError
from scale_impact.inference._inversion import inverted

Refit = Callable[[Panel, Design], Effect]
Tails = Literal["symmetric", "equal"]

FEW_FOR_SIGNS = 10
"""Below so many clusters two-point multipliers have too few patterns. Source: Webb (2023)."""

MOST = 10**9
"""Most multipliers that are drawn, clusters times draws."""

TIES = 1e-9
"""Statistics that differ by less than this share are equal."""


def judge(
    panel: Panel,
    design: Design,
    refit: Refit,
    effect: Effect,
    targets: Sequence[Target],
    *,
    seed: int = 20251122,
    draws: Count = 9_999,
    weights: Literal["auto", "rademacher", "mammen", "webb"] = "auto",
    null_imposed: bool = True,
    tails: Tails = "symmetric",
    count_observed: bool = True,
) -> list[Wild | None]:
    """Judge estimates by the wild cluster bootstrap.

    Parameters
    ----------
    panel, design, refit, effect:
        The data, the design, the estimator and what it found.
    targets:
        The estimates to judge, ``overall`` first (``core.targets.targets_of``).
    seed:
        Of the draws.
    draws:
        Bootstrap samples; all sign patterns where they are no more than these.
    weights:
        Multipliers of the clusters. ``auto``: ``webb`` (six values) below ten clusters, else
        ``rademacher`` (signs).
    null_imposed:
        Residuals under the null (WCR), or those of the estimate (WCU).
    tails:
        ``symmetric``: absolute t statistics; ``equal``: twice the smaller tail.
    count_observed:
        Count the data among the draws, so that no p-value is zero; False as in boottest and
        fwildclusterboot.

    Returns
    -------
    One judgement a target, all from the same draws; None where there is none.

    Raises
    ------
    EstimationError
        Fewer than two clusters, or an estimate without influence.
    DesignError
        Each observation stands for itself.

    Source: Cameron, Gelbach and Miller (2008); Roodman, MacKinnon, Nielsen and Webb (2019);
    MacKinnon, Nielsen and Webb (2023); Kline and Santos (2012) for scores.
    """
    forms = _forms(panel, design, effect, targets)
    if forms[0] is None:
        other = f"{effect.judged_by}`" if effect.judged_by else "jackknife` or `inference: randomisation`"
        raise EstimationError(
            f"wild_bootstrap: {effect.estimator} with these options says nothing about each unit's influence, or there is no "
            f"variation in it. Use `inference: {other}."
        )
    return _judged(targets, forms, _Chosen(seed, draws, weights, null_imposed, tails, count_observed))


def _judged(targets: Sequence[Target], forms: Sequence[Form | None], chosen: _Chosen) -> list[Wild | None]:
    """Judgements of all targets; those of one kind have the same draws."""
    groups: dict[tuple[bool, int], dict[int, Form]] = {}
    for k, form in enumerate(forms):
        if form is not None:
            groups.setdefault((targets[k].loadings is not None, len(form.scores)), {})[k] = form
    found: dict[int, Wild] = {}
    for (linear, _), group in groups.items():
        judgements = _together([targets[k] for k in group], list(group.values()), chosen, linear)
        found |= dict(zip(group, judgements, strict=True))
    return [found.get(k) for k in range(len(targets))]


NOISE = 1e-10
"""Of an estimate: scores that are no larger are rounding errors, such as where each cohort is one cluster."""


@dataclass(frozen=True)
class _Chosen:
    """The options."""

    seed: int
    draws: int
    weights: Literal["auto", "rademacher", "mammen", "webb"]
    null_imposed: bool
    tails: Tails
    count_observed: bool

    def kind(self, clusters: int) -> Weights:
        if self.weights == "auto":
            return "webb" if clusters < FEW_FOR_SIGNS else "rademacher"
        return self.weights


def _together(targets: Sequence[Target], forms: Sequence[Form], chosen: _Chosen, linear: bool) -> list[Wild]:
    """Judgements from the same draws; where scores are drawn no null is imposed."""
    clusters = len(forms[0].scores)
    if clusters < 2:
        raise EstimationError("wild_bootstrap needs two clusters; here is one. Use `inference: analytic`.")
    if clusters * chosen.draws > MOST:
        raise EstimationError(
            f"wild_bootstrap: {clusters:,} clusters times {chosen.draws:,} draws are more than {MOST:.0e}. So many clusters need no "
            "bootstrap: use `inference: analytic`, or fewer draws."
        )
    kind = chosen.kind(clusters)
    every = kind == "rademacher" and clusters <= 40 and 2 ** (clusters - 1) <= chosen.draws
    codes = multipliers(kind, clusters, chosen.draws, chosen.seed, every=every)
    patterns = f"all {2**clusters:,} sign patterns" if every else f"{chosen.draws:,} draws, seed {chosen.seed}"
    words = (
        f"interval and p-value by {_method(chosen.null_imposed if linear else None)}, {kind.capitalize()} multipliers of "
        f"{clusters} clusters, {patterns}{', equal tails' if chosen.tails == 'equal' else ''}"
    )
    imposed = linear and chosen.null_imposed
    return [
        Wild(t.value, f, many, imposed, chosen.tails, every, chosen.count_observed, words)
        for t, f, many in zip(targets, forms, draw(forms, kind, codes), strict=True)
    ]


def _method(imposed: bool | None) -> str:
    if imposed is None:
        return (
            "the multiplier bootstrap-t of the clusters' influence (the estimator is not linear, so no null is imposed)"
        )
    return (
        f"the wild cluster bootstrap-t with the null {'' if imposed else 'not '}imposed ({'WCR' if imposed else 'WCU'})"
    )


def _forms(panel: Panel, design: Design, effect: Effect, targets: Sequence[Target]) -> list[Form | None]:
    """Forms of linear targets, and of scores for others; None where there is no variation."""
    linear = [t for t in targets if t.loadings is not None]
    made: Iterator[Form] = iter(())
    if linear:
        blocks = blocks_of(panel, design, levels=levels_matter(linear))
        models = working_models(effect, panel, design, blocks, linear)
        made = (form_of(blocks, t, m) for t, m in zip(linear, models, strict=True))
    found = [_score_form(effect, t) if t.loadings is None else next(made) for t in targets]
    return [
        f if f is not None and f.error > NOISE * abs(t.value) else None for f, t in zip(found, targets, strict=True)
    ]


def _score_form(effect: Effect, target: Target) -> Form | None:
    """Influence of the clusters in place of scores; the mean is taken out again in each draw."""
    holder = effect if target.place == "overall" else family_at(effect, target.place)
    influence = None if holder is None else holder.influence
    if influence is None:
        return None
    scores: Floats = influence.by_cluster[:, target.k]
    scores = scores[scores != 0]
    if len(scores) < 2:
        return None
    scores = scores - scores.mean()
    c = len(scores)
    return Form(scores, np.zeros(c), np.ones((c, 1)), scores[None] / c, np.zeros((1, c)))


@dataclass(frozen=True, eq=False)
class Wild:
    """A bootstrap distribution, for any null value.

    Attributes
    ----------
    value:
        The estimate.
    form, draws:
        Its scores, and their wild draws.
    imposed:
        Whether the null is imposed.
    tails, every, count_observed:
        As asked; ``every``: the draws are half of all sign patterns, the other half mirrors them.
    words:
        The method, as it stands in results.
    """

    value: float
    form: Form
    draws: Draws
    imposed: bool
    tails: Tails
    every: bool
    count_observed: bool
    words: str
    std_error: float | None = None
    df: float | None = None

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect."""
        return self.p_of(0.0)

    def p_of(self, null: float) -> float:
        """Two-sided p-value of a null value."""
        d = null - self.value if self.imposed else 0.0
        error, squares = self.draws.at(d)
        t = (self.value - null) / self.form.error
        if self.tails == "symmetric":
            return self._share(error * error >= t * t * squares * (1 - TIES))
        spread = np.sqrt(squares)
        slack = TIES * abs(t) * spread
        above, below = error >= t * spread - slack, error <= t * spread + slack
        if self.every:
            mirrored = (-error >= t * spread - slack), (-error <= t * spread + slack)
            above, below = (np.concatenate(pair) for pair in zip((above, below), mirrored, strict=True))
        return min(1.0, 2 * min(self._share(above), self._share(below)))

    def _share(self, extreme: NDArray[np.bool_]) -> float:
        """Share of draws that are as extreme as the data; these are one of them."""
        count, total = int(np.count_nonzero(extreme)), len(extreme)
        if self.every and self.imposed:  # all signs alike gives the data back
            return count / total if self.count_observed else max(count - 1, 0) / total
        return (count + 1) / (total + 1) if self.count_observed else count / total

    def interval(self, level: float) -> tuple[float, float] | None:
        """All values that the test does not reject; an end is infinite where none is rejected."""
        return inverted(self.p_of, self.value, self.form.error, level)
