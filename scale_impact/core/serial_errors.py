"""Least squares for series whose errors follow each other: how they are modelled, and what coefficients are worth then.

Several series are estimated side by side and have one covariance, so that a month that was bad for all of them counts once.
Each model turns outcomes and regressors into ones with white errors (``none`` and ``newey_west`` leave them as they are).
Periods may be missing: models know how many steps lie between two observations.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted, number
from scale_impact.errors import EstimationError

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Kind = Literal["ar1", "ols", "newey_west", "prais_winsten", "arima"]

CLOSE, MANY_STEPS = 1e-9, 500
"""Models that are fitted in turns stop where coefficients change by less than this share, or fail after so many turns."""

TURNS, SETTLED = 60, 1e-3
"""Turns of ``arima`` between its errors and its coefficients, until no coefficient moves by that share of its standard error."""

DIFFERENCES = 2
"""Most differences, of steps and of seasons together, that a series is taken through."""

INSIDE = 1.02
"""Roots of a moving average nearer to the unit circle mean that a model takes away more than there is."""

CORRELATIONS = np.linspace(-0.98, 0.98, 99)
"""Correlations of neighbouring errors over which ``ar1`` averages."""


@dataclass(frozen=True)
class Errors:
    """A model of errors.

    Attributes
    ----------
    kind:
        ``ar1``: autoregressive of order 1, averaged over the correlation's restricted likelihood; ``ols``: independent;
        ``newey_west``: least squares with a covariance that allows for correlation up to ``lags``;
        ``prais_winsten``: autoregressive of order 1, the correlation as if it were known; ``arima``: seasonal ARIMA.
    lags:
        Of ``newey_west``, 1 or more; None: the whole part of 4 (n/100)^(2/9).
    order, seasonal:
        (p, d, q) and (P, D, Q) of ``arima``; order None: p and q up to 2 by the corrected AIC.
    cycle:
        Periods of a season, for ``seasonal``.
    """

    kind: Kind
    lags: int | None = None
    order: tuple[int, int, int] | None = None
    seasonal: tuple[int, int, int] = (0, 0, 0)
    cycle: int | None = None


@dataclass(frozen=True, eq=False)
class Series:
    """One series: outcome y [n], regressors x [n, K], and on which step each observation lies, [n]."""

    y: Floats
    x: Floats
    steps: Whole


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was estimated of S series.

    Attributes
    ----------
    coefficients:
        Of each series, [K].
    covariance:
        Of all of them, in order of the series, [sum K, sum K].
    dfs:
        Degrees of freedom of each series: observations less coefficients.
    white:
        Of each series, residuals after the model of errors, [m].
    words:
        How the covariance was made.
    models:
        The model of each series' errors, in words; empty where there is none.
    parameters:
        How many parameters the model of errors has.
    """

    coefficients: tuple[Floats, ...]
    covariance: Floats
    dfs: tuple[int, ...]
    white: tuple[Floats, ...]
    words: str
    models: tuple[str, ...]
    parameters: int


@dataclass(frozen=True, eq=False)
class _White:
    """A series with white errors, the columns that are left, its model in words, and the number of its parameters.

    ``mixed`` are coefficients and covariance where they are averages over models.
    """

    series: Series
    kept: NDArray[np.bool_]
    model: str
    parameters: int
    mixed: tuple[Floats, Floats] | None = None


def regress(series: Sequence[Series], errors: Errors) -> Fitted:
    """Least squares of each series on its regressors under a model of errors.

    Parameters
    ----------
    series:
        S series; their regressors need not be the same.
    errors:
        The model of errors, for each series with parameters of its own.

    Returns
    -------
    Coefficients with their covariance across series, which share their steps.

    Raises
    ------
    EstimationError
        Fewer observations than coefficients; regressors that depend on each other; a model of errors that does not
        settle.

    Source: Zellner and Tiao (1964) and, for the restricted likelihood, Cheang and Reinsel (2000), for ``ar1``; Newey and West
    (1987), equation 5; Prais and Winsten (1954), with gaps Savin and White (1978); Box and Tiao
    (1975) for ARIMA errors; across series Zellner (1962).
    """
    for each in series:
        _refuse_hopeless(each)
    white = [_WHITEN[errors.kind](each, errors) for each in series]
    found = [_least_squares(w.series, w.kept) if w.mixed is None else w.mixed[0] for w in white]
    residuals = tuple(w.series.y - w.series.x @ b for w, b in zip(white, found, strict=True))
    covariance = _covariance(white, residuals, _lags(series, errors) if errors.kind == "newey_west" else 0)
    coefficients = tuple(_with_unseen(s, b, w) for s, b, w in zip(series, found, white, strict=True))
    dfs = tuple(len(w.series.y) - int(w.kept.sum()) for w in white)
    words = _words(series, errors)
    return Fitted(
        coefficients, covariance, dfs, residuals, words, tuple(w.model for w in white if w.model), white[0].parameters
    )


def durbin_watson(residuals: Floats) -> float:
    """Sum of squared changes over sum of squares: 2 without correlation of neighbours, below with a positive one."""
    return float((np.diff(residuals) ** 2).sum() / (residuals**2).sum())


def ljung_box(residuals: Floats, lags: int, parameters: int) -> tuple[float, float]:
    """Statistic and p-value of no correlation up to ``lags``; ``parameters`` of the model of errors cost degrees of freedom.

    Source: Ljung and Box (1978), equation 1.3.
    """
    from scipy import special

    n, e = len(residuals), residuals - residuals.mean()
    r = np.array([(e[k:] * e[:-k]).sum() for k in range(1, lags + 1)]) / (e**2).sum()
    statistic = float(n * (n + 2) * (r**2 / (n - np.arange(1, lags + 1))).sum())
    return statistic, float(special.chdtrc(max(lags - parameters, 1), statistic))


# ---- least squares and covariance ----------------------------------------------------------------------


def _refuse_hopeless(series: Series) -> None:
    n, k = series.x.shape
    if n <= k:
        raise EstimationError(
            f"{counted(n, 'observation')} for {counted(k, 'coefficient')}. Use a longer series, or a smaller model: "
            "`season: none`, `change: level`, fewer covariates."
        )
    scale = np.sqrt((series.x**2).sum(axis=0))
    rank = int(np.linalg.matrix_rank(series.x / np.where(scale > 0, scale, 1.0)))
    if rank < k:
        raise EstimationError(
            f"The {counted(k, 'regressor')} of the series depend on each other (rank {rank}). Leave out a covariate or an "
            "intervention that says the same as another one, the trend or the season; a change of slope needs two periods "
            "after its start (`change: level`)."
        )


def _least_squares(series: Series, kept: NDArray[np.bool_]) -> Floats:
    """Coefficients, 0 of columns that are not kept."""
    found = np.zeros(len(kept))
    found[kept] = np.linalg.lstsq(series.x[:, kept], series.y, rcond=None)[0]
    return found


def _with_unseen(series: Series, found: Floats, white: _White) -> Floats:
    """Coefficients with those of columns that differencing took away, which then only carry the level."""
    unseen = ~white.kept
    if not unseen.any():
        return found
    rest = series.y - series.x @ found
    return np.asarray(found + np.where(unseen, _least_squares(replace(series, y=rest), unseen), 0.0))


def _covariance(white: Sequence[_White], residuals: Sequence[Floats], lags: int) -> Floats:
    """Covariance of all coefficients: white errors that series share, or scores that follow each other up to ``lags``."""
    length = max(int(w.series.steps[-1]) for w in white) + 1
    breads = [_bread(w.series.x, w.kept) for w in white]
    if lags:
        return _newey_west(white, residuals, breads, lags, length)
    wide = [_spread(w.series.x, w.series.steps, length) for w in white]
    errors = [_spread(e[:, None], w.series.steps, length)[:, 0] for e, w in zip(residuals, white, strict=True)]
    dfs = [len(w.series.y) - w.kept.sum() for w in white]

    def block(u: int, v: int) -> Floats:
        mixed = white[u].mixed
        if u == v and mixed is not None:
            return mixed[1]
        share = (errors[u] @ errors[v]) / np.sqrt(dfs[u] * dfs[v])
        return np.asarray(share * breads[u] @ (wide[u].T @ wide[v]) @ breads[v])

    return np.block([[block(u, v) for v in range(len(white))] for u in range(len(white))])


def _bread(x: Floats, kept: NDArray[np.bool_]) -> Floats:
    found = np.zeros((x.shape[1], x.shape[1]))
    scale = np.sqrt((x[:, kept] ** 2).sum(axis=0))
    inner = np.linalg.inv((x[:, kept] / scale).T @ (x[:, kept] / scale)) / np.outer(scale, scale)
    found[np.ix_(kept, kept)] = inner
    return found


def _spread(rows: Floats, steps: Whole, length: int) -> Floats:
    """Rows on all steps, 0 where there is none."""
    wide = np.zeros((length, rows.shape[1]))
    wide[steps] = rows
    return wide


def _newey_west(
    white: Sequence[_White], residuals: Sequence[Floats], breads: Sequence[Floats], lags: int, length: int
) -> Floats:
    """Bartlett weights, times n / (n - K) as a small-sample factor; missing steps add nothing (Parzen 1963)."""
    factors = [np.sqrt(len(e) / (len(e) - w.kept.sum())) for e, w in zip(residuals, white, strict=True)]
    scores = np.hstack(
        [
            f * _spread(w.series.x * e[:, None], w.series.steps, length) @ b
            for w, e, b, f in zip(white, residuals, breads, factors, strict=True)
        ]
    )
    found = scores.T @ scores
    for k in range(1, lags + 1):
        one = scores[k:].T @ scores[:-k]
        found += (1 - k / (lags + 1)) * (one + one.T)
    return np.asarray(found)


def _lags(series: Sequence[Series], errors: Errors) -> int:
    """Lags of Newey and West: as asked for, or by the rule of thumb of Newey and West (1994)."""
    n = max(len(s.y) for s in series)
    if errors.lags is not None and errors.lags < 1:
        raise EstimationError(
            f"newey_west needs one lag or more (lags is {errors.lags}). Without any, use `errors: ols`."
        )
    chosen = errors.lags if errors.lags is not None else int(4 * (n / 100) ** (2 / 9))
    return max(1, min(chosen, n - 1))


def _words(series: Sequence[Series], errors: Errors) -> str:
    n = min(len(s.y) - s.x.shape[1] for s in series)
    said = {
        "ar1": "regression with errors autoregressive of order 1, averaged over their restricted likelihood",
        "ols": "least squares, errors independent",
        "newey_west": f"least squares, Newey-West with {counted(_lags(series, errors), 'lag')}",
        "prais_winsten": "Prais-Winsten (errors autoregressive of order 1)",
        "arima": "regression with ARIMA errors",
    }[errors.kind]
    return f"{said}; t({n})"


# ---- models of errors ----------------------------------------------------------------------------------


def _as_it_is(series: Series, errors: Errors) -> _White:
    return _White(series, np.ones(series.x.shape[1], dtype=bool), "", 0)


def _ar1(series: Series, errors: Errors) -> _White:
    """Generalised least squares at each correlation, averaged by the restricted likelihood (a flat prior's posterior)."""
    n, k = series.x.shape
    logs, means, covariances = [], [], []
    for rho in CORRELATIONS:
        turned = _autoregressive(series, float(rho))
        inner = turned.x.T @ turned.x
        found = np.linalg.lstsq(turned.x, turned.y, rcond=None)[0]
        left = float(((turned.y - turned.x @ found) ** 2).sum())
        scale = np.log(_scales(series.steps, float(rho))).sum() - np.linalg.slogdet(inner)[1] / 2
        logs.append(scale - (n - k) / 2 * np.log(max(left, 1e-300)))
        means.append(found)
        covariances.append(left / (n - k) * np.linalg.inv(inner))
    weights = np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    centre = weights @ np.array(means)
    away = np.array(means) - centre
    covariance = np.einsum("r,rkl->kl", weights, covariances) + (away * weights[:, None]).T @ away
    rho, spread = _moments(weights)
    words = f"autoregressive of order 1 with {rho:.2f} (standard deviation {spread:.2f})"
    return _White(_autoregressive(series, rho), np.ones(k, dtype=bool), words, 1, (centre, covariance))


def _moments(weights: Floats) -> tuple[float, float]:
    """Mean and standard deviation of the correlation."""
    mean = float(weights @ CORRELATIONS)
    return mean, float(np.sqrt(weights @ (CORRELATIONS - mean) ** 2))


def _scales(steps: Whole, rho: float) -> Floats:
    """What observations are multiplied by, so that all errors have the variance of an innovation."""
    power = np.concatenate([[0.0], rho ** np.diff(steps)])
    return np.asarray(np.sqrt((1 - rho**2) / (1 - power**2)))


def _prais_winsten(series: Series, errors: Errors) -> _White:
    """Iterated: the correlation of neighbouring residuals, then least squares on what it leaves."""
    every = np.ones(series.x.shape[1], dtype=bool)
    beside = np.diff(series.steps) == 1
    if beside.sum() < 3:
        raise EstimationError("prais_winsten needs periods that follow each other. Use `errors: newey_west`.")
    rho, turned = 0.0, series
    for _ in range(MANY_STEPS):
        found = _least_squares(turned, every)
        e = series.y - series.x @ found
        before, after = e[:-1][beside], e[1:][beside]
        new = float((before * after).sum() / (before**2).sum()) if (before**2).sum() > 0 else 0.0
        if abs(new) >= 1:
            raise EstimationError(
                f"prais_winsten: errors are a random walk (correlation of neighbours {new:.2f}). Use `errors: arima` with "
                "`order: [p, 1, q]`, or structural_time_series."
            )
        turned = _autoregressive(series, new)
        if abs(new - rho) < CLOSE:
            return _White(turned, every, f"autoregressive of order 1 with {new:.3f}", 1)
        rho = new
    raise EstimationError(
        f"prais_winsten: the correlation of errors does not settle after {MANY_STEPS} turns (it is {rho:.3f}). Use "
        "`errors: newey_west` or `arima`."
    )


def _autoregressive(series: Series, rho: float) -> Series:
    """Each observation less what the one before foretells, k steps earlier, scaled to one variance."""
    steps = np.diff(series.steps)
    power = np.concatenate([[0.0], rho**steps])
    left = _scales(series.steps, rho)
    y = left * (series.y - power * _lagged(series.y))
    x = left[:, None] * (series.x - power[:, None] * _lagged(series.x))
    return Series(y, x, series.steps)


def _lagged(values: Floats) -> Floats:
    """Each row's predecessor; the first is its own."""
    return np.concatenate([values[:1], values[:-1]])


def _arima(series: Series, errors: Errors) -> _White:
    """Maximum likelihood in turns: the model of residuals, then generalised least squares given it."""
    order = errors.order or (0, 0, 0)
    _refuse_large(series, order, errors)
    changed, kept = _differenced(series, order[1], errors.seasonal[1], errors.cycle)
    found = _least_squares(changed, kept)
    chosen = order if errors.order is not None else _best_order(changed, found, errors)
    start = None
    for _ in range(TURNS):
        fit = _arma(changed, changed.y - changed.x @ found, chosen, errors, start)
        turned = _without_memory(changed, fit)
        new, start = _least_squares(turned, kept), fit.params
        left = turned.y - turned.x @ new
        spread = np.sqrt(np.diag(_bread(turned.x, kept)) * (left**2).mean())
        if (np.abs(new - found) <= SETTLED * spread).all():
            return _White(turned, kept, _described(chosen, errors, fit), len(fit.params) - 1)
        found = new
    raise EstimationError("arima: coefficients and errors do not settle. Use another `order`, or `errors: ar1`.")


def _refuse_large(series: Series, order: tuple[int, int, int], errors: Errors) -> None:
    """Refuse models of errors with more differences than a series has, or than one parameter for two observations left."""
    if order[1] + errors.seasonal[1] > DIFFERENCES:
        raise EstimationError(
            f"arima: {order[1] + errors.seasonal[1]} differences in turn leave nothing of a trend or an effect. Use at most "
            f"{DIFFERENCES} (d, and D of the season, together)."
        )
    n, k = series.x.shape
    lost = order[1] + errors.seasonal[1] * (errors.cycle or 1)
    wanted = order[0] + order[2] + errors.seasonal[0] + errors.seasonal[2]
    left = n - k - lost
    if not wanted or 2 * wanted <= left:
        return
    taken = counted(k, "coefficient") + (f" and {counted(lost, 'difference')}" if lost else "")
    raise EstimationError(
        f"arima: {counted(wanted, 'parameter')} of errors for {counted(n, 'observation')}, of which {taken} leave {max(left, 0)}; at "
        f"most {max(left // 2, 0)} can be told from so few. Use a smaller `order`, or `errors: ar1`."
    )


def _differenced(series: Series, d: int, seasonal: int, cycle: int | None) -> tuple[Series, NDArray[np.bool_]]:
    """Changes from step to step and from season to season, and the columns that do not vanish in them."""
    if not d and not seasonal:
        return series, np.ones(series.x.shape[1], dtype=bool)
    length = int(series.steps[-1]) + 1
    wide = np.full((length, 1 + series.x.shape[1]), np.nan)
    wide[series.steps] = np.column_stack([series.y, series.x])
    first = 0
    for lag in [1] * d + [cycle or 1] * seasonal:
        wide, first = wide[lag:] - wide[:-lag], first + lag
    seen = np.flatnonzero(~np.isnan(wide).any(axis=1))
    y, x = wide[seen, 0], wide[seen, 1:]
    size = np.abs(series.x).max(axis=0)
    kept = (np.abs(x) > 1e-9 * size).any(axis=0)
    kept[kept] = _independent(x[:, kept])
    if len(y) <= kept.sum():
        raise EstimationError(f"arima: differencing leaves {len(y)} changes for {kept.sum()} coefficients. Use fewer.")
    return Series(y, np.where(kept, x, 0.0), seen + first), kept


def _independent(x: Floats) -> NDArray[np.bool_]:
    """Columns that are no combination of later ones, so that the measure's, which are last, stay."""
    chosen: list[int] = []
    for k in reversed(range(x.shape[1])):
        tried = x[:, [*chosen, k]]
        if np.linalg.matrix_rank(tried / np.sqrt((tried**2).sum(axis=0))) == len(chosen) + 1:
            chosen.append(k)
    return np.isin(np.arange(x.shape[1]), chosen)


def _best_order(series: Series, found: Floats, errors: Errors) -> tuple[int, int, int]:
    """p and q up to 2 with the smallest corrected AIC of the residuals, of models whose moving average can be inverted."""
    residuals = series.y - series.x @ found
    tried = {(p, 0, q): _arma(series, residuals, (p, 0, q), errors) for p in range(3) for q in range(3)}
    return min((o for o, fit in tried.items() if _inside(fit)), key=lambda o: float(tried[o].aicc))


def _inside(fit: Any) -> bool:
    """Whether the roots of the moving average keep away from the unit circle."""
    roots = np.abs(np.atleast_1d(fit.maroots))
    return not len(roots) or float(roots.min()) > INSIDE


def _arma(
    series: Series, residuals: Floats, order: tuple[int, int, int], errors: Errors, start: Floats | None = None
) -> Any:
    """A stationary ARMA model of residuals, fitted by maximum likelihood.

    That it was not found is an error here. What statsmodels warns of besides is where it starts, and the covariance of its
    parameters, which nobody reads.
    """
    from statsmodels.tools.sm_exceptions import ConvergenceWarning
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    wide = np.full(int(series.steps[-1] - series.steps[0]) + 1, np.nan)
    size = float(residuals.std()) or 1.0
    wide[series.steps - series.steps[0]] = residuals / size
    p, _, q = order
    big_p, _, big_q = errors.seasonal
    seasonal = (big_p, 0, big_q, errors.cycle or 0) if big_p or big_q else (0, 0, 0, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return SARIMAX(wide, order=(p, 0, q), seasonal_order=seasonal).fit(start, disp=False, maxiter=MANY_STEPS)
        except (ConvergenceWarning, np.linalg.LinAlgError, ValueError) as error:
            raise EstimationError(
                f"arima: the model of errors of order ({p}, {q}) is not found ({error}). Use another `order`, or "
                "`errors: ar1`."
            ) from error


def _without_memory(series: Series, fit: Any) -> Series:
    """Outcome and regressors as white errors would have them: by the Cholesky root of the model's covariance."""
    from scipy.linalg import solve_triangular, toeplitz
    from statsmodels.tsa.arima_process import arma_acovf

    steps = series.steps - series.steps[0]
    ar, ma = fit.polynomial_reduced_ar, fit.polynomial_reduced_ma
    covariance = toeplitz(arma_acovf(ar, ma, nobs=int(steps[-1]) + 1))[np.ix_(steps, steps)]
    root = np.linalg.cholesky(covariance)
    turned = solve_triangular(root, np.column_stack([series.y, series.x]), lower=True)
    return Series(turned[:, 0], turned[:, 1:], series.steps)


def _described(order: tuple[int, int, int], errors: Errors, fit: Any) -> str:
    """The model in words: order, seasonal order, parameters."""
    seasonal = f"({', '.join(map(str, errors.seasonal))}) by {errors.cycle}" if any(errors.seasonal) else ""
    names = ", ".join(f"{n} {number(v)}" for n, v in zip(fit.param_names, fit.params, strict=True) if n != "sigma2")
    return f"ARIMA({', '.join(map(str, order))}){seasonal}" + (f" with {names}" if names else "")


_WHITEN = {"ar1": _ar1, "ols": _as_it_is, "newey_west": _as_it_is, "prais_winsten": _prais_winsten, "arima": _arima}
