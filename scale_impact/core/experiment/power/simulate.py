"""Simulated trials: dealt anew, without an effect, estimated and judged as the study will be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.experiment.power.noise import Drawn
from scale_impact.core.experiment.power.question import Question, Trial
from scale_impact.core.panel import Panel
from scale_impact.core.settings import Settings
from scale_impact.errors import DesignError, EstimationError

Fit = Callable[[Panel, Design], Effect]
"""The study's first estimator with its inference."""

Floats = NDArray[np.float64]
START = "start of this trial"
SAME = 1e-6


def deal(trial: Trial, rng: np.random.Generator, strata: NDArray[np.int64] | None = None) -> Floats:
    """First treated period of each city (a position; inf: never), dealt at random in equal numbers, within strata [clusters] where given."""
    codes = np.zeros(trial.clusters, dtype=np.int64) if strata is None else strata
    starts = np.empty(trial.clusters)
    for stratum in np.unique(codes):
        members = np.flatnonzero(codes == stratum)
        starts[members] = _dealt(trial, len(members), rng)
    return starts


def _dealt(trial: Trial, n: int, rng: np.random.Generator) -> Floats:
    """Starts of n cities; what does not divide goes to any date (to either arm) by lot."""
    if trial.kind == "parallel":
        wanted = trial.share * n
        treated = int(wanted) + (rng.random() < wanted - int(wanted))
        return rng.permutation(np.where(np.arange(n) < treated, float(trial.before), np.inf))
    return rng.permutation(np.resize(rng.permutation(trial.starts), n)).astype(float)


def strata_of(drawn: Drawn, names: Sequence[str]) -> NDArray[np.int64] | None:
    """Which cities are dealt among each other: those with the same values in the first period; None where all are."""
    if not names:
        return None
    first = pd.DataFrame({n: drawn.columns[n][:, 0] for n in names})
    return np.asarray(first.groupby(list(names), dropna=False, sort=True).ngroup(), dtype=np.int64)


def panel_of(drawn: Drawn, starts: Floats, settings: Settings, outcome: str) -> Panel:
    """A trial's data as a panel with the study's own names of columns."""
    n, t = drawn.outcomes.shape
    rows = {
        settings.unit or "unit": np.repeat([f"city {i + 1:04d}" for i in range(n)], t),
        settings.period: np.tile(np.arange(1, t + 1), n),
        **{name: values.ravel() for name, values in drawn.columns.items()},
        outcome: drawn.outcomes.ravel(),
        START: np.repeat(starts + 1, t),
    }
    return Panel.from_frame(pd.DataFrame(rows), unit=settings.unit or "unit", period=settings.period, outcome=outcome)


def design_of(panel: Panel, settings: Settings) -> Design:
    """Who starts when, with the study's choices of comparison."""
    chosen = settings.design
    return Design.from_panel(
        panel,
        first_treated=START,
        control=chosen.control,
        anticipation=chosen.anticipation,
        base_period=chosen.base_period,
    )


def intervals(trial: Trial, question: Question, settings: Settings, fit: Fit, outcome: str, number: int) -> Floats:
    """Interval ends of trials in which nothing happens, [draws, 2]; infinite where a trial has none."""
    found = np.empty((question.draws, 2))
    for k in range(question.draws):
        rng = np.random.default_rng([question.seed, number, k])
        drawn, starts = _trial(trial, question, rng)
        found[k] = _ends(panel_of(drawn, starts, settings, outcome), question.alpha, settings, fit)
    return found


def _trial(trial: Trial, question: Question, rng: np.random.Generator) -> tuple[Drawn, Floats]:
    """Cities of a trial and when each of them starts."""
    drawn = question.noise.draw(trial.clusters, trial.periods, trial.size, rng)
    return drawn, deal(trial, rng, strata_of(drawn, question.strata))


def _ends(panel: Panel, alpha: float, settings: Settings, fit: Fit) -> tuple[float, float]:
    ends = fit(panel, design_of(panel, settings)).overall.interval(1 - alpha)
    return (-np.inf, np.inf) if ends is None else ends


def try_out(question: Question, settings: Settings, fit: Fit, outcome: str) -> None:
    """One simulated trial, twice: as it is, and with an effect added, by which estimate and interval have to move.

    Raises
    ------
    DesignError
        The study's design does not suit the trial.
    EstimationError
        The estimator has no interval there, or does not move by the effect.
    """
    trial = question.trials[0]
    rng = np.random.default_rng([question.seed, 0, 0])
    drawn, starts = _trial(trial, question, rng)
    if question.effect is None:
        raise DesignError(
            "wanted_in is per cent, and the mean outcome is not positive: give the effect in its unit (`wanted_in: unit`)."
        )
    on = (np.arange(trial.periods) >= starts[:, None]) * question.effect
    plain, moved = (
        _ends(panel_of(d, starts, settings, outcome), question.alpha, settings, fit)
        for d in (drawn, replace(drawn, outcomes=drawn.outcomes + on))
    )
    if not np.isfinite(plain).any():
        raise EstimationError(
            f"{settings.estimators[0].name} has no interval for {trial.label}, so nothing would be noticed. Use more cities or another "
            "estimator or inference."
        )
    shift = np.array(moved) - np.array(plain)
    if (np.abs(shift[np.isfinite(shift)] - question.effect) > SAME * _scale(plain, question.effect)).any():
        raise EstimationError(
            f"{settings.estimators[0].name}: its interval does not move by an effect that is added, so trials without one do not say what it "
            "would notice. Use an estimator that is linear in outcomes, such as randomised_rollout, twfe or callaway_santanna, with an interval that "
            "moves along."
        )


def _scale(ends: Any, effect: float) -> float:
    known = [abs(e) for e in ends if np.isfinite(e)]
    return float(max([effect, *known]))
