"""One scale: standard deviations of untreated units and per cent, against plain sums over the data."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.effect import Effect, Estimate, Sample
from scale_impact.core.profile.common_scale import (
    PerCent,
    Spread,
    distance_to,
    per_cent_of,
    reference_of,
    reference_rows,
    scaled,
    spread_of,
    treated_mean,
)
from scale_impact.core.settings import Outcome
from scale_impact.estimators import estimate
from tests.panels import BEFORE, NEVER, drawn, panel_of

SIZES = {BEFORE: 3, 3: 5, 5: 6, NEVER: 7}


def built(frame, **design):
    panel = panel_of(frame)
    return panel, si.Design.from_panel(panel, first_treated="g", **design)


def plain_spread(frame, units, last):
    """Pooled within periods, by a loop."""
    rows = frame[units & (frame["t"] <= last)]
    squares = sum(((part["y"] - part["y"].mean()) ** 2).sum() for _, part in rows.groupby("t"))
    return math.sqrt(squares / (len(rows) - rows["t"].nunique())), rows["y"].mean()


# ---- standard deviations ---------------------------------------------------------------------------------


def test_the_spread_is_that_between_never_treated_units_before_anybody_is_treated():
    frame = drawn(SIZES, 8, 1)
    found = spread_of(*built(frame))
    assert (found.sd, found.mean) == pytest.approx(plain_spread(frame, np.isinf(frame["g"]), 2), rel=1e-9)
    assert found.words == "7 units never treated, 0 to 2"


def test_units_not_treated_yet_join_where_the_design_compares_with_them():
    frame = drawn(SIZES, 8, 2)
    found = spread_of(*built(frame, control="not_yet"))
    assert (found.sd, found.mean) == pytest.approx(plain_spread(frame, frame["g"] >= 0, 2), rel=1e-9)
    assert found.words == "18 units not treated yet, 0 to 2"


def test_periods_that_later_treated_units_anticipate_are_no_reference():
    frame = drawn(SIZES, 8, 3)
    found = spread_of(*built(frame, anticipation=2, control="not_yet"))
    assert found.sd == pytest.approx(plain_spread(frame, frame["g"] >= 0, 0)[0], rel=1e-9)
    assert found.words == "18 units not treated yet, 0"
    never = spread_of(*built(frame, anticipation=2))
    assert never.words == "7 units never treated, 0 to 2"  # who is never treated has nothing to anticipate


def test_a_common_trend_and_the_measure_itself_are_not_in_the_spread():
    frame = drawn(SIZES, 8, 4)
    moved = frame.assign(y=frame["y"] + 100 * frame["t"] + 50 * (frame["t"] >= frame["g"]))
    assert spread_of(*built(moved)).sd == pytest.approx(spread_of(*built(frame)).sd, rel=1e-9)


def test_the_spread_follows_the_unit_of_the_outcome():
    frame = drawn(SIZES, 8, 5)
    thousand = spread_of(*built(frame.assign(y=1000 * frame["y"] + 1e6)))
    assert thousand.sd == pytest.approx(1000 * spread_of(*built(frame)).sd, rel=1e-6)


def test_cross_sections_have_the_spread_between_observations():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"t": np.repeat([0, 1], 40), "near": np.tile([0, 1], 40), "y": rng.normal(size=80)})
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    found = spread_of(panel, si.Design.from_panel(panel, group="near", starts=1))
    before = frame[(frame["t"] == 0) & (frame["near"] == 0)]["y"]
    assert found.sd == pytest.approx(before.std(ddof=1))
    assert found.words == "40 observations never treated, 0"


def test_one_never_treated_unit_is_joined_by_those_not_treated_yet():
    frame = drawn({3: 5, 5: 6, NEVER: 1}, 8, 7)
    assert spread_of(*built(frame)).words == "12 units not treated yet, 0 to 2"


def test_untreated_units_that_are_all_alike_give_no_scale():
    frame = drawn(SIZES, 8, 8)
    flat = frame.assign(y=frame["y"].where(np.isfinite(frame["g"]), 4.0))
    found = spread_of(*built(flat))
    assert found.sd is None
    assert "all have the same value (7 units never treated, 0 to 2)" in found.words


def test_anticipation_from_the_first_period_on_leaves_no_reference():
    panel, design = built(drawn({1: 4, 4: 4, NEVER: 4}, 6, 9), anticipation=1, control="not_yet")
    assert reference_of(panel, design) == "no period lies before the first treated (or anticipated) one"
    assert spread_of(panel, design).sd is None


def test_the_rows_of_the_reference_are_those_of_its_cells():
    frame = drawn(SIZES, 8, 10).sort_values(["id", "t"])
    rows = reference_rows(*built(frame))
    assert rows.tolist() == (np.isinf(frame["g"]) & (frame["t"] <= 2)).tolist()


# ---- an estimate times a number --------------------------------------------------------------------------


def test_a_scaled_estimate_keeps_its_p_value_and_turns_its_interval():
    found = scaled(Estimate(2.0, 0.5, 10), -0.25)
    assert (found.value, found.std_error, found.df) == (-0.5, 0.125, 10)
    assert found.p_value == pytest.approx(Estimate(2.0, 0.5, 10).p_value)
    low, high = Estimate(2.0, 0.5, 10).interval(0.9)
    assert found.interval(0.9) == pytest.approx((-0.25 * high, -0.25 * low))


def test_an_interval_of_another_method_is_scaled_too():
    frame = drawn({3: 6, NEVER: 6}, 6, 11)
    panel, design = built(frame)
    own = estimate("twfe", panel, design, inference="wild_bootstrap").overall
    found = scaled(own, -2)
    low, high = own.interval(0.95)
    assert found.interval(0.95) == (-2 * high, -2 * low)
    assert (found.p_value, found.judged.words) == (own.p_value, own.judged.words)


def test_no_estimate_stays_none_with_its_reason():
    none = Estimate(None, reason="it rests on nothing")
    assert scaled(none, 3) is none


# ---- per cent ------------------------------------------------------------------------------------------------


def effect_of(estimate, frame=None):
    """An effect that counts all treated observations alike."""
    treated = None if frame is None else frame[(frame["g"] >= 0) & (frame["t"] >= frame["g"])]["y"].mean()
    return Effect("any", estimate, Sample(21, 11, 8, 168, 21), "", treated_mean=treated)


def share(frame, estimate, *, log=False, sd=1.0):
    return per_cent_of(effect_of(estimate, frame), *built(frame), Spread(sd, 0.0, ""), log=log, level=0.95)


def doubling(dates, weights=False):
    """Units that double in the last ten years; the measure takes 10 % from each treated one, whenever that is; no noise."""
    rows = [(u, t, dates[u % 3], (u % 2, t)) for u in range(30) for t in range(2000, 2020)]
    frame = pd.DataFrame(rows, columns=["id", "t", "g", "which"])
    late = np.maximum(frame["t"] - 2009, 0) / 10
    frame["y"] = (1000 + 900 * (frame["id"] % 2) * weights) + 1000 * late
    frame["w"] = np.where(frame["id"] % 2 == 1, 20.0, 1.0)
    return frame.assign(y=frame["y"] * np.where((frame["g"] > 0) & (frame["t"] >= frame["g"]), 0.9, 1.0))


def per_cent(frame, name, options, **design):
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    made = si.Design.from_panel(panel, first_treated="g", **design)
    found = estimate(name, panel, made, **options)
    return found, per_cent_of(found, panel, made, spread_of(panel, made), log=False, level=0.95)


LINEAR = [
    ("callaway_santanna", {}), ("callaway_santanna", {"aggregation": "event_time"}), ("stacked", {}), ("event_study", {}),
    ("callaway_santanna", {"aggregation": "cohort"}), ("callaway_santanna", {"aggregation": "period"}), ("twfe", {}),
    ("local_projections", {}), ("chaisemartin_dhaultfoeuille", {}), ("imputation", {}), ("two_stage", {}), ("etwfe", {}),
    ("sun_abraham", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), LINEAR)
def test_ten_per_cent_of_everyone_is_ten_per_cent_whatever_an_estimator_averages_over(name, options):
    found, share = per_cent(doubling([2005, 2012, 0]), name, options)
    assert found.overall.value < -90
    assert share.value == pytest.approx(-10, abs=1e-6)


@pytest.mark.parametrize("name", ["callaway_santanna", "stacked", "imputation"])
def test_ten_per_cent_is_ten_per_cent_where_nobody_is_never_treated(name):
    """The last cohort is but a control: its treated years are in no effect."""
    _, share = per_cent(doubling([2005, 2010, 2015]), name, {}, control="not_yet")
    assert share.value == pytest.approx(-10, abs=1e-6)


@pytest.mark.parametrize("options", [{"weights": "w"}, {"weights": "w", "aggregation": "event_time"}])
def test_ten_per_cent_is_ten_per_cent_where_units_count_by_weights(options):
    _, share = per_cent(doubling([2005, 2012, 0], weights=True), "callaway_santanna", options)
    assert share.value == pytest.approx(-10, abs=1e-6)
    _, alike = per_cent(doubling([2005, 2012, 0], weights=True), "callaway_santanna", {})
    assert alike.value == pytest.approx(-10, abs=1e-6)
    assert share.base > alike.base + 300


def test_ten_per_cent_is_ten_per_cent_in_weighted_cross_sections_and_where_pairs_are_compared():
    frame = doubling([2005, 2005, 0], weights=True).assign(group=lambda f: (f["g"] > 0).astype(int))
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    design = si.Design.from_panel(panel, group="group", starts=2005)
    found = estimate("callaway_santanna", panel, design, weights="w")
    share = per_cent_of(found, panel, design, Spread(1.0, 0.0, ""), log=False, level=0.95)
    assert share.value == pytest.approx(-10, abs=1e-6)
    holes = doubling([2005, 2012, 0]).drop(index=[13, 27, 250, 411])
    found, share = per_cent(holes, "callaway_santanna", {}, balance="pairwise")
    assert found.weights is None
    assert share.value == pytest.approx(-10, abs=1e-6)


def test_unknown_weights_give_no_per_cent():
    frame = doubling([2005, 2012, 0]).assign(x=lambda f: np.sin(f["id"] * f["t"]))
    found, share = per_cent(frame, "imputation", {"covariates": "x"})
    assert found.weights is None
    assert share == PerCent(None, reason="how much each treated observation counts in the effect is not known")


def test_weights_that_do_not_give_the_estimate_are_not_believed():
    found, _ = per_cent(doubling([2005, 2012, 0]), "stacked", {})
    panel, design = built(doubling([2005, 2012, 0]))
    assert treated_mean(found, panel, design) is not None
    assert treated_mean(replace(found, weights=2 * found.weights), panel, design) is None
    assert treated_mean(replace(found, overall=Estimate(-50.0)), panel, design) is None


def test_per_cent_is_of_what_the_treated_would_have_had():
    frame = drawn(SIZES, 8, 12).assign(y=lambda f: 100 + f["y"])
    treated = frame[(frame["g"] >= 0) & (frame["t"] >= frame["g"])]["y"].mean()
    found = share(frame, Estimate(8.0, 2.0))
    assert found.base == pytest.approx(treated - 8)
    assert found.value == pytest.approx(800 / (treated - 8))
    low, high = Estimate(8.0, 2.0).interval(0.95)
    assert (found.low, found.high) == pytest.approx((100 * low / found.base, 100 * high / found.base))


def test_per_cent_of_logarithms_is_exact():
    found = share(drawn(SIZES, 8, 13), Estimate(math.log(1.25), 0.1), log=True)
    assert found.value == pytest.approx(25)
    assert found.base is None
    low, high = Estimate(math.log(1.25), 0.1).interval(0.95)
    assert (found.low, found.high) == pytest.approx((100 * (math.exp(low) - 1), 100 * (math.exp(high) - 1)))


def test_an_outcome_that_can_be_negative_has_no_per_cent():
    assert share(drawn(SIZES, 8, 14), Estimate(1.0)).reason == "the outcome can be negative"


def test_a_mean_near_zero_is_no_base():
    frame = drawn(SIZES, 8, 15).assign(y=lambda f: abs(f["y"]) / 1000)
    assert "too near zero" in share(frame, Estimate(0.0), sd=1.0).reason
    gone = share(drawn(SIZES, 8, 15).assign(y=lambda f: abs(f["y"])), Estimate(1e6))
    assert "too near zero" in gone.reason


def test_a_logarithm_that_no_number_has_is_said():
    assert "has no number" in share(drawn(SIZES, 8, 16), Estimate(800.0), log=True).reason


def test_no_estimate_has_no_per_cent():
    assert share(drawn(SIZES, 8, 17), Estimate(None, reason="none")) == PerCent(None, reason="none")


# ---- targets ---------------------------------------------------------------------------------------------------


def test_the_distance_to_a_target_is_a_column_of_its_own():
    frame = pd.DataFrame({"ratio": [0.8, 1.0, 1.3, np.nan]})
    made, outcome = distance_to(frame, Outcome(column="ratio", indicator="i"), 1.0)
    assert outcome.column == "distance of ratio to 1"
    assert made[outcome.column].tolist() == pytest.approx([0.2, 0.0, 0.3, np.nan], nan_ok=True)
    assert list(frame) == ["ratio"]


def test_the_distance_of_logarithms_is_to_the_targets_logarithm():
    frame = pd.DataFrame({"ratio": np.log([0.5, 2.0])})
    made, outcome = distance_to(frame, Outcome(column="ratio", indicator="i", scale="log"), 1.0)
    assert made[outcome.column].tolist() == pytest.approx([math.log(2)] * 2)
    assert "has none" in distance_to(frame, Outcome(column="ratio", indicator="i", scale="log"), 0.0)
