"""Do the instruments move the exposure enough? Weak ones lean to what the instrument was meant to mend.

Strength is the effective F statistic of the first stage (robust, by clusters), held against the value under which two-stage least
squares may have more than 10 % of its worst bias. The Anderson-Rubin confidence set beside it is right however weak the instruments are;
where it is everything, they say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scale_impact.core.causal.instruments.instrumental import Instrumental
from scale_impact.core.causal.instruments.weak import Segment, hull, said, shape
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import number

NAME = "weak_instrument"

EXPOSURE = True

POINTS = 201
"""Effects at which the curve of p-values is drawn."""

HOPELESS = 0.3
"""Share of the worst bias that is not even excluded where the check fails."""

Refit = Callable[[Panel, Design], Effect]


def run(panel: Panel, design: Design, refit: Refit, *, level: Share = 0.95) -> Check:
    """Effective F of the first stage against its critical values, and the Anderson-Rubin set.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and an estimator that uses instruments.
    level:
        Of the confidence set.

    Returns
    -------
    Check that passes where a bias over 10 % of the worst case is rejected (test of size 5 %), fails where not even one over 30 % is, and
    is inconclusive in between. Its statistic is the effective F. ``details`` has all F statistics, the first stage by instrument, the
    confidence set and its curve of p-values.

    Source: Montiel Olea and Pflueger (2013); Andrews, Stock and Sun (2019), section 4.
    """
    effect = refit(panel, design)
    told = effect.instrumental
    if told is None:
        return Check.inapplicable(NAME, f"{effect.estimator} uses no instruments; use instrumental_variable.")
    if effect.overall.reason is not None:
        return Check.inapplicable(NAME, f"{effect.estimator}: {effect.overall.reason}.")
    strong = told.strength
    verdict: Verdict = "inconclusive"
    if not strong.weak:
        verdict = "pass"
    elif not strong.effective_f > strong.simplified[HOPELESS]:
        verdict = "fail"
    region = told.anderson_rubin.region(level)
    details = _details(told, region, level)
    return Check(NAME, verdict, _words(told, verdict, region, level), strong.effective_f, details=details)


def _words(told: Instrumental, verdict: Verdict, region: tuple[Segment, ...], level: float) -> str:
    strong = told.strength
    over = "above" if verdict == "pass" else "below"
    meant = {
        "pass": "the bias of two-stage least squares is under 10 % of its worst case",
        "inconclusive": "a bias of 10 to 30 % of the worst case is not excluded",
        "fail": "a bias of more than 30 % of the worst case is not excluded",
    }[verdict]
    against = strong.simplified[HOPELESS] if verdict == "fail" else strong.needed
    text = (
        f"The effective F of the first stage is {number(strong.effective_f)}, {over} {number(against)}: {meant}. The Anderson-Rubin "
        f"{level:.0%} set, right in any case, is {said(region)}."
    )
    return text + _worst(told)


def _worst(told: Instrumental) -> str:
    """Instruments that do not move the exposure beside the others."""
    idle = [name for name, f in zip(told.names, _each(told), strict=True) if f < 1]
    if not idle or len(told.names) == 1:
        return ""
    return f" {', '.join(idle[:5])} hardly move{'s' * (len(idle) == 1)} the exposure beside the others (F under 1): leave out."


def _each(told: Instrumental) -> list[float]:
    """F of each instrument, beside the others."""
    first = told.first_stage
    return [float(v) for v in (first.values / first.std_errors) ** 2]


# ---- details -------------------------------------------------------------------------------------------


def _details(told: Instrumental, region: tuple[Segment, ...], level: float) -> dict[str, Any]:
    strong, own, test = told.strength, told.fitted, told.anderson_rubin
    usual = Estimate(own.value, own.std_error, own.df).interval(level)
    assert usual is not None
    return {
        "exposure": told.exposure,
        "outcome": told.outcome,
        "effective_f": strong.effective_f,
        "critical": {f"{t:g}": v for t, v in strong.critical.items()},
        "simplified": {f"{t:g}": v for t, v in strong.simplified.items()},
        "partial_f": strong.partial_f,
        "robust_f": strong.robust_f,
        "partial_r2": strong.partial_r2,
        "instruments": _rows(told),
        "level": level,
        "estimate": own.value,
        "interval": list(usual),
        "region": [[_end(low), _end(high)] for low, high in region],
        "shape": shape(region),
        "p_value": test.p_value(0.0),
        "endogeneity": {"statistic": told.endogeneity.statistic, "p_value": told.endogeneity.p_value},
        "curve": _curve(told, region, usual),
    }


def _end(value: float) -> float | None:
    """An end as JSON knows it: None where there is none."""
    return value if np.isfinite(value) else None


def _rows(told: Instrumental) -> list[dict[str, Any]]:
    both = zip(told.names, told.first_stage.values, told.first_stage.std_errors, told.reduced_form.values,
               told.reduced_form.std_errors, _each(told), strict=True)  # fmt: skip
    return [
        {
            "name": n,
            "first_stage": float(b),
            "std_error": float(s),
            "reduced_form": float(r),
            "reduced_std_error": float(t),
            "f": f,
        }
        for n, b, s, r, t, f in both
    ]


def _curve(told: Instrumental, region: tuple[Segment, ...], usual: Segment) -> dict[str, list[float]]:
    """p-values of effects around the estimate."""
    ends = [e for e in (*usual, *(hull(region) or ()), *(x for s in region for x in s)) if np.isfinite(e)]
    wide = max(max(ends) - min(ends), 1e-300)
    effects = np.linspace(min(ends) - 0.3 * wide, max(ends) + 0.3 * wide, POINTS)
    return {"effects": effects.tolist(), "p_values": [told.anderson_rubin.p_value(float(b)) for b in effects]}
