"""Question: which trials are considered, and all that is wrong with it, before anything is simulated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from scale_impact.core import keys
from scale_impact.core.experiment.power.noise import FromData, FromModel, Noise
from scale_impact.core.panel import Panel, absent_columns
from scale_impact.core.pilot.thresholds import Direction
from scale_impact.core.settings import Settings
from scale_impact.core.words import counted, number
from scale_impact.errors import DesignError

Kind = Literal["stepped_wedge", "parallel"]

USUAL: Mapping[str, Any] = {
    "kind": "stepped_wedge", "clusters": [12, 24, 48], "periods": [6], "steps": [5], "before": 1, "share": 0.5,
    "strata": [], "noise": "data", "cluster_size": [], "icc": None, "cluster_autocorrelation": 1.0, "sd": None,
    "wanted_effect": 10.0, "wanted_in": "per cent", "direction": "either", "power": 0.8, "alpha": 0.05, "draws": 200,
}  # fmt: skip
"""What is asked where a template does not say it."""

MOST = 40
"""Trials that are compared at most: each is simulated hundreds of times."""


@dataclass(frozen=True)
class Trial:
    """One trial that is considered.

    Attributes
    ----------
    kind:
        ``stepped_wedge``: all start, at dates that are dealt; ``parallel``: some start at one date, the others never.
    clusters, size:
        Cities, and people measured in each city and period (None: as in the data).
    periods, before:
        Periods in all, and before the first start.
    steps:
        Dates of start; 1 for a parallel trial.
    share:
        Share of cities that start in a parallel trial.
    """

    kind: Kind
    clusters: int
    size: int | None
    periods: int
    before: int
    steps: int
    share: float

    @property
    def label(self) -> str:
        """The trial in words, such as ``24 cities, 6 periods, 5 steps``."""
        parts = [f"{self.clusters} clusters"]
        parts += [] if self.size is None else [f"of {self.size:,}"]
        parts = [" ".join(parts), counted(self.periods, "period")]
        return ", ".join(parts if self.kind == "parallel" else [*parts, counted(self.steps, "step")])

    @property
    def starts(self) -> tuple[int, ...]:
        """Positions of the periods in which cities start, one a step: spread evenly from the first to the last."""
        if self.kind == "parallel":
            return (self.before,)
        return tuple(round(p) for p in np.linspace(self.before, self.periods - 1, self.steps))

    @property
    def effort(self) -> tuple[int, int]:
        """What a trial costs: cities by periods, then people."""
        cells = self.clusters * self.periods
        return cells, cells * (self.size or 1)


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked.

    Attributes
    ----------
    trials:
        Those that are considered, the least effort first.
    noise:
        Where outcomes without an effect come from.
    strata:
        Columns: dates are dealt among cities that have the same values there.
    wanted, per_cent, direction, log, level:
        The effect that should be noticed (a positive number), whether it is in per cent, its sign, whether the outcome
        is a logarithm, and the mean outcome that per cent are of.
    power, alpha, draws, seed:
        How often it should be noticed, in a test at level alpha; simulated trials of each kind, and their seed.
    """

    trials: tuple[Trial, ...]
    noise: Noise
    strata: tuple[str, ...]
    wanted: float
    per_cent: bool
    direction: Direction
    log: bool
    level: float
    power: float
    alpha: float
    draws: int
    seed: int

    @property
    def effect(self) -> float | None:
        """The wanted effect in the outcome's unit, positive; None where per cent say nothing."""
        if not self.per_cent:
            return self.wanted
        if self.log:
            share = self.wanted / 100
            return -math.log1p(-share) if self.direction == "down" else math.log1p(share)
        return self.level * self.wanted / 100 if self.level > 0 else None

    @property
    def wish(self) -> str:
        """The wanted effect in words."""
        return f"{number(self.wanted)} %" if self.per_cent else f"{number(self.wanted)} (in the outcome's unit)"


def question_of(panel: Panel, settings: Settings, parameters: Mapping[str, Any], *, log: bool) -> Question:
    """What a study asks, with the template's parameters (``USUAL``).

    Raises
    ------
    DesignError
        All that is wrong with the parameters at once.
    """
    asked = {k: parameters.get(k, v) for k, v in USUAL.items()}
    problems = [*_wrong_numbers(asked, log), *_of_study(panel, settings, asked)]
    trials = [] if problems else _trials(asked)
    problems += [p for t in trials for p in _impossible(t)] if len(trials) <= MOST else [_too_many(len(trials))]
    table = _complete(panel)
    problems += [] if problems else _noise_problems(table, asked, trials)
    if problems:
        raise DesignError(list(dict.fromkeys(problems)))
    noise = FromData(table, _columns(panel, settings, asked)) if asked["noise"] == "data" else FromModel(
        float(table.mean()), asked["sd"], asked["icc"], asked["cluster_autocorrelation"]
    )  # fmt: skip
    return Question(
        tuple(sorted(trials, key=lambda t: t.effort)), noise, tuple(asked["strata"]), float(asked["wanted_effect"]), asked["wanted_in"] == "per cent",
        asked["direction"], log, float(table.mean()), asked["power"], asked["alpha"], asked["draws"], settings.seed,
    )  # fmt: skip


def _complete(panel: Panel) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Outcomes of the units that are observed in each period, [N, T]."""
    return _table(panel, np.asarray(panel.values))


def _table(panel: Panel, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Values of the units that are observed in each period, [N, T]."""
    units = np.flatnonzero(panel.cell_counts() == panel.n_periods)
    return values[np.isin(panel.unit_codes, units)].reshape(len(units), panel.n_periods)


def _named(settings: Settings, asked: Mapping[str, Any]) -> list[str]:
    """Columns that the trial's estimator and its dealing need beside the outcome."""
    first = settings.estimators[0]
    options = [column for _, column in keys.columns("estimators", first.name, "fit", first.options)]
    return list(dict.fromkeys([*asked["strata"], *settings.covariates, *options]))


def _columns(panel: Panel, settings: Settings, asked: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """These columns of the units that are observed in each period, [N, T] each."""
    return {name: _table(panel, panel.column(name)) for name in _named(settings, asked)}


def _trials(asked: Mapping[str, Any]) -> list[Trial]:
    steps = asked["steps"] if asked["kind"] == "stepped_wedge" else [1]
    sizes = asked["cluster_size"] if asked["noise"] == "model" else [None]
    found = itertools.product(asked["clusters"], sizes, asked["periods"], steps)
    return list(
        dict.fromkeys(Trial(asked["kind"], c, m, t, asked["before"], s, asked["share"]) for c, m, t, s in found)
    )


def _too_many(n: int) -> str:
    return (
        f"clusters, cluster_size, periods and steps together are {n:,} trials, more than {MOST}. Ask for fewer at once."
    )


def _wrong_numbers(asked: Mapping[str, Any], log: bool) -> list[str]:
    """Parameters that are out of range."""
    problems = []
    for name, least in (("clusters", 4), ("periods", 2), ("steps", 1), ("cluster_size", 1)):
        wrong = [v for v in asked[name] if v < least]
        problems += [f"{name} has {wrong[0]}; each has to be at least {least}."] if wrong else []
    problems += [f"{n} is empty. Name at least one number." for n in ("clusters", "periods", "steps") if not asked[n]]
    shares = {"share": asked["share"], "power": asked["power"], "alpha": asked["alpha"]}
    problems += [f"{n} is {v}; it has to lie between 0 and 1." for n, v in shares.items() if not 0 < v < 1]
    counts = {"before": asked["before"], "draws": asked["draws"]}
    problems += [f"{n} is {v}; it has to be at least 1." for n, v in counts.items() if v < 1]
    if not asked["wanted_effect"] > 0:
        problems.append(
            f"wanted_effect is {asked['wanted_effect']}; give its size, a positive number, and its sign as direction."
        )
    if asked["direction"] == "down" and log and asked["wanted_in"] == "per cent" and asked["wanted_effect"] >= 100:
        problems.append("wanted_effect is 100 % or more of a fall, which leaves nothing.")
    return problems


def _of_study(panel: Panel, settings: Settings, asked: Mapping[str, Any]) -> list[str]:
    named, cluster = _named(settings, asked), settings.design.cluster
    problems = absent_columns(panel.frame.columns, named)
    if asked["noise"] == "model" and named:
        problems.append(
            f"noise: model simulates outcomes and nothing else, and {', '.join(named)} {'is' if len(named) == 1 else 'are'} asked for (strata, "
            "covariates, options of the estimator). Use `noise: data`, or leave them out for the plan."
        )
    if cluster is not None and cluster != panel.unit:
        problems.append(
            f"design.cluster: {cluster} is above {panel.unit}, and dates are dealt to each {panel.unit} by itself. Let what is dealt be the study's "
            "unit, its outcomes summed or averaged."
        )
    if not (panel.cell_counts() == panel.n_periods).any():
        problems.append(
            f"No {panel.unit} is observed in each period before the start, so there is nothing to learn from."
        )
    return problems


def _impossible(trial: Trial) -> list[str]:
    """Why a trial cannot be run."""
    room = trial.periods - trial.before
    if room < 1:
        return [f"{trial.label}: before is {trial.before}, so no period is left to start in. Use more periods."]
    if trial.kind == "stepped_wedge" and trial.steps > room:
        return [
            f"{trial.label}: {trial.steps} steps do not fit into {counted(room, 'period')} after the first {trial.before}."
        ]
    if trial.kind == "stepped_wedge" and trial.clusters < 2 * trial.steps:
        return [f"{trial.label}: fewer than two clusters a step. Use more clusters or fewer steps."]
    treated = round(trial.share * trial.clusters)
    if trial.kind == "parallel" and min(treated, trial.clusters - treated) < 2:
        return [
            f"{trial.label}: {treated} of {trial.clusters} clusters start; both groups need two. Change share or clusters."
        ]
    return []


def _noise_problems(table: Any, asked: Mapping[str, Any], trials: list[Trial]) -> list[str]:
    """What noise from the data, or a model of it, cannot do."""
    if asked["noise"] == "data":
        longest, there = max(t.periods for t in trials), table.shape[1]
        return [] if longest <= there else [
            f"periods has {longest}, and the data before the start have {there}. Use fewer, or `noise: model`."
        ]  # fmt: skip
    needed = {"sd": asked["sd"], "icc": asked["icc"]}
    problems = [
        f"{n} is missing: `noise: model` needs sd, icc and cluster_size." for n, v in needed.items() if v is None
    ]
    problems += (
        [] if asked["cluster_size"] else ["cluster_size is empty: `noise: model` needs sd, icc and cluster_size."]
    )
    if asked["sd"] is not None and not asked["sd"] > 0:
        problems.append(f"sd is {asked['sd']}; the standard deviation between people has to be positive.")
    shares = {"icc": asked["icc"], "cluster_autocorrelation": asked["cluster_autocorrelation"]}
    return problems + [
        f"{n} is {v}; it has to lie from 0 to 1." for n, v in shares.items() if v is not None and not 0 <= v <= 1
    ]
