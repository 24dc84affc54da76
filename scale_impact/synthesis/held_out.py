"""Held-out test: how well each city would have been predicted from the others, so that the answer carries its own track record.

One city after the other (with clusters: one cluster after the other) is left out, tau2 is estimated anew, and what was measured there
is held against what the others say: the confidence interval of their mean, the prediction interval of a new city, and the interval
of what is *measured* in a new city, which errs itself and is related to the others where they share controls. The first says how well
the average is known and holds few cities wherever cities differ; the second is what a city asks for, about its true effect; the
third is what the measurements can be held against, and is judged.

Source: Geisser (1975), JASA 70 (predictive sample reuse); Higgins, Thompson and Spiegelhalter (2009); Clopper and Pearson (1934).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check
from scale_impact.core.city_effects import CityEffects
from scale_impact.core.keys import Share, checked
from scale_impact.core.one_thread import one_thread
from scale_impact.core.words import counted
from scale_impact.synthesis.between.estimating import Tau2
from scale_impact.synthesis.between.fitting import Inference
from scale_impact.synthesis.between.taking import take
from scale_impact.synthesis.holding_out import reading
from scale_impact.synthesis.holding_out.leaving import FEWEST, groups_of, too_few
from scale_impact.synthesis.holding_out.pooled import Choices, Without, ends, leave_out
from scale_impact.synthesis.holding_out.record import LEVELS, Coverage, Errors, Side, coverage, errors, side
from scale_impact.synthesis.holding_out.rivals import MEAN, SIMILAR, Told, options_of, rivals_of
from scale_impact.synthesis.pooling import Clusters, Prediction

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

POOLED = "pooled mean"


@dataclass(frozen=True, repr=False, eq=False)
class HeldOut:
    """Each of k cities predicted from the others.

    Attributes
    ----------
    effects:
        What was measured.
    own_low, own_high:
        Interval of what was measured, by its own standard error [k].
    left_out, level:
        ``city`` or ``cluster``; of the intervals.
    without:
        Pooled without each city: mean, intervals, tau2 [k each]; None where there is no test (``why_not``).
    told:
        Other predictions, by name.
    of_mean, of_prediction, of_measured:
        How often what was measured lay in the confidence interval of the others' mean, in the prediction interval of the true effect,
        and in that of what is measured.
    of_similarity:
        As ``of_measured``, by the mean by similarity; None where nobody was predicted by it.
    calibration:
        ``of_measured`` at several levels.
    errors:
        Of each predictor, by name; the first is the pooled mean.
    signs, targets:
        How often the pooled mean was on the same side of zero, and of the target, as what was measured.
    why_not:
        Why there is no test.
    notes:
        What a reader has to know.
    """

    effects: CityEffects
    own_low: Floats
    own_high: Floats
    left_out: str
    level: float
    without: Without | None = None
    told: Mapping[str, Told] = field(default_factory=dict)
    of_mean: Coverage | None = None
    of_prediction: Coverage | None = None
    of_measured: Coverage | None = None
    of_similarity: Coverage | None = None
    calibration: tuple[Coverage, ...] = ()
    errors: Mapping[str, Errors] = field(default_factory=dict)
    signs: Side | None = None
    targets: Side | None = None
    why_not: str | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.of_measured is None:
            return f"HeldOut({counted(len(self.effects), 'city', 'cities')}: no test)"
        shares = [f"{c.hits}/{c.n}" for c in (self.of_mean, self.of_prediction, self.of_measured) if c is not None]
        return f"HeldOut({counted(len(self.effects), 'city', 'cities')}: mean {shares[0]}, prediction {shares[1]}, measured {shares[2]})"

    @property
    def missed(self) -> NDArray[np.bool_]:
        """Cities whose measured effect lies outside the interval of what is measured, [k]."""
        if self.without is None:
            return np.zeros(len(self.effects), dtype=bool)
        low, high, y = self.without.measured_low, self.without.measured_high, self.effects.effects
        return np.asarray((y < low) | (y > high))

    def in_words(self) -> list[str]:
        """The track record in sentences."""
        return reading.sentences(self)

    def table(self) -> pd.DataFrame:
        """One row a city, in the order given: what was measured, what the others say, and whether it lay within."""
        return reading.table(self)

    def check(self) -> Check:
        """Whether intervals of what is measured hold as often as they promise, as the check ``held_out``."""
        return reading.check(self)


@checked
def hold_out(
    effects: CityEffects,
    population: Any = None,
    for_city: Any = None,
    *,
    tau2: Tau2 = "reml",
    inference: Inference = "hartung_knapp",
    prediction: Prediction = "k-1",
    clusters: Clusters = "auto",
    leave: Literal["auto", "city", "cluster"] = "auto",
    similarity: Literal["auto", "always", "never"] = "auto",
    regression: list[str] | None = None,
    target: float | None = None,
    level: Share = 0.95,
) -> HeldOut:
    """Predict each city from the others, and say how that went.

    Parameters
    ----------
    effects:
        k cities; with context, the nearest city and the mean by similarity are tried too.
    population, for_city:
        Cities on whose spread distances are measured, and options of ``for_city.expect`` that say how cities are compared and
        weighted; None: as it does by itself.
    tau2, inference, prediction, clusters:
        As of ``pool``, which predicts.
    leave:
        ``cluster``: all cities of a cluster leave together, as they may know of each other; ``auto``: where there are three clusters
        or more, and one has several cities.
    similarity, regression:
        Whether cities are predicted by similarity too (``auto``: up to 60 cities, a second or two); columns for a meta-regression.
    target, level:
        An effect to be reached: how often is the prediction on the right side of it? Level of the intervals.

    Returns
    -------
    The record; with fewer than three cities (or clusters, where these leave) the reason why there is none.

    Raises
    ------
    DataError, UsageError, DesignError
        Standard errors of 0, named; ``leave: cluster`` without clusters, unknown options; errors that determine each other.
    """
    groups, left_out, said = groups_of(effects, leave, clusters)
    own_df = np.full(len(effects), np.inf) if effects.df is None else effects.df
    own = ends(effects.effects, np.sqrt(effects.variances), own_df, level)
    if len(groups) < FEWEST:
        return HeldOut(effects, *own, left_out, level, why_not=too_few(len(groups), left_out))
    take(effects)
    alone = left_out == "city" and clusters == "auto"
    choices = Choices(tau2, inference, prediction, "ignore" if alone else clusters, level)
    with one_thread(small=True):
        without = leave_out(effects, groups, choices)
        rivals = rivals_of(effects, groups, choices, population, options_of(for_city), similarity, regression)
        told = {t.name: t for t in rivals}
    notes = (*effects.notes, *said, *reading.notes(effects, without, told))
    return _judged(HeldOut(effects, *own, left_out, level, without, told, notes=notes), without, target)


def _judged(found: HeldOut, without: Without, target: float | None) -> HeldOut:
    """Predictions held against what was measured."""
    effects, y, level, own = found.effects, found.effects.effects, found.level, (found.own_low, found.own_high)
    everybody = {POOLED: Told(POOLED, without.mean, without.weights), **found.told}
    plain = found.told[MEAN].values
    return replace(
        found,
        of_mean=coverage(without.low, without.high, y, level),
        of_prediction=coverage(without.predicted_low, without.predicted_high, y, level),
        of_measured=coverage(without.measured_low, without.measured_high, y, level),
        of_similarity=_by_similarity(effects, found.told[SIMILAR], level),
        calibration=tuple(coverage(*without.measured_at(at), y, at) for at in LEVELS),
        errors={n: errors(n, t.values, y, t.noise(effects), plain, t.why_not) for n, t in everybody.items()},
        signs=side(0.0, without.mean, y, *own),
        targets=None if target is None else side(target, without.mean, y, *own),
    )


def _by_similarity(effects: CityEffects, told: Told, level: float) -> Coverage | None:
    """How often the mean by similarity held what was measured, the measurement's own error counted."""
    noise = told.noise(effects)
    if told.error is None or told.df is None or noise is None:
        return None
    error = np.sqrt(np.maximum(told.error**2 + noise, 0.0))
    return coverage(*ends(told.values, error, told.df, level), effects.effects, level)
