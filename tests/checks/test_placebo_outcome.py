"""The study's estimator on an outcome that the measure cannot have changed."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.errors import DataError, UsageError
from tests.panels import design_of, drawn, fitted, panel_of

NEVER = np.inf


def checked(frame, outcome="rain", estimator="callaway_santanna", *, options=None, panel=None, **design):
    panel = panel or panel_of(frame)
    chosen = si.Design.from_panel(panel, **{"first_treated": "g", **design})
    refit = lambda p, d: si.estimate(estimator, p, d, **(options or {}))  # noqa: E731
    return si.check("placebo_outcome", panel, chosen, refit, outcome=outcome)


def two(seed=1, effect=0.0):
    frame = drawn({2: 5, 4: 5, NEVER: 10}, 6, seed=seed)
    rain = drawn({2: 5, 4: 5, NEVER: 10}, 6, seed=seed + 1)["y"].to_numpy()
    return frame.assign(rain=rain + effect * (frame["t"] >= frame["g"])).sample(frac=1, random_state=1)


@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe", "event_study"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_it_is_the_estimate_with_the_other_column_as_outcome(estimator, control):
    frame = two()
    found = checked(frame, estimator=estimator, control=control)
    expected = fitted(estimator, frame.assign(y=frame["rain"]), control=control).overall
    assert found.statistic == pytest.approx(expected.value, rel=1e-12)
    assert found.details["std_error"] == pytest.approx(expected.std_error, rel=1e-12)
    assert found.p_value == pytest.approx(expected.p_value, rel=1e-9)


def test_an_effect_on_it_fails_and_none_passes():
    frame = two(effect=20.0)
    found = checked(frame)
    assert found.verdict == "fail"
    assert "something else changed" in found.reason
    assert checked(frame, estimator="twfe").verdict == "fail"
    assert checked(two()).verdict == "pass"


def test_clusters_and_units_left_out_stay_as_they_are(mpdta_unbalanced):
    frame = mpdta_unbalanced.assign(rain=np.random.default_rng(0).normal(size=len(mpdta_unbalanced)))
    found = checked(frame, balance="drop")
    expected = fitted("callaway_santanna", frame.assign(y=frame["rain"]), balance="drop")
    assert found.statistic == pytest.approx(expected.overall.value)
    assert found.details["n_units"] == expected.sample.n_units
    frame["region"] = frame["id"] % 30
    clustered = checked(frame, balance="drop", cluster="region")
    assert clustered.details["std_error"] != found.details["std_error"]


def test_cross_sections_keep_the_observations_that_have_it(kielmc):
    frame = kielmc.assign(rooms=kielmc["rooms"].astype(float))
    frame.loc[frame.index[::9], "rooms"] = np.nan
    panel = si.Panel.from_frame(frame, unit=None, period="year", outcome="lrprice")
    found = checked(frame, "rooms", "did_2x2", panel=panel, first_treated=None, group="nearinc", starts=1981)
    cells = frame.groupby(["nearinc", "year"])["rooms"].mean()
    assert found.statistic == pytest.approx(cells[1, 1981] - cells[1, 1978] - cells[0, 1981] + cells[0, 1978])
    assert found.details["n_obs"] == frame["rooms"].notna().sum()


def test_a_gap_in_a_followed_unit_is_said():
    frame = two()
    frame.loc[frame.index[3], "rain"] = np.nan
    found = checked(frame)
    assert found.verdict == "inapplicable"
    assert "rain is missing in 1 row" in found.reason


def test_a_constant_outcome_has_no_test():
    found = checked(two().assign(rain=1.0))
    assert (found.verdict, found.p_value) == ("inconclusive", None)


def test_the_studys_own_outcome_is_refused():
    with pytest.raises(UsageError, match="the study's own outcome"):
        checked(two(), "y")


def test_an_unknown_column_names_the_nearest():
    with pytest.raises(DataError, match="Did you mean 'rain'"):
        checked(two(), "rian")


def test_the_outcome_has_to_be_named():
    frame = two()
    chosen = design_of(frame)
    with pytest.raises(UsageError, match="placebo_outcome needs the option 'outcome'"):
        si.check("placebo_outcome", chosen._panel, chosen, lambda p, d: si.estimate("twfe", p, d))


# ---- exposures of one period -----------------------------------------------------------------------------


def exposed(graph=None, **more):
    rng = np.random.default_rng(5)
    n = 400
    x = rng.normal(size=n)
    d = (x + rng.normal(size=n) > 0).astype(int)
    frame = pd.DataFrame(
        {"year": 1, "x": x, "d": d, "y": 2 * d + x + rng.normal(size=n), "other": x + rng.normal(size=n), **more}
    )
    panel = si.Panel.from_frame(frame, unit=None, period="year", outcome="y")
    return panel, si.Design.from_panel(panel, exposure="d", graph=graph)


def by_regression(covariates):
    return lambda p, d: si.estimate("backdoor_regression", p, d, covariates=covariates)


def test_another_outcome_finds_what_an_adjustment_leaves_open():
    panel, design = exposed()
    bare, held = (si.check("placebo_outcome", panel, design, by_regression(c), outcome="other") for c in ([], ["x"]))
    assert (bare.verdict, held.verdict) == ("fail", "pass")
    assert bare.statistic > 0.5 > abs(held.statistic)


def test_the_graph_is_asked_for_the_other_outcome_in_the_place_of_the_first():
    panel, design = exposed(Graph.parse(["x -> d", "x -> y", "d -> y"]))
    assert si.check("placebo_outcome", panel, design, by_regression([]), outcome="other").verdict == "pass"


def test_rows_without_the_other_outcome_are_left_out_of_both():
    panel, design = exposed(gaps=np.where(np.arange(400) < 50, np.nan, 1.0 * np.arange(400)))
    check = si.check("placebo_outcome", panel, design, by_regression(["x"]), outcome="gaps")
    assert check.details["n_obs"] == 350
