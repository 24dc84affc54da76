"""The jump at a threshold: conventional, corrected for its bias, and with standard errors that know of the correction.

Source: Calonico, Cattaneo and Titiunik (2014), theorems 1 (sharp) and 3 (fuzzy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scale_impact.core.causal.discontinuity.bandwidths import Bandwidths, Pair, bandwidths
from scale_impact.core.causal.discontinuity.choices import Choices, Floats
from scale_impact.core.causal.discontinuity.local_polynomial import LocalFit, small_sample, variance
from scale_impact.core.causal.discontinuity.partialling import Ratio, contrasts, ratio
from scale_impact.core.causal.discontinuity.sides import Side, centred
from scale_impact.core.words import counted, number
from scale_impact.errors import EstimationError


@dataclass(frozen=True)
class Number:
    """An estimate, corrected and not, and the standard error of each."""

    conventional: float
    conventional_error: float
    corrected: float
    robust_error: float


@dataclass(frozen=True, eq=False)
class Jump:
    """A jump and what it rests on.

    Attributes
    ----------
    estimate:
        Of the outcome, per unit of exposure where it is fuzzy.
    first_stage:
        Jump of the exposure; None where it is sharp.
    bandwidths:
        Of the estimate and its bias.
    n_within, n_bias:
        Observations within them, on the untreated and the treated side.
    levels:
        Fitted outcomes at the threshold, on the untreated and the treated side (without covariates).
    lines:
        Coefficients of 1, x, x^2, ... of the outcome's fits, on the untreated and the treated side.
    n_clusters:
        Clusters within the wider bandwidth; None where observations are independent.
    effective:
        How many observations, all counting alike, the corrected estimate rests on: degrees of freedom of its variance.
    """

    estimate: Number
    first_stage: Number | None
    bandwidths: Bandwidths
    n_within: tuple[int, int]
    n_bias: tuple[int, int]
    levels: Pair
    lines: tuple[Floats, Floats]
    n_clusters: int | None
    effective: float


@dataclass(frozen=True, eq=False)
class _SideFit:
    """One side: the fit, the one for its bias, and how observations count in the two levels at the threshold."""

    line: LocalFit
    bias: LocalFit
    lift: Floats
    corrected: Floats
    n_within: int
    n_bias: int


def jump(left: Side, right: Side, choices: Choices, fuzzy: bool = False, given: Bandwidths | None = None) -> Jump:
    """Estimate the jump from ``left`` to ``right``; column 0 is the outcome, column 1 the exposure where fuzzy.

    Parameters
    ----------
    given:
        Bandwidths; None: by the choices' rule.

    Raises
    ------
    EstimationError
        Too few different values of the running variable within a bandwidth; no jump of the exposure; one cluster.
    """
    if not (left.n and right.n):
        raise EstimationError("Nobody is on one side of the threshold.")
    widths = given or bandwidths(left, right, choices, fuzzy)
    left, right, levels = centred(left, right)
    fits = _side_fit(left, 0, widths, choices), _side_fit(right, 1, widths, choices)
    parts = contrasts([f.line for f in fits], fuzzy)
    clusters = [f.line.side.clusters for f in fits]
    known = [c for c in clusters if c is not None]
    lines = [_line(f, float(levels[0])) for f in fits]
    return Jump(
        estimate=_number(fits, parts, choices),
        first_stage=None if parts[1] is None else _number(fits, (parts[1], None), choices),
        bandwidths=widths,
        n_within=(fits[0].n_within, fits[1].n_within),
        n_bias=(fits[0].n_bias, fits[1].n_bias),
        levels=(float(lines[0][0]), float(lines[1][0])),
        lines=(lines[0], lines[1]),
        n_clusters=len(np.unique(np.concatenate(known))) if known else None,
        effective=_effective(fits),
    )


def _line(fit: _SideFit, level: float) -> Floats:
    """Coefficients of 1, x, x^2, ... of the outcome, whose level was taken out."""
    found = fit.line.coefficients()[:, 0].copy()
    found[0] += level
    return found


def _effective(fits: tuple[_SideFit, _SideFit]) -> float:
    """Satterthwaite's degrees of freedom of a sum of squared errors that count by their squared weights."""
    squares = np.concatenate([f.corrected for f in fits]) ** 2
    return float(squares.sum() ** 2 / (squares**2).sum())


def _side_fit(side: Side, which: int, widths: Bandwidths, choices: Choices) -> _SideFit:
    h, b = widths.h[which], widths.b[which]
    inner, outer = side.within(h, choices.kernel), side.within(b, choices.kernel)
    _refuse_few(inner, outer, which, (h, b), choices)
    near = inner if inner.n > outer.n else outer
    line, bias = LocalFit.of(near, choices.degree, h, choices), LocalFit.of(near, choices.bias_degree, b, choices)
    lift, next_power = line.lift(0), choices.degree + 1
    shift = float(lift @ near.x**next_power)
    return _SideFit(line, bias, lift, lift - shift * bias.lift(next_power), inner.n, outer.n)


def _refuse_few(inner: Side, outer: Side, which: int, widths: Pair, choices: Choices) -> None:
    where = ("on the side that is not meant to be treated", "on the side that is")[which]
    needs = ((inner, widths[0], choices.degree, "bandwidth"), (outer, widths[1], choices.bias_degree, "bias bandwidth"))
    problems = [
        f"Within the {name} {number(h)} lie {counted(near.n, 'observation')} {where}, with "
        f"{counted(near.distinct, 'different value')} of the running variable: a polynomial of degree {degree} needs {degree + 1}. "
        "Name a wider one or lower the degree."
        for near, h, degree, name in needs
        if near.distinct < degree + 1
    ]
    if problems:
        raise EstimationError(problems)


def contributions(sides: tuple[Side, Side], choices: Choices, fuzzy: bool, widths: Bandwidths, n: int) -> Floats:
    """What each of n observations adds to the error of the corrected estimate; their squares (sums by cluster) make its variance."""
    left, right, _ = centred(*sides)
    fits = _side_fit(left, 0, widths, choices), _side_fit(right, 1, widths, choices)
    target = _target(fits, contrasts([f.line for f in fits], fuzzy)).gradient
    found = np.zeros(n)
    for sign, f in zip((-1.0, 1.0), fits, strict=True):
        near, own = f.line.side, f.line if _same(f, choices) else f.bias
        factor = 1.0 if near.clusters is None else small_sample(near.n, near.n_clusters, choices.bias_degree + 1)
        found[near.rows] = sign * np.sqrt(factor) * f.corrected * (own.residuals(choices) @ target)
    return found


def _target(fits: tuple[_SideFit, _SideFit], parts: tuple[Floats, Floats | None]) -> Ratio:
    """The conventional estimate by the columns' jumps, and its derivative: a sum of them, or the ratio of two sums."""
    jumps = _jumps(fits, "lift")
    if parts[1] is None:
        return Ratio(float(parts[0] @ jumps), parts[0])
    _refuse_no_jump(float(parts[1] @ jumps), fits)
    return ratio(jumps, parts[0], parts[1])


def _jumps(fits: tuple[_SideFit, _SideFit], name: Literal["lift", "corrected"]) -> Floats:
    """Jump of each column, plain or corrected."""
    left, right = (getattr(f, name) @ f.line.side.columns for f in fits)
    return np.asarray(right - left)


def _number(fits: tuple[_SideFit, _SideFit], parts: tuple[Floats, Floats | None], choices: Choices) -> Number:
    """An estimate by the columns' jumps, with its errors."""
    found = _target(fits, parts)
    bias = float(found.gradient @ (_jumps(fits, "lift") - _jumps(fits, "corrected")))
    errors = _errors(fits, found.gradient, choices)
    return Number(found.value, errors[0], found.value - bias, errors[1])


def _refuse_no_jump(first_stage: float, fits: tuple[_SideFit, _SideFit]) -> None:
    exposure = np.concatenate([f.line.side.columns[:, 1] for f in fits])
    if abs(first_stage) <= 1e-10 * max(float(np.abs(exposure).max()), 1e-300):
        raise EstimationError(
            f"The exposure does not change at the threshold (by {number(first_stage)}): what the threshold does to the outcome "
            "cannot be put down to it. Leave `exposure` out for the effect of crossing the threshold, or check the threshold."
        )


def _errors(fits: tuple[_SideFit, _SideFit], target: Floats, choices: Choices) -> tuple[float, float]:
    """Standard errors of the conventional and of the corrected estimate."""
    plain, robust = 0.0, 0.0
    for f in fits:
        own = f.line.residuals(choices) @ target
        wide = own if _same(f, choices) else f.bias.residuals(choices) @ target
        clusters = f.line.side.clusters
        plain += variance(f.lift, own, clusters, choices.degree + 1)
        robust += variance(f.corrected, wide, clusters, choices.bias_degree + 1)
    if not np.isfinite(plain + robust):
        raise EstimationError(
            "One side of the threshold has a single cluster within the bandwidth: there is no standard error. Name a wider "
            "bandwidth, or a cluster column with more values."
        )
    return float(np.sqrt(plain)), float(np.sqrt(robust))


def _same(fit: _SideFit, choices: Choices) -> bool:
    """Whether residuals do not depend on the fit."""
    return choices.variance == "nn" and fit.line.side.clusters is None
