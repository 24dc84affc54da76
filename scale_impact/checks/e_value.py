"""E-value: how strongly an unobserved confounder would have to go with both exposure and outcome to explain the effect away.

A risk ratio: an E-value of 2 says that a confounder which doubles the chance of being exposed, and doubles that of the outcome,
beyond what covariates tell, is enough; a weaker one is not. It asks nothing of the estimator. Beside it stand the observed
covariates: how much each of them, left out, moves the effect on the same scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt

from scale_impact.checks._refuters import Refit
from scale_impact.core.causal.cross_section import CrossSection
from scale_impact.core.causal.refutation.sensitivity import columns_of, e_value, ratio_of_means, same_regression
from scale_impact.core.causal.regression.model import Model
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number

NAME = "e_value"

EXPOSURE = True


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    contrast: Annotated[float, Gt(0)] | None = None,
    level: Share = 0.95,
) -> Check:
    """E-values of the estimate and of its interval's end that is nearer to no effect.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and an estimator that adjusts for covariates.
    contrast:
        Difference of a dose that is looked at; default one standard deviation of it (1 for a 0/1 exposure).
    level:
        Of the interval.

    Returns
    -------
    Check that passes where the interval's E-value is larger than each covariate's, fails where a covariate's is at least the
    estimate's, and is inconclusive in between, where the interval holds no effect as it is (E-value 1), and without covariates.
    ``statistic`` is the estimate's E-value. Outcomes of 0 and 1 become risk ratios by the risk of those not exposed (as the
    estimate weighs them, where it says so); all others by exp(0.91 x difference / standard deviation).

    Source: VanderWeele and Ding (2017), with table 2 for continuous outcomes; of covariates: D'Agostino McGowan and Greevy (2020).
    """
    effect = refit(panel, design)
    rows = _rows(effect)
    if rows is None or effect.overall.value is None:
        return Check.inapplicable(
            NAME,
            f"{effect.estimator} does not say which rows it compares (or has no estimate), and so not how outcomes spread. Make backdoor_regression, "
            "propensity_weighting or doubly_robust the study's first estimator.",
        )
    if not np.ptp(rows.outcome):
        return Check.inapplicable(NAME, "All outcomes are the same: there is no spread to measure an effect in.")
    scale = _scale(rows, effect, contrast)
    ends = effect.overall.interval(level)
    found = _found(effect.overall.value, ends, scale)
    found["rows"] = _covariates(effect, rows, scale)
    return _judged(
        {**found, "level": level, "contrast": scale.contrast, "baseline": scale.baseline, "spread": scale.spread}
    )


def _rows(effect: Effect) -> CrossSection | None:
    if effect.adjusted is not None:
        return effect.adjusted.rows
    return None if effect.heterogeneity is None else effect.heterogeneity.rows


@dataclass(frozen=True)
class _Scale:
    """How differences become risk ratios: by the risk of those not exposed where there is one, else by the outcome's spread."""

    contrast: float
    baseline: float | None
    spread: float

    def ratio(self, difference: float) -> float:
        """The risk ratio of a difference for a unit of exposure; 0 or less where the difference is larger than the risk."""
        if self.baseline is None:
            return ratio_of_means(difference * self.contrast, self.spread)
        return (self.baseline + difference * self.contrast) / self.baseline

    def change(self, one: float, other: float) -> float:
        """How many times as large the risk ratio of one difference is as that of another; 0 where one of them is none."""
        a, b = self.ratio(one), self.ratio(other)
        return b / a if a > 0 and b > 0 else 0.0


def _scale(rows: CrossSection, effect: Effect, contrast: float | None) -> _Scale:
    step = contrast or (1.0 if rows.binary else float(rows.exposure.std()))
    spread = float(rows.outcome.std(ddof=1))
    risks = rows.binary and bool(np.isin(rows.outcome, (0.0, 1.0)).all())
    if not risks:
        return _Scale(step, None, spread)
    own = None if effect.adjusted is None else effect.adjusted.weights
    weights = np.ones(len(rows)) if own is None else own
    baseline = float(np.average(rows.outcome[~rows.treated], weights=weights[~rows.treated]))
    return _Scale(step, baseline if 0 < baseline < 1 else None, spread)


def _found(value: float, ends: tuple[float, float] | None, scale: _Scale) -> dict[str, Any]:
    ratio = scale.ratio(value)
    near = None if ends is None else ends[0] if value > 0 else ends[1]
    held = ends is not None and ends[0] <= 0 <= ends[1]
    return {
        "estimate": value, "ratio": ratio, "e_value": _finite(e_value(ratio)), "interval": None if ends is None else list(ends),
        "ratio_of_interval": None if near is None else scale.ratio(near),
        "e_value_of_interval": 1.0 if held else None if near is None else _finite(e_value(scale.ratio(near))),
    }  # fmt: skip


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _covariates(effect: Effect, rows: CrossSection, scale: _Scale) -> list[dict[str, Any]]:
    """What leaving a covariate out does to the effect, by linear regression (the study's, if it is one), as an E-value.

    On the estimate's own scale: of the risk ratio without the covariate to that with it.

    Source: D'Agostino McGowan and Greevy (2020), section 2, with estimates in place of interval ends.
    """
    own = None if effect.adjusted is None else same_regression(effect.adjusted)
    full = own or Model(rows.outcome, rows.exposure, rows.controls)
    if full.explained or full.df < 1:
        return []
    found = [(c, _without(rows, full, c) - full.coefficient) for c in rows.columns if len(columns_of(rows.names, c))]
    value = effect.overall.value or 0.0
    moved = sorted(((e_value(scale.change(value, value + m)), c, m) for c, m in found), key=lambda r: -r[0])
    return [{"covariate": c, "moves": m, "e_value": _finite(e)} for e, c, m in moved]


def _without(rows: CrossSection, full: Model, column: str) -> float:
    kept = np.delete(rows.controls, columns_of(rows.names, column), axis=1)
    return Model(rows.outcome, rows.exposure, kept, full.levels).coefficient


def _judged(found: dict[str, Any]) -> Check:
    verdict = _verdict(found)
    return Check(NAME, verdict, _words(found, verdict), found["e_value"], details=found)


def _verdict(found: dict[str, Any]) -> Verdict:
    point, end = (np.inf if found[k] is None else found[k] for k in ("e_value", "e_value_of_interval"))
    if not found["rows"] or found["interval"] is None or end == 1:
        return "inconclusive"
    top = found["rows"][0]["e_value"]
    strongest = np.inf if top is None else top
    if np.isinf(
        strongest
    ):  # the estimate, or what is left of it, is larger than the risk itself: there is no risk ratio
        return "inconclusive"
    if strongest >= point:
        return "fail"
    return "pass" if end > strongest else "inconclusive"


def _words(found: dict[str, Any], verdict: Verdict) -> str:
    point = _amount(found["e_value"])
    text = (
        f"The E-value of the estimate ({number(found['estimate'])}, a risk ratio of {found['ratio']:.2f}"
        f"{'' if found['baseline'] is not None else ' by the outcome' + chr(39) + 's spread'}) is {point}: a confounder that goes with both exposure and "
        "outcome by risk ratios so large can explain it away, a weaker one cannot."
    )
    text += _of_interval(found)
    if not found["rows"]:
        return f"{text} There is no observed covariate to compare it with."
    top = found["rows"][0]
    text += f" The strongest observed covariate, {top['covariate']}, has {_amount(top['e_value'])}"
    return f"{text}: one as strong as it is enough." if verdict == "fail" else f"{text}."


def _of_interval(found: dict[str, Any]) -> str:
    if found["interval"] is None:
        return " There is no interval."
    if found["e_value_of_interval"] == 1:
        return " Its interval holds no effect as it is."
    return f" That of its interval is {_amount(found['e_value_of_interval'])}."


def _amount(e: float | None) -> str:
    return "one beyond all bounds" if e is None else f"{e:.2f}"
