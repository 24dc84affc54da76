"""Effects that come in clusters: several of one study, data set or country.

Two models: *multilevel*, with one variance between clusters and one within; and *robust*, with one variance between effects and
standard errors that hold whatever effects of a cluster share.

Source: Konstantopoulos (2011), Research Synthesis Methods 2; Tipton (2015), Psychological Methods 20; Pustejovsky and Tipton
(2018), Journal of Business and Economic Statistics 36.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import counted, number
from scale_impact.errors import DesignError
from scale_impact.synthesis.between.blocks import Blocks, Ints, blocks_of, rotated, totals
from scale_impact.synthesis.between.clustered import Clustered, Judged
from scale_impact.synthesis.between.estimating import KNOWN, Tau2, estimate
from scale_impact.synthesis.between.fitting import Inference, p_value, quantile
from scale_impact.synthesis.between.freedom import ahead_df, shared_df
from scale_impact.synthesis.between.freedom import said as told_of_df
from scale_impact.synthesis.between.line import Floats, Sums, at
from scale_impact.synthesis.between.nested import TOO_MANY, Nested, likeliest, profiles
from scale_impact.synthesis.between.robust import Sandwich, sandwich
from scale_impact.synthesis.between.spread import Spread, spread_of
from scale_impact.synthesis.between.taking import Taken, notes_on_errors

FEWEST_DF = 4.0
"""Below so many degrees of freedom of Satterthwaite robust errors are not to be trusted (Tipton 2015)."""

NO_LIKELIHOOD = "no likelihood where effects of one cluster are not modelled; the multilevel model has one"

End = float | None


@dataclass(frozen=True)
class Components:
    """Variance between and within clusters on the scale of the numbers taken; ends of the intervals of both and of their sum."""

    between: float
    within: float
    between_ends: tuple[End, End] = (None, None)
    within_ends: tuple[End, End] = (None, None)
    total_ends: tuple[End, End] = (None, None)
    tau2_error: float | None = None
    log_likelihood: float | None = None


@dataclass(frozen=True)
class Solved:
    """The mean [1] of k effects at given variances: its error by the model and by CR2, residuals [k], weights [k], blocks."""

    mean: float
    model_error: float
    robust: Sandwich | None
    robust_error: float | None
    residuals: Floats
    weights: Floats
    covariances: list[tuple[Ints, Floats]]


def cluster(
    effects: CityEffects, taken: Taken, codes: Ints, tau2: Tau2, inference: Inference, *, multilevel: bool, level: float
) -> Clustered:
    """The fit of effects in clusters (numbers [k], more than one of them)."""
    k = len(effects)
    x = np.full((k, 1), k**-0.5)
    blocks = blocks_of(taken.covariance, codes)
    alone, _ = rotated(blocks_of(taken.covariance), taken.y, x)
    if multilevel:
        parts = _two(Nested(blocks, taken.y, x, codes, tau2 == "reml"), taken.scale, level)
    else:
        one = estimate(alone, tau2, float(np.var(taken.y)))
        parts = Components(0.0, one.tau2, tau2_error=one.std_error)
    solved = _solve(blocks, taken.y, x, parts)
    n_clusters = int(codes.max()) + 1
    known = shared_df(effects, solved.weights, blocks, n_clusters - 1.0, parts.within, parts.between)
    verdict = _judge(solved, inference, multilevel, n_clusters, known)
    return _value(
        effects, taken, codes, parts, solved, verdict, spread_of(alone, level, interval=False), multilevel, level
    )


def _two(nested: Nested, scale: float, level: float) -> Components:
    """Both variances by the likelihood, with intervals and the likelihood itself."""
    shared, own = likeliest(nested)
    found = profiles(nested, shared, own, level)
    left = len(nested.y) - 1 if nested.restricted else len(nested.y)
    likelihood = nested.likelihood(shared, own) - left * float(0.5 * np.log(2 * np.pi) + np.log(scale))
    if found is None:
        return Components(shared, own, log_likelihood=likelihood)
    return Components(shared, own, found.between, found.within, found.total, log_likelihood=likelihood)


def _solve(blocks: Blocks, y: Floats, x: Floats, parts: Components) -> Solved:
    line, turn = rotated(blocks, y, x, shared=parts.between)
    if parts.within <= line.least and not line.regular:
        raise DesignError(KNOWN)
    sums: Sums = at(line, parts.within)
    root, bread = float(x[0, 0]), np.linalg.inv(sums.information[0])
    mean = float(sums.beta[0, 0]) * root
    covariances = list(totals(blocks, parts.between, parts.within))
    robust = sandwich(covariances, x, y - mean, bread) if len(covariances) > 1 else None
    error = None if robust is None else float(np.sqrt(robust.covariance[0, 0])) * root
    weights = turn.back(sums.weights[0] * line.x[:, 0]) * float(bread[0, 0]) * root
    return Solved(mean, float(np.sqrt(bread[0, 0])) * root, robust, error, y - mean, weights, covariances)


@dataclass(frozen=True)
class Verdict:
    """Which standard error the mean has, with its degrees of freedom (None: normal), and why."""

    judged: Judged
    error: float
    df: float | None
    why: str
    shared_df: float = float("inf")


def _judge(solved: Solved, inference: Inference, multilevel: bool, n_clusters: int, known: float) -> Verdict:
    """``known``: degrees of freedom of what errors share; robust errors see that in how clusters scatter."""
    own_df, model = min(n_clusters - 1.0, known), solved.model_error
    said = f"{'A multilevel model' if multilevel else 'One variance between effects'} for {counted(n_clusters, 'cluster')}; "
    same = solved.robust_error is not None and solved.robust_error < 1e-6 * model
    if inference == "normal":
        named: Judged = "model" if multilevel or solved.robust_error is None or same else "CR2"
        error = model if named == "model" else float(solved.robust_error or 0.0)
        return Verdict(
            named,
            error,
            None,
            said + "normal intervals, too narrow for few clusters.",
            known if named == "model" else np.inf,
        )
    if solved.robust is None or solved.robust_error is None:
        words = "the model's standard error, as errors relate all clusters, so that none is independent of the others."
        return Verdict("model", model, own_df, said + words, known)
    if same:
        return Verdict(
            "model",
            model,
            own_df,
            said + "the model's standard error, as clusters do not differ and the robust one is 0.",
            known,
        )
    df = solved.robust.df(np.ones(1))
    if df < FEWEST_DF and multilevel:
        few = f"the model's standard error and t with {number(own_df)} degrees of freedom, as robust errors would rest on {df:.1f} (under 4)."
        return Verdict("model", model, own_df, said + few, known)
    rough = "" if df >= FEWEST_DF else ", fewer than 4: not to be trusted"
    words = f"standard error robust to what clusters share (CR2), {df:.1f} degrees of freedom{rough}."
    return Verdict("CR2", solved.robust_error, df, said + words)


def _value(
    effects: CityEffects, taken: Taken, codes: Ints, parts: Components, solved: Solved, verdict: Verdict, spread: Spread,
    multilevel: bool, level: float,
) -> Clustered:  # fmt: skip
    """The fit in the unit of the effects."""
    scale, square = taken.scale, taken.scale**2
    mean, half = solved.mean + taken.centre, quantile(level, verdict.df) * verdict.error
    blup = _blup(solved, codes, parts)
    why = {} if parts.total_ends[0] is not None else {"tau2 interval": TOO_MANY if multilevel else NO_LIKELIHOOD}
    assert effects.clusters is not None
    left = float(codes.max())
    return Clustered(
        effects=effects,
        clusters=tuple(np.unique(np.asarray(effects.clusters)).tolist()),
        mean=mean * scale,
        std_error=verdict.error * scale,
        df=verdict.df,
        low=(mean - half) * scale,
        high=(mean + half) * scale,
        p_value=p_value(mean, verdict.error, verdict.df),
        model_error=solved.model_error * scale,
        robust_error=_times(solved.robust_error, scale),
        robust_df=None if solved.robust is None else solved.robust.df(np.ones(1)),
        between=parts.between * square,
        between_low=_times(parts.between_ends[0], square),
        between_high=_times(parts.between_ends[1], square),
        within=parts.within * square,
        within_low=_times(parts.within_ends[0], square),
        within_high=_times(parts.within_ends[1], square),
        tau2=(parts.between + parts.within) * square,
        tau2_error=_times(parts.tau2_error, square),
        tau2_low=_times(parts.total_ends[0], square),
        tau2_high=_times(parts.total_ends[1], square),
        log_likelihood=parts.log_likelihood,
        weights=solved.weights,
        shrunken=(mean + blup.effects) * scale,
        shrunken_errors=blup.effect_errors * scale,
        cluster_effects=blup.clusters * scale,
        cluster_errors=blup.cluster_errors * scale,
        in_cluster_errors=blup.in_cluster_errors * scale,
        spread=spread,
        level=level,
        judged=verdict.judged,
        multilevel=multilevel,
        unit=scale,
        shared_df=verdict.shared_df,
        prediction_df=ahead_df(verdict.error**2, parts.between + parts.within, verdict.shared_df, left),
        why_not=spread.why_not | why,
        notes=(*effects.notes, verdict.why, *told_of_df(verdict.shared_df, left), *notes_on_errors(effects)),
    )


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


@dataclass(frozen=True)
class Blup:
    """Best linear unbiased predictions: of each effect [k], and of each cluster's distance from the mean [G], with their errors."""

    effects: Floats
    effect_errors: Floats
    clusters: Floats
    cluster_errors: Floats
    in_cluster_errors: Floats


def _blup(solved: Solved, codes: Ints, parts: Components) -> Blup:
    """Predictions block by block; what they share is the error of the mean alone."""
    k, n, mean_variance = len(codes), int(codes.max()) + 1, solved.model_error**2
    effects, errors = np.empty(k), np.empty(k)
    of_clusters, cluster_errors, inside = (np.zeros(n) for _ in range(3))
    for rows, total in solved.covariances:
        here, place = np.unique(codes[rows], return_inverse=True)
        member = (place[:, None] == np.arange(len(here))).astype(float)
        own = parts.within * np.eye(len(rows)) + parts.between * member @ member.T
        both = np.linalg.solve(
            total, np.column_stack([own, parts.between * member, np.ones(len(rows)), solved.residuals[rows]])
        )
        of_own, of_cluster, of_one, rest = np.split(
            both, [len(rows), len(rows) + len(here), len(rows) + len(here) + 1], axis=1
        )
        effects[rows], of_clusters[here] = own @ rest[:, 0], parts.between * member.T @ rest[:, 0]
        left, free = 1 - own @ of_one[:, 0], parts.between * member.T @ of_one[:, 0]
        errors[rows] = _root(np.diag(own) - (own * of_own.T).sum(axis=1) + left**2 * mean_variance)
        known = parts.between - parts.between * (member * of_cluster).sum(axis=0)
        cluster_errors[here] = _root(known + free**2 * mean_variance)
        inside[here] = _root(known + (1 - free) ** 2 * mean_variance)
    return Blup(effects, errors, of_clusters, cluster_errors, inside)


def _root(variances: Floats) -> Floats:
    return np.sqrt(np.maximum(variances, 0.0))
