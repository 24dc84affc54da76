"""Add a confounder that nobody observed: how strong would it have to be to change the sign?

A simulated variable moves exposure and outcome, from not at all to as strongly as the strongest observed covariate (or so many
times that). It is then left out of the estimate, as an unobserved one would be. Both directions are tried: what it does to
the outcome may go along with what it does to the exposure, or against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt

from scale_impact.checks._refuters import Refit, effect_of, told
from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.refutation.noise import Confounder, drawn_confounder, observed
from scale_impact.core.causal.refutation.refute import SEED, Exchange, Floats, asked, exchange
from scale_impact.core.causal.refutation.sensitivity import same_regression
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.words import number
from scale_impact.errors import DesignError

NAME = "unobserved_confounder"

EXPOSURE = True

STEPS = 4
"""Strengths from 0 to the largest, on each side of 0 for the outcome."""

MANY, FEW = 20, 5
"""Simulated confounders a pair of strengths, for regressions and for all others."""

FLIPS = 0.5
"""A confounder that turns more exposures round than this leaves nothing of them."""


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    on_exposure: Literal["auto", "linear", "flip"] = "auto",
    on_outcome: Literal["linear", "flip"] = "linear",
    strength_on_exposure: Sequence[float] = (),
    strength_on_outcome: Sequence[float] = (),
    times: Annotated[float, Gt(0)] = 1.0,
    draws: Annotated[int, Ge(1)] | None = None,
    seed: int = SEED,
) -> Check:
    """The estimate with a simulated confounder, over its strengths.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and an estimator that can be asked again.
    on_exposure:
        ``linear``: the exposure grows by the strength for each standard deviation of the confounder. ``flip``: for the share of
        rows with its largest values (the strength) an exposure of 0 becomes 1 and the other way round. ``auto``: ``linear`` for
        regressions and doses, ``flip`` for estimators that need 0 and 1; a flip mostly blurs who is exposed.
    on_outcome:
        ``linear``, or ``flip`` for outcomes of 0 and 1. What goes to the outcome has the opposite sign.
    strength_on_exposure, strength_on_outcome:
        Strengths to try; none: five and nine of them up to the strongest observed covariate's, in both directions for the outcome.
    times:
        How many times as strong as that covariate the strongest confounder is.
    draws:
        Simulated confounders for each pair of strengths, whose estimates are averaged; the same ones for all pairs. Default 20
        for regressions and 5 for estimators that take longer.
    seed:
        Of the draws.

    Returns
    -------
    Check that fails where some confounder of such strengths changes the estimate's sign, is inconclusive where one moves it by
    as much as its interval reaches to zero (or the interval holds zero to begin with), and passes elsewhere. ``statistic`` is
    the estimate nearest to zero (or beyond). ``details.rows`` has the mean estimate of each pair.

    Source: DoWhy, ``add_unobserved_common_cause`` with direct simulation (Sharma and Kiciman 2020).
    """
    effect = effect_of(NAME, panel, design, refit)
    if isinstance(effect, Check):
        return effect
    assert effect.adjusted is not None
    how = Confounder(_chosen(on_exposure, effect.adjusted), on_outcome)
    given = tuple(map(float, strength_on_exposure)), tuple(map(float, strength_on_outcome))
    _refuse(effect.adjusted, how, given)
    strengths = _grid(effect.adjusted, how, given, times)
    if isinstance(strengths, str):
        return Check.inapplicable(NAME, strengths)
    many = draws or (MANY if effect.adjusted.partial is not None else FEW)
    table = _estimates(effect.adjusted, how, strengths, many, seed)
    return _judged(effect, how, strengths, table, many)


def _chosen(kind: str, adjusted: Adjusted) -> str:
    if kind != "auto":
        return kind
    return "linear" if adjusted.partial is not None or not adjusted.rows.binary else "flip"


def _refuse(adjusted: Adjusted, how: Confounder, given: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
    rows, problems = adjusted.rows, []
    if how.on_exposure == "flip" and not rows.binary:
        problems.append(
            f"{NAME}: on_exposure: flip needs an exposure of 0 and 1, and {rows.exposure_name} has other values. Use linear."
        )
    if how.on_exposure == "linear" and rows.binary and adjusted.partial is None:
        problems.append(
            f"{NAME}: on_exposure: linear makes other numbers of 0 and 1, which the study's estimator does not take. Use flip."
        )
    if how.on_outcome == "flip" and not np.isin(rows.outcome, (0, 1)).all():
        problems.append(
            f"{NAME}: on_outcome: flip needs outcomes of 0 and 1, and {rows.outcome_name} has other values. Use linear."
        )
    kinds = ("strength_on_exposure", how.on_exposure, given[0]), ("strength_on_outcome", how.on_outcome, given[1])
    problems += [
        f"{NAME}: {name} has {v:g}; with flip it is a share of rows, 0 to 1." for name, kind, values in kinds for v in values
        if kind == "flip" and not 0 <= v <= 1
    ]  # fmt: skip
    if problems:
        raise DesignError(problems)


Grid = dict[str, Any]

UNKNOWN = (
    "No observed covariate says how strong a confounder could be (there is none, or none that moves the {}): name `strength_on_exposure` "
    "and `strength_on_outcome`."
)


def _grid(
    adjusted: Adjusted, how: Confounder, given: tuple[tuple[float, ...], tuple[float, ...]], times: float
) -> Grid | str:
    """Strengths that are tried, and those of the observed covariates; or why there are none."""
    rows, model = adjusted.rows, same_regression(adjusted)
    own = observed(rows, how, None if model is None else model.levels) if rows.names else None
    covariates: list[dict[str, Any]] = [] if own is None else [
        {"covariate": name, "on_exposure": float(e), "on_outcome": float(o)}
        for name, e, o in zip(rows.names, own.exposure, own.outcome, strict=True)
    ]  # fmt: skip
    tops = [max((c[k] for c in covariates), default=0.0) * times for k in ("on_exposure", "on_outcome")]
    for named, top, what in zip(given, tops, ("exposure", "outcome"), strict=True):
        if not named and not top:
            return UNKNOWN.format(what)
    exposure = list(given[0]) or _up_to(tops[0], how.on_exposure, both=False)
    outcome = list(given[1]) or _up_to(tops[1], how.on_outcome, both=True)
    return {"exposure": exposure, "outcome": outcome, "covariates": covariates}


def _up_to(top: float, kind: str, *, both: bool) -> list[float]:
    """Even steps from 0, on both sides of it for what has a direction."""
    top = min(top, FLIPS) if kind == "flip" else top
    low = -STEPS if both and kind == "linear" else 0
    return sorted({top * k / STEPS for k in range(low, STEPS + 1)})


def _estimates(adjusted: Adjusted, how: Confounder, grid: Grid, draws: int, seed: int) -> Floats:
    """Mean estimate of each pair of strengths, [E, O]."""
    moves = exchange(adjusted.rows)
    return np.array(
        [[_mean(adjusted, moves, how, (e, o), draws, seed) for o in grid["outcome"]] for e in grid["exposure"]]
    )


def _mean(
    adjusted: Adjusted, moves: Exchange, how: Confounder, strengths: tuple[float, float], draws: int, seed: int
) -> float:
    """Mean estimate with confounders of two strengths; the same confounders whatever the strengths."""
    rows, rng = adjusted.rows, np.random.default_rng(seed)
    seen = asked(adjusted, lambda b: how.trials(rows, drawn_confounder(rows, moves, rng, b), *strengths), draws)
    return float(seen.mean())


def _judged(effect: Effect, how: Confounder, grid: Grid, table: Floats, draws: int) -> Check:
    value, error = told(effect)
    rounded = effect.overall.std_error is not None and error is None
    ends = None if rounded else effect.overall.interval(0.95)
    toward = np.sign(value) * table
    seen = np.isfinite(table)
    if not seen.any():
        return Check.inapplicable(
            NAME, "With such confounders the estimator has no answer (nobody exposed is left). Name smaller strengths."
        )
    worst = np.unravel_index(int(np.nanargmin(toward)), table.shape)
    margin = 0.0 if ends is None else min(abs(ends[0]), abs(ends[1])) if ends[0] * ends[1] > 0 else 0.0
    verdict = _verdict(value, float(toward[worst]), margin)
    rows = [
        {"on_exposure": e, "on_outcome": o, "estimate": float(table[i, j]) if seen[i, j] else None}
        for i, e in enumerate(grid["exposure"]) for j, o in enumerate(grid["outcome"])
    ]  # fmt: skip
    details = {
        "estimate": value, "interval": None if ends is None else list(ends), "on_exposure": how.on_exposure, "on_outcome": how.on_outcome,
        "draws": draws, "rows": rows, "covariates": grid["covariates"], "lowest": float(np.nanmin(table)), "highest": float(np.nanmax(table)),
    }  # fmt: skip
    at = grid["exposure"][worst[0]], grid["outcome"][worst[1]]
    return Check(NAME, verdict, _words(details, float(table[worst]), at, verdict), float(table[worst]), details=details)


def _verdict(value: float, worst: float, margin: float) -> Verdict:
    """``worst`` is the nearest to zero of the estimates, in the study's direction; ``margin`` how far its interval is from zero."""
    if worst < 0:
        return "fail"
    return "inconclusive" if margin == 0 or abs(value) - worst >= margin else "pass"


def _words(found: Grid, worst: float, at: tuple[float, float], verdict: Verdict) -> str:
    how = {"linear": "by {} for each of its standard deviations", "flip": "by turning {} of the values round"}
    exposure = how[found["on_exposure"]].format(number(at[0]) if found["on_exposure"] == "linear" else f"{at[0]:.1%}")
    outcome = how[found["on_outcome"]].format(number(-at[1]) if found["on_outcome"] == "linear" else f"{at[1]:.1%}")
    text = (
        f"Simulated confounders up to the strengths tried move the effect from {number(found['estimate'])} to between {number(found['lowest'])} and "
        f"{number(found['highest'])}. The worst moves the exposure {exposure} and the outcome {outcome}: {number(worst)}."
    )
    return text + _end(found, verdict)


def _end(found: Grid, verdict: Verdict) -> str:
    ends = found["interval"]
    if verdict == "fail":
        return " The sign changes."
    if verdict == "pass":
        return " The sign stays, and so would an interval as wide as the study's."
    if ends is None:
        return " The sign stays; there is no interval to hold it against."
    if ends[0] <= 0 <= ends[1]:
        return " The sign stays, but the interval holds zero as it is."
    return " The sign stays, but an interval as wide as the study's would hold zero."
