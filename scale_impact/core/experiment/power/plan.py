"""Plan: what each trial would notice, and which is the smallest that suffices."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from scale_impact.core.effect import Effect, Estimate, Sample
from scale_impact.core.experiment.power.noise import Floats, FromModel, gls_variance
from scale_impact.core.experiment.power.question import Question, Trial
from scale_impact.core.experiment.power.simulate import deal, intervals
from scale_impact.core.panel import Panel
from scale_impact.core.pilot.thresholds import OnLogScale, power_at, smallest, standard_error
from scale_impact.core.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.core.design import Design


@dataclass(frozen=True, eq=False)
class Prospect:
    """A trial and what it would notice.

    Attributes
    ----------
    trial:
        The trial.
    thresholds:
        [draws, S], smallest effect noticed in each simulated trial, one column a sign.
    power:
        Share of simulated trials that notice the wanted effect.
    mde:
        Minimum detectable effect with the asked power; no value, with the reason, where some trials would notice nothing.
    false_alarms:
        Share of simulated trials without an effect in which one was found.
    formula:
        The minimum detectable effect by Hussey and Hughes' formula, where noise follows their model.
    """

    trial: Trial
    thresholds: Floats
    power: float
    mde: Estimate
    false_alarms: float
    formula: float | None

    @property
    def sample(self) -> Sample:
        """Counts of the trial."""
        t = self.trial
        treated = t.clusters if t.kind == "stepped_wedge" else round(t.share * t.clusters)
        return Sample(t.clusters, treated, t.periods, t.clusters * t.periods, t.clusters)


@dataclass(frozen=True, eq=False)
class PowerPlan:
    """All trials that were considered, and the smallest that suffices (None: none does)."""

    question: Question
    prospects: tuple[Prospect, ...]
    found: Prospect | None
    notes: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether a trial that was considered suffices."""
        return self.found is not None

    @property
    def best(self) -> Prospect:
        """The smallest trial that suffices, or the one with the largest power."""
        return self.found or max(self.prospects, key=lambda p: p.power)

    def to_frame(self) -> pd.DataFrame:
        """One row a trial: power, the smallest effect that it would notice, and how often it cries wolf."""
        import pandas as pd

        rows = [
            {
                "trial": p.trial.label, "power, wanted effect": p.power, "smallest effect noticed": p.mde.value,
                "in per cent": self.per_cent(p.mde.value), "false alarms": p.false_alarms, "by formula": p.formula,
            }
            for p in self.prospects
        ]  # fmt: skip
        table = pd.DataFrame(rows).set_index("trial")
        return table if any(p.formula is not None for p in self.prospects) else table.drop(columns="by formula")

    def per_cent(self, effect: float | None) -> float | None:
        """An effect in per cent of the mean outcome; None where that says nothing."""
        q = self.question
        if effect is None or not (q.log or q.level > 0):
            return None
        if not q.log:
            return 100 * effect / q.level
        return 100 * (-math.expm1(-effect) if q.direction == "down" else math.expm1(effect))


def make_plan(
    question: Question,
    settings: Settings,
    fit: Callable[[Panel, Design], Effect],
    outcome: str,
    notes: tuple[str, ...] = (),
) -> PowerPlan:
    """Simulate each trial and say what it would notice."""
    found = tuple(_prospect(t, question, settings, fit, outcome, k + 1) for k, t in enumerate(question.trials))
    enough = [p for p in found if p.power >= question.power]
    return PowerPlan(question, found, enough[0] if enough else None, notes)


def _prospect(
    trial: Trial,
    question: Question,
    settings: Settings,
    fit: Callable[[Panel, Design], Effect],
    outcome: str,
    number: int,
) -> Prospect:
    ends = intervals(trial, question, settings, fit, outcome, number)
    thresholds = _noticed(ends, question)
    effect = question.effect
    power = math.nan if effect is None else power_at(thresholds, effect)
    found = float(((ends[:, 0] > 0) | (ends[:, 1] < 0)).mean())
    return Prospect(trial, thresholds, power, _smallest(thresholds, question), found, _formula(trial, question))


def _noticed(ends: Floats, question: Question) -> Floats:
    """Smallest effect, up and down, that moves the interval off zero; effects have the right sign."""
    sides = {"up": [-ends[:, 0]], "down": [ends[:, 1]], "either": [-ends[:, 0], ends[:, 1]]}[question.direction]
    return np.maximum(np.stack(sides, axis=1), 0.0)


def _smallest(thresholds: Floats, question: Question) -> Estimate:
    value = smallest(thresholds, question.power)
    if value is None:
        lost = int(np.isinf(thresholds).any(axis=1).sum())
        return Estimate(None, reason=f"{lost} of {len(thresholds)} simulated trials would notice nothing at all")
    error = standard_error(np.where(np.isfinite(thresholds), thresholds, value), question.power, len(thresholds))
    words = f"smallest effect noticed in {question.power:.0%} of {len(thresholds)} simulated trials".replace("%", " %")
    return Estimate(value, error, judged=OnLogScale(value, error, words))


def _formula(trial: Trial, question: Question) -> float | None:
    """Minimum detectable effect with known variances; None where noise follows no model."""
    if not isinstance(question.noise, FromModel):
        return None
    starts = deal(trial, np.random.default_rng(question.seed))
    treated = (np.arange(trial.periods) >= starts[:, None]).astype(float)
    times = float(ndtri(1 - question.alpha / 2) + ndtri(question.power))
    return times * math.sqrt(gls_variance(treated, question.noise, trial.size))
