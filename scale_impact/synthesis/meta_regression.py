"""Meta-regression: whether effects depend on the context of cities, and what a city with a given context may expect.

A line through effects is not the effect of context: cities differ in more than what is measured, and few cities carry few
columns. The prediction interval holds what the context leaves unexplained.

Source: Thompson and Higgins (2002), Statistics in Medicine 21; Knapp and Hartung (2003), Statistics in Medicine 22;
Viechtbauer (2010), Journal of Statistical Software 36.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.keys import Count, Share, checked
from scale_impact.core.words import counted, number, some
from scale_impact.errors import DesignError
from scale_impact.synthesis.between.estimating import Tau2
from scale_impact.synthesis.between.fitting import Inference, p_value, quantile
from scale_impact.synthesis.between.freedom import said
from scale_impact.synthesis.between.line import Floats
from scale_impact.synthesis.between.spread import common_shares
from scale_impact.synthesis.between.taking import Taken, cluster_codes, notes_on_errors, take
from scale_impact.synthesis.regressing.columns import Basis, Column, basis, read
from scale_impact.synthesis.regressing.fitting import CLUSTERED, Fitted, alone, in_clusters
from scale_impact.synthesis.regressing.regression import Expected, Regression
from scale_impact.synthesis.regressing.testing import Test, hotelling, wald

__all__ = ["Expected", "Regression", "Test", "regress"]

GOOD = 10
"""Effects for each coefficient from which a regression can be trusted (Cochrane Handbook, 10.11.4)."""

TOO_FEW = "too few clusters stand behind these coefficients together"
NOTHING_BETWEEN = "no variance between cities is estimated without the columns, so that there is nothing to explain"


@checked
def regress(
    effects: CityEffects,
    columns: Sequence[str],
    *,
    groups: list[str] | None = None,
    log: list[str] | None = None,
    tau2: Tau2 = "reml",
    inference: Inference = "hartung_knapp",
    clusters: Literal["auto", "ignore"] = "auto",
    least_each: Count = 5,
    level: Share = 0.95,
) -> Regression:
    """Effects of cities on columns of their context.

    Parameters
    ----------
    effects, columns:
        k cities with context; which of its columns. Numbers enter as they are; text as groups, against the first in the alphabet.
    groups, log:
        Columns of numbers that are groups; columns to take the natural logarithm of.
    tau2, inference:
        As in ``pool``; with Hartung and Knapp coefficients are judged by t and F with k - p degrees of freedom.
    clusters:
        ``auto``: where a cluster has two effects, two variances, and errors robust to what clusters share (CR2, Satterthwaite;
        tests of several coefficients by HTZ); ``ignore``.
    least_each:
        Fewer effects for each coefficient beside the intercept are refused.

    Raises
    ------
    UsageError, DataError
        Columns that are not there; cities without a value, named.
    DesignError
        Too many columns for so few cities; columns that are the same everywhere, or combinations of others.
    """
    taken = take(effects)
    found = read(effects, list(columns), groups or [], log or [])
    terms = ("intercept", *(t for c in found for t in c.terms))
    _enough(len(effects), found, len(terms) - 1, least_each)
    regressors = basis(effects, found)
    codes = None if clusters == "ignore" else cluster_codes(effects)
    if codes is not None and codes.max() > 0:
        fitted = in_clusters(taken, regressors.x, codes, tau2, inference, level)
    else:
        fitted = alone(effects, taken, regressors.x, tau2, inference, level)
    return _read(effects, found, terms, regressors, taken, fitted, tau2, inference, level)


def _enough(k: int, columns: Sequence[Column], n: int, least_each: int) -> None:
    if k - n - 1 >= 1 and k >= least_each * n:
        return
    who = some([f"{c.name} ({len(c.terms)})" for c in columns], 10)
    raise DesignError(
        f"{counted(k, 'effect')} for {counted(n, 'coefficient')} beside the intercept ({who}): at least {least_each} each are needed "
        f"({least_each * n}, and {n + 2} in all cases), and {GOOD} each to be trusted. Name fewer columns, or fewer groups."
    )


def _read(
    effects: CityEffects, columns: tuple[Column, ...], terms: tuple[str, ...], regressors: Basis, taken: Taken, fitted: Fitted,
    tau2: Tau2, inference: Inference, level: float,
) -> Regression:  # fmt: skip
    unit, back = taken.scale, regressors.back
    beta = back @ fitted.beta
    beta[0] += taken.centre
    covariance = back @ fitted.covariance @ back.T
    errors, df = np.sqrt(np.diag(covariance)), _df(fitted, back)
    half = np.array([quantile(level, _finite(d)) for d in df]) * errors
    p = np.array([p_value(float(b), float(e), _finite(d)) for b, e, d in zip(beta, errors, df, strict=True)])
    everything, each, why = _tests(columns, beta, covariance, fitted, back)
    clustered = fitted.parts is not None
    r2 = None if fitted.explained_of == 0 else max(0.0, 1 - fitted.tau2 / fitted.explained_of)
    why |= ({"tau2 interval": CLUSTERED} if clustered else {}) | ({"r2": NOTHING_BETWEEN} if r2 is None else {})
    spread, (shared, own) = fitted.spread, fitted.parts or (None, None)
    i2, h2 = spread.i2(fitted.tau2), spread.h2(fitted.tau2)
    if tau2 == "common" and spread.q is not None:
        i2, h2 = common_shares(spread.q, spread.q_df)
    return Regression(
        effects=effects,
        columns=columns,
        terms=terms,
        coefficients=beta * unit,
        std_errors=errors * unit,
        statistics=beta / errors,
        df=df,
        p_values=p,
        low=(beta - half) * unit,
        high=(beta + half) * unit,
        covariance=covariance * unit**2,
        tau2=fitted.tau2 * unit**2,
        tau2_error=_times(fitted.tau2_error, unit**2),
        tau2_low=None if clustered else _times(spread.tau2_low, unit**2),
        tau2_high=None if clustered else _times(spread.tau2_high, unit**2),
        i2=i2,
        h2=h2,
        q=spread.q,
        q_df=spread.q_df,
        q_p=spread.q_p,
        r2=r2,
        all_columns=everything,
        by_column=each,
        level=level,
        estimator=tau2,
        inference=inference if fitted.robust is None else "robust to what clusters share (CR2)",
        back=back,
        prediction_df=fitted.df,
        robust=fitted.robust,
        between_clusters=_times(shared, unit**2),
        within_clusters=_times(own, unit**2),
        n_clusters=fitted.n_clusters,
        shared_df=None if np.isinf(fitted.shared_df) else fitted.shared_df,
        why_not=spread.why_not | why,
        notes=_notes(effects, fitted, terms, df, inference),
    )


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _finite(df: float) -> float | None:
    return float(df) if np.isfinite(df) else None


def _df(fitted: Fitted, back: Floats) -> Floats:
    """Degrees of freedom of each coefficient, infinite for the normal; what all cities share is in the level and not in slopes."""
    if fitted.robust is not None:
        return np.array([fitted.robust.df(row) for row in back])
    df = np.full(len(back), np.inf if fitted.df is None else fitted.df)
    if fitted.df is not None:
        df[0] = min(fitted.df, fitted.shared_df)
    return df


def _tests(
    columns: tuple[Column, ...], beta: Floats, covariance: Floats, fitted: Fitted, back: Floats
) -> tuple[Test | None, dict[str, Test | None], dict[str, str]]:
    """All coefficients but the intercept together, and those of each column."""

    def of(rows: list[int]) -> Test | None:
        if fitted.robust is not None:
            return hotelling(back[rows], fitted.beta, fitted.robust)
        return wald(beta[rows], covariance[np.ix_(rows, rows)], fitted.df)

    each: dict[str, Test | None] = {}
    at = 1
    for column in columns:
        each[column.name] = of(list(range(at, at + len(column.terms))))
        at += len(column.terms)
    everything = of(list(range(1, len(beta))))
    why = {name: TOO_FEW for name, test in {"all columns": everything, **each}.items() if test is None}
    return everything, each, why


def _notes(
    effects: CityEffects, fitted: Fitted, terms: tuple[str, ...], df: Floats, inference: Inference
) -> tuple[str, ...]:
    k, n, notes = len(effects), len(terms) - 1, list(effects.notes)
    if k < GOOD * n:
        notes.append(
            f"{k} effects for {counted(n, 'coefficient')}: fewer than {GOOD} each; read it as a hint, not as a finding."
        )
    if fitted.robust is not None:
        weak = [t for t, d in zip(terms, df, strict=True) if d < 4]
        notes.append(
            f"Effects come in {counted(fitted.n_clusters or 0, 'cluster')}: errors are robust to what clusters share (CR2)."
        )
        notes += (
            [f"Robust errors of {some(weak)} rest on fewer than 4 degrees of freedom: not to be trusted."]
            if weak
            else []
        )
    elif inference == "hartung_knapp" and fitted.ratio < 1 and not fitted.identical:
        notes.append(
            f"Effects scatter less than their errors let expect: standard errors are {number(fitted.ratio**0.5)} of the model's."
        )
    if fitted.identical:
        notes.append("The line goes through all effects: standard errors are the model's, not scaled to 0.")
    return (*notes, *said(fitted.shared_df, fitted.spread.q_df), *notes_on_errors(effects))
