"""Whether small and large studies find the same, and what a study without error would find.

``egger``: effects regressed on their standard errors; the slope is zero where precision and effect are not related. ``mixed``: the
same with variance between cities. ``begg``: rank correlation of effects and variances. The height of the line at standard error
zero is PET; with variances in place of standard errors PEESE, which is less biased where there is an effect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import counted, some
from scale_impact.synthesis.selecting.regressions import Fitted, dispersed, mixed, reach

Floats = NDArray[np.float64]

LEAST = 3
"""Effects that any of these needs: two are always on a line."""

EXACT = "Effects lie on one line exactly: its error cannot be told."

PET_LEVEL = 0.10
"""PEESE is taken where PET's mean differs from zero at this level, two-sided."""


@dataclass(frozen=True)
class AsymmetryTest:
    """A test of whether effects and their precision are related.

    Attributes
    ----------
    method:
        ``egger``, ``mixed`` or ``begg``.
    slope, std_error:
        By how much effects rise with each unit of standard error (begg: Kendall's tau, without an error).
    statistic, df, p_value:
        Of the two-sided test; df infinite where the distribution is normal.
    why_not:
        Why there is no answer; the numbers are NaN then.
    """

    method: Literal["egger", "mixed", "begg"]
    slope: float = math.nan
    std_error: float = math.nan
    statistic: float = math.nan
    df: float = math.nan
    p_value: float = math.nan
    why_not: str = ""


@dataclass(frozen=True)
class Limit:
    """The mean that effects without sampling error would have.

    Attributes
    ----------
    method:
        ``pet`` or ``peese``.
    estimate, std_error, low, high, p_value, df:
        In the unit of the effects; t with k - 2 degrees of freedom.
    why_not:
        Why there is no answer; the numbers are NaN then.
    """

    method: Literal["pet", "peese"]
    estimate: float = math.nan
    std_error: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    df: float = math.nan
    why_not: str = ""


def no_answer(effects: CityEffects) -> str:
    """Why effects cannot be regressed on their precision; empty where they can."""
    k, variances = len(effects), effects.variances
    exact = [label for label, v in zip(effects.labels, variances, strict=True) if v == 0]
    if k < LEAST:
        return f"There {'is' if k == 1 else 'are'} {counted(k, 'effect')}; at least {LEAST} are needed."
    if exact:
        return f"The standard error of {some(exact)} is 0: effects cannot be weighted by their precision."
    if np.ptp(variances) <= 1e-12 * variances.max():
        return "All standard errors are the same: whether effects depend on them cannot be seen."
    if np.ptp(effects.effects) <= 1e-12 * max(float(np.abs(effects.effects).max()), 1e-300):
        return "All effects are the same: there is no asymmetry to be seen."
    if not effects.independent and np.linalg.eigvalsh(effects.covariance)[0] <= 1e-12 * variances.max():
        return "Some errors are the same up to a factor: their covariance has no inverse to weight by."
    return ""


def egger(effects: CityEffects) -> AsymmetryTest:
    """Egger's test: weighted regression on the standard error with one dispersion, t with k - 2 degrees.

    Source: Egger, Davey Smith, Schneider and Minder (1997); Sterne and Egger (2005), equation 6.2.
    """
    if why := no_answer(effects):
        return AsymmetryTest("egger", why_not=why)
    return _tested("egger", dispersed(effects, on_error(effects)))


def egger_mixed(effects: CityEffects) -> AsymmetryTest:
    """The same regression with variance between cities by REML, normal.

    Source: Thompson and Sharp (1999), model 2; Sterne and Egger (2005).
    """
    if why := no_answer(effects):
        return AsymmetryTest("mixed", why_not=why)
    return _tested("mixed", mixed(effects, on_error(effects)))


def _tested(method: Literal["egger", "mixed"], line: Fitted) -> AsymmetryTest:
    if line.exact:
        return AsymmetryTest(method, why_not=EXACT)
    return AsymmetryTest(method, float(line.beta[1]), line.std_error(1), line.statistic(1), line.df, line.p_value(1))


def begg(effects: CityEffects) -> AsymmetryTest:
    """Begg's test: Kendall's rank correlation of standardised effects with their variances; exact below 50 without ties.

    Source: Begg and Mazumdar (1994). Ranks cannot hold what errors share: related errors are taken as independent but for the
    common mean and its variance.
    """
    from scipy.stats import kendalltau

    if why := no_answer(effects):
        return AsymmetryTest("begg", why_not=why)
    inverse = np.linalg.inv(effects.covariance)
    variance = 1 / float(inverse.sum())
    mean = variance * float((inverse @ effects.effects).sum())
    standard = (effects.effects - mean) / np.sqrt(effects.variances - variance)
    ties = min(len(np.unique(standard)), len(np.unique(effects.variances))) < len(effects)
    exact = len(effects) < 50 and not ties
    found = kendalltau(standard, effects.variances, method="exact" if exact else "asymptotic")
    tau = float(found.statistic)
    return AsymmetryTest("begg", tau, statistic=tau, p_value=float(found.pvalue))


def limit(effects: CityEffects, method: Literal["pet", "peese"], *, level: float) -> Limit:
    """The fitted effect at standard error zero.

    Source: Stanley and Doucouliagos (2014), equations 2 and 4.
    """
    if why := no_answer(effects):
        return Limit(method, why_not=why)
    line = dispersed(effects, on_error(effects) if method == "pet" else on_variance(effects))
    if line.exact:
        return Limit(method, why_not=EXACT)
    half = reach(level, line.level_df) * line.std_error(0)
    value = float(line.beta[0])
    return Limit(method, value, line.std_error(0), value - half, value + half, line.p_value(0), line.level_df)


def conditional(pet: Limit, peese: Limit) -> Limit:
    """PET-PEESE: PEESE where PET's mean differs from zero (p < 0.10, two-sided), else PET.

    Source: Stanley and Doucouliagos (2014), section 3.
    """
    return peese if pet.p_value < PET_LEVEL else pet


def on_error(effects: CityEffects) -> Floats:
    """Regressors of PET and Egger's test [k, 2]."""
    return np.column_stack([np.ones(len(effects)), np.sqrt(effects.variances)])


def on_variance(effects: CityEffects) -> Floats:
    """Regressors of PEESE [k, 2]."""
    return np.column_stack([np.ones(len(effects)), effects.variances])
