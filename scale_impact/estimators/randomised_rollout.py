"""An experiment that a city ran: a randomised roll-out, judged by the dealings that chance could have made.

For stepped wedges (dates dealt to clusters), parallel groups and single people. The number is the *intention to treat*: what
being assigned did, whoever took the measure up. What chance dealt is known, so that p-value and interval need neither many
clusters nor a distribution: the roll-out is dealt again, within the same strata, and estimated again for each dealing. With
``received`` the effect per treatment received stands beside it.

Right where chance dealt as the design says: strata that are not named make p-values wrong, and a roll-out that was no
lottery has none. With several dates all models but ``vertical`` also compare with clusters that are treated already; where
effects grow with time since the start, one number for all times misleads even in a perfect experiment: see ``path``, and
``effect: exposure_time``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from scale_impact.core.analysis import MANY_CLUSTERS
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family
from scale_impact.core.experiment.dealing import Codes, Dealings, deal, possible
from scale_impact.core.experiment.mixed import MixedModel, mixed_model, whitened
from scale_impact.core.experiment.rollout import Rollout, informative, rollout_of
from scale_impact.core.experiment.rollout_columns import (
    Columns,
    Effects,
    by_exposure_time,
    by_period,
    columns_of,
    immediate,
    whitening,
)
from scale_impact.core.experiment.rollout_regression import Regression, Whiten, observed, orthonormal, regression
from scale_impact.core.experiment.rollout_scheme import dealt_by, hold_against, read_scheme
from scale_impact.core.influence import Influence
from scale_impact.core.keys import Column, Count, RecordPath
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number, some
from scale_impact.errors import EstimationError, UsageError
from scale_impact.estimators._experiment import (
    ASSIGNED,
    OUTCOME,
    RECEIVED,
    Compliers,
    Dealt,
    Deck,
    Statistic,
    Vcov,
    errors_of,
    estimate_of,
)

if TYPE_CHECKING:
    from scale_impact.core.experiment.randomise_record import Assignment

EXPOSURE = True

Model = Literal["time_adjusted", "vertical", "mixed"]
Course = Literal["constant", "exposure_time"]
Random = Literal["cluster", "cluster_period", "unit"]

ENOUGH = 20
"""So many dealings, at least, are needed to reject anything at 5 %."""

APART = 2.0
"""Standard errors from which on the effect by exposure time and the constant one are said to differ."""


def fit(
    panel: Panel,
    design: Design,
    *,
    model: Model = "time_adjusted",
    effect: Course = "constant",
    effects: Effects = "auto",
    random: Random = "cluster",
    strata: Sequence[Column] = (),
    scheme: RecordPath | None = None,
    received: Column | None = None,
    estimand: Literal["ITT", "LATE"] = "ITT",
    covariates: Sequence[Column] = (),
    weights: Column | None = None,
    always_treated: bool = False,
    intervals: Literal["dealings", "model"] = "dealings",
    statistic: Statistic = "studentised",
    vcov: Vcov = "CR1",
    draws: Count = 9_999,
    seed: int = 20251122,
) -> Effect:
    """The effect of being assigned to treatment, in the outcome's unit.

    ``model``: ``time_adjusted`` (least squares with effects of periods within strata, and of ``effects``: units where dates were dealt and
    units are followed, else clusters; none where exposures were dealt), ``vertical`` (clusters compared within each period), or ``mixed``
    (``random`` intercepts of clusters, or of their periods or units too). ``effect``: ``constant``, or the mean over the times since
    treatment began. ``strata``: columns within which chance dealt; ``scheme``: file of the assignment that ``randomise`` saved.
    ``received``: column of the treatment received (0/1 or a share); ``estimand: LATE`` makes the effect per treatment received the overall
    one. ``covariates`` from before the dealing; ``weights`` of rows; ``always_treated`` keeps clusters treated from the first period on.
    ``intervals`` by the experiment's ``dealings`` (all, or ``draws``; ``statistic``) or by the ``model``, with ``vcov`` by clusters or ``iid``.

    Returns
    -------
    Effect: ``overall``; ``path`` by time since treatment began; ``by_period`` (``vertical``); ``summaries``: ``constant``,
    ``exposure_time``, and with ``received`` also ``ITT``, ``LATE`` and ``received``.

    Raises
    ------
    DesignError
        What was dealt differs within clusters or from the scheme; a threshold or a dose; nothing to compare; wrong columns.
    EstimationError
        Effects and covariates explain who is treated; the mixed model does not converge.
    UsageError
        Options that do not go together.

    Source: Hussey and Hughes (2007); Thompson et al. (2018); Ji et al. (2017) and Wang and De Gruttola (2017) on dealing again;
    Kenny et al. (2022) and Maleyeff et al. (2023) on exposure time; Imbens and Rosenbaum (2005) on treatment received.
    """
    _refuse_options(model, effects, random, received, estimand, weights, vcov, design, panel)
    assignment = None if scheme is None else read_scheme(scheme)
    rollout = rollout_of(panel, design, strata=strata, always_treated=always_treated)
    informative(rollout)
    if assignment is not None:
        hold_against(rollout, assignment)
    data = columns_of(rollout, received=received, covariates=covariates, weights=weights)
    choice = _Choice(
        model, _chosen_effects(effects, model, rollout), random, intervals, statistic, vcov, draws, seed, assignment
    )
    return _effect(rollout, _Trial.of(rollout, data, choice), effect, estimand)


@dataclass(frozen=True)
class _Choice:
    """The options that all numbers share."""

    model: Model
    effects: Effects
    random: Random
    intervals: str
    statistic: Statistic
    vcov: Vcov
    draws: int
    seed: int
    scheme: Assignment | None = None


def _refuse_options(
    model: Model, effects: Effects, random: Random, received: str | None, estimand: str, weights: str | None, vcov: Vcov,
    design: Design, panel: Panel,
) -> None:  # fmt: skip
    """What does not go together, all at once."""
    problems = []
    if estimand == "LATE" and received is None:
        problems.append("estimand: LATE is the effect per treatment received: name the column, `received: ...`.")
    if model != "time_adjusted" and effects != "auto":
        problems.append(f"effects: {effects} is of `model: time_adjusted`; {model} has none.")
    if model != "mixed" and random != "cluster":
        problems.append(f"random: {random} is of `model: mixed`.")
    if model == "mixed" and weights is not None:
        problems.append(
            "weights are not for `model: mixed`, which weights rows by its variances. Use `model: time_adjusted`."
        )
    if model == "mixed" and vcov == "iid":
        problems.append("vcov: iid is not for `model: mixed`, whose errors are those of the model.")
    if design.exposed is not None and effects in ("unit", "cluster"):
        problems.append(f"effects: {effects} would explain an exposure that each {effects} has once. Leave it out.")
    if (effects == "unit" and not panel.followed) or (effects == "cluster" and design.cluster is None):
        problems.append(f"effects: {effects} needs {effects}s, and the study names none.")
    if problems:
        raise UsageError([f"randomised_rollout: {p}" for p in problems])


def _chosen_effects(effects: Effects, model: Model, rollout: Rollout) -> Effects:
    if effects != "auto" or model != "time_adjusted" or not rollout.adoption:
        return "none" if effects == "auto" else effects
    if rollout.panel.followed:
        return "unit"
    return "none" if rollout.design.cluster is None else "cluster"


# ---- the regression of a model ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Trial:
    """Rows as the model wants them, the map that makes them independent, and the dealings."""

    rollout: Rollout
    data: Columns
    choice: _Choice
    whiten: Whiten
    absorbed: int
    mixed: MixedModel | None

    @classmethod
    def of(cls, rollout: Rollout, data: Columns, choice: _Choice) -> _Trial:
        if choice.model == "vertical":
            data = data.means().steadied()
        if choice.model != "mixed":
            whiten, absorbed = whitening(data, choice.effects)
            return cls(rollout, data, choice, whiten, absorbed, None)
        found = _mixed(rollout, data, choice.random)
        return cls(rollout, data, choice, whitened(found, data.cluster, _parts(rollout, data, choice.random)), 0, found)

    def regression(self, columns: Floats, contrast: Floats) -> Regression:
        """The sums for some columns of treatment, [n, A, P]."""
        data = self.data
        return regression(
            data.outcomes, columns, data.nuisance, data.cluster, self.whiten, contrast=contrast, absorbed=self.absorbed
        )

    def deck(self, columns: Floats, contrast: Floats) -> Deck:
        """The dealing that was made, and how to make the others."""
        made = self.regression(columns, contrast)
        return Deck(made, observed(made, self.rollout.arms), self.dealings, self.choice.statistic)

    def dealings(self) -> Dealings:
        """The roll-out dealt again."""
        rollout = self.rollout
        if self.choice.scheme is not None:
            return dealt_by(rollout, self.choice.scheme, draws=self.choice.draws, seed=self.choice.seed)
        thing = "observations" if rollout.clustered_by == "observation" else f"clusters ({rollout.clustered_by})"
        return deal(rollout.arms, rollout.strata, draws=self.choice.draws, seed=self.choice.seed, thing=thing)

    def errors(self, deck: Deck, mix: Floats) -> tuple[float, float]:
        """Standard error and degrees of freedom of a mix of the outcomes' effects."""
        if self.mixed is None:
            return errors_of(deck, self.choice.vcov, mix)
        inverse = np.linalg.inv(deck.made.inner[0])
        contrast = deck.regression.contrast
        return float(np.sqrt(contrast @ inverse @ contrast)) * abs(mix[OUTCOME]), float(deck.regression.n_clusters - 2)


def _parts(rollout: Rollout, data: Columns, random: Random) -> Codes | None:
    return {"cluster": None, "cluster_period": data.period, "unit": data.unit}[random]


def _mixed(rollout: Rollout, data: Columns, random: Random) -> MixedModel:
    """The mixed model with an effect from the first treated period on."""
    parts = _parts(rollout, data, random)
    if parts is not None and _one_row_each(data.cluster, parts):
        raise UsageError(
            f"randomised_rollout: random: {random} needs several rows in each part of a cluster, and here each has one: its intercept is the row's own "
            "error. Use `random: cluster`."
        )
    if len(np.unique(data.cluster)) == len(data):
        raise UsageError(
            "randomised_rollout: model: mixed needs clusters of several rows. Name the cluster, or use `model: time_adjusted`."
        )
    fixed = orthonormal(data.nuisance, data.nuisance) * np.sqrt(len(data))
    return mixed_model(
        data.outcomes[:, OUTCOME], np.column_stack([data.outcomes[:, ASSIGNED], fixed]), data.cluster, parts
    )


def _one_row_each(cluster: Codes, parts: Codes) -> bool:
    return len(np.unique(np.stack([cluster, parts]), axis=1).T) == len(cluster)


# ---- numbers ----------------------------------------------------------------------------------------------


def _effect(rollout: Rollout, trial: _Trial, course: Course, estimand: str) -> Effect:
    """All numbers of a trial."""
    constant = trial.deck(immediate(rollout, trial.data.period), np.ones(1))
    columns, times = by_exposure_time(rollout, trial.data.period)
    timed = _by_time(trial, columns, times) if rollout.adoption and len(times) > 1 else None
    if course == "exposure_time" and timed is None:
        raise EstimationError(
            "randomised_rollout: there is no effect by time since treatment began: only one such time is observed, or periods and effects of units explain "
            "it. Use `effect: constant`, or `model: vertical`."
        )
    deck = timed if course == "exposure_time" and timed is not None else constant
    itt = _assigned(trial, deck)
    summaries = {"constant": itt if deck is constant else _assigned(trial, constant)}
    if timed is not None:
        summaries["exposure_time"] = itt if deck is timed else _assigned(trial, timed)
    more, notes = _per_received(trial, deck, itt) if trial.data.outcomes.shape[1] > RECEIVED else ({}, [])
    overall = more["LATE"] if estimand == "LATE" else itt
    return Effect(
        estimator="randomised_rollout",
        overall=overall,
        sample=rollout.sample(),
        inference=_how(trial),
        estimand=estimand,
        path=None if timed is None else _path(trial, timed, times),
        by_period=_periods(trial) if trial.choice.model == "vertical" else None,
        summaries=summaries | more | _correlation(trial),
        influence=None if estimand == "LATE" or trial.choice.vcov == "iid" else _influence(trial, deck, itt),
        notes=(*rollout.design.notes, *trial.data.notes, *_notes(trial, constant, timed), *notes),
        judged_by="analytic",
    )


def _by_time(trial: _Trial, columns: Floats, times: Floats) -> Deck | None:
    """The mean over times since treatment began; None where the data do not tell them apart."""
    try:
        return trial.deck(columns, np.full(len(times), 1 / len(times)))
    except EstimationError:
        return None  # that there is no such number is a value: no path, and a note


def _assigned(trial: _Trial, deck: Deck, column: int = OUTCOME) -> Estimate:
    """The effect of assignment on one of the outcomes."""
    mix = np.eye(deck.made.values.shape[1])[column]
    found = estimate_of(float(deck.made.values[0, column]), *trial.errors(deck, mix))
    return found if trial.choice.intervals == "model" else found.judge(Dealt(deck, column))


def _per_received(trial: _Trial, deck: Deck, itt: Estimate) -> tuple[dict[str, Estimate], list[str]]:
    """The effect per treatment received, and what assignment did to that."""
    took = float(deck.made.values[0, RECEIVED])
    first = _assigned(trial, deck, RECEIVED)
    if abs(took) <= 1e-12 or (first.std_error is None and abs(took) < 1):
        return {
            "ITT": itt,
            "received": first,
            "LATE": Estimate(None, reason="assignment changed nothing of what was received"),
        }, []
    late = float(deck.made.values[0, OUTCOME]) / took
    mix = np.zeros(deck.made.values.shape[1])
    mix[[OUTCOME, RECEIVED]] = 1.0, -late
    error, df = trial.errors(deck, mix)
    found = estimate_of(late, error / abs(took), df)
    judged = found if trial.choice.intervals == "model" else found.judge(Compliers(deck, found.std_error))
    note = (
        f"LATE: of those who received the measure because they were assigned to it ({number(took)} of 1 by the model). It takes for granted that "
        "assignment acts only through the measure and kept nobody from it. Its interval is the set of effects that the dealings do not "
        "reject, which is the whole line where assignment may have changed nothing."
    )
    return {"ITT": itt, "received": first, "LATE": judged}, [note]


def _path(trial: _Trial, deck: Deck, times: Floats) -> Family:
    """Effects by time since treatment began, with errors of the model."""
    made, p = deck.made, len(times)
    inverse = np.linalg.inv(made.inner[0])
    if trial.mixed is not None:
        covariance, df = inverse, float(deck.regression.n_clusters - 2)
    else:
        covariance, df = _joint(trial, deck, inverse)
    values = np.asarray(made.coefficients[0, :, OUTCOME])
    return Family(
        "event_time",
        values,
        np.diag(covariance).copy(),
        covariance,
        (None,) * p,
        event_times=tuple(times.tolist()),
        df=df,
    )


def _joint(trial: _Trial, deck: Deck, inverse: Floats) -> tuple[Floats, float]:
    """Covariance of all coefficients, one contrast after another."""
    p = len(inverse)
    ones = np.eye(p)
    decks = [replace(deck.regression, contrast=row) for row in ones]
    solved = [d.of(trial.rollout.arms[None]) for d in decks]
    mix = np.eye(deck.made.values.shape[1])[OUTCOME]
    singles = [
        errors_of(replace(deck, regression=d, made=s), trial.choice.vcov, mix)
        for d, s in zip(decks, solved, strict=True)
    ]
    if trial.choice.vcov == "iid":
        return inverse * (singles[0][0] ** 2 / inverse[0, 0]), singles[0][1]
    scores = np.stack([s.scores[0, :, OUTCOME] for s in solved], axis=1)
    both = scores.T @ scores
    return both * (singles[0][0] ** 2 / both[0, 0]), singles[0][1]


def _periods(trial: _Trial) -> Family | None:
    """Differences within each period that has both kinds of clusters."""
    rollout, data = trial.rollout, trial.data
    treated = rollout.starts[rollout.arms[data.cluster]] <= data.period
    both = np.intersect1d(np.unique(data.period[treated]), np.unique(data.period[~treated]))
    if not len(both):
        return None
    try:
        deck = trial.deck(by_period(rollout, data.period, both), np.full(len(both), 1 / len(both)))
    except EstimationError:
        return None  # strata leave a period without a comparison
    covariance, df = _joint(trial, deck, np.linalg.inv(deck.made.inner[0]))
    labels = tuple(rollout.panel.periods[t] for t in both)
    values = np.asarray(deck.made.coefficients[0, :, OUTCOME])
    return Family("period", values, np.diag(covariance).copy(), covariance, (None,) * len(both), periods=labels, df=df)


def _influence(trial: _Trial, deck: Deck, itt: Estimate) -> Influence | None:
    """What each cluster adds to the error, at its first unit (or observation)."""
    rollout = trial.rollout
    panel, design = rollout.panel, rollout.design
    if itt.std_error is None or trial.mixed is not None:
        return None
    scores = deck.made.scores[0, :, OUTCOME]
    at = (rollout.rows if design.cross_sections else rollout.unit)[rollout.first_rows]
    rows = panel.n_obs if design.cross_sections else panel.n_units

    def made() -> Floats:
        found = np.zeros((rows, 1))
        found[at, 0] = scores
        return found

    return Influence(panel, design, made=made, scale=itt.std_error / float(np.sqrt((scores**2).sum())))


def _correlation(trial: _Trial) -> dict[str, Estimate]:
    if trial.mixed is None:
        return {}
    return {
        "intra_cluster_correlation": Estimate(trial.mixed.correlation, reason="no standard error: a ratio of variances")
    }


# ---- words ------------------------------------------------------------------------------------------------


def _how(trial: _Trial) -> str:
    if trial.mixed is not None:
        return (
            f"mixed model by restricted maximum likelihood, clusters {trial.rollout.clustered_by}, t({trial.rollout.n_clusters - 2}): clusters - 2 "
            "(Kenward and Roger's are not available)"
        )
    if trial.choice.vcov == "iid":
        return "classical standard errors, which take rows as independent"
    return f"clustered by {trial.rollout.clustered_by} (CR1), t({trial.rollout.n_clusters - 1})"


def _notes(trial: _Trial, constant: Deck, timed: Deck | None) -> list[str]:
    """What a reader has to know."""
    return [*_of_dealings(trial), *_of_model(trial), *_of_time(trial, constant, timed)]


def _of_dealings(trial: _Trial) -> list[str]:
    rollout = trial.rollout
    ways = possible(rollout.arms, rollout.strata)
    found = []
    if trial.choice.intervals == "model":
        if rollout.n_clusters < MANY_CLUSTERS:
            found.append(
                f"{counted(rollout.n_clusters, 'cluster')}: intervals of the model are rough. Those of the dealings (`intervals: dealings`) are not."
            )
    elif ways < ENOUGH and trial.choice.scheme is None:
        found.append(
            f"There are {ways} dealings, so that no p-value can be below {number(1 / ways)} and no 95 % interval has an end."
        )
    lone = [n for s, n in enumerate(rollout.stratum_names) if len(np.unique(rollout.arms[rollout.strata == s])) == 1]
    if lone:
        found.append(f"Strata whose clusters were all dealt the same tell nothing of the effect: {some(lone)}.")
    return found


def _of_model(trial: _Trial) -> list[str]:
    found = []
    mixed = trial.mixed
    if mixed is not None:
        found.append(
            f"Intra-cluster correlation {mixed.correlation:.3f}; dealings are judged with the variances of the model, which are held fixed."
        )
        if mixed.between <= 1e-8 * mixed.residual:
            found.append(
                "The variance between clusters is estimated as 0: the model then takes rows as independent, and its errors are too small if they are not."
            )
    if trial.choice.model == "vertical":
        found.append(
            "Clusters' means are compared within each period; a period counts by its clusters, over the variance of its outcomes."
        )
    columns = trial.data.covariates
    if columns.shape[1] and trial.choice.effects != "none":
        left = np.linalg.norm(trial.whiten(columns), axis=0) <= 1e-9 * np.linalg.norm(columns, axis=0)
        if left.any():
            gone = [n for n, k in zip(trial.data.names, left, strict=True) if k]
            found.append(
                f"Covariates that are the same in all periods have no part beside effects of units: {some(gone)}."
            )
    return found


def _of_time(trial: _Trial, constant: Deck, timed: Deck | None) -> list[str]:
    """Whether one number for all times since the start misleads."""
    if timed is None:
        return []
    one, mean = float(constant.made.values[0, OUTCOME]), float(timed.made.values[0, OUTCOME])
    error, _ = trial.errors(timed, np.eye(timed.made.values.shape[1])[OUTCOME])
    if not abs(one - mean) > APART * error:
        return []
    return [
        f"The effect depends on the time since treatment began: {number(mean)} as the mean over those times, {number(one)} as one number for all. The "
        "latter counts times by what periods leave of them, some negatively. Read `path`, or ask for `effect: exposure_time`."
    ]
