"""Each unit left out in turn: the same numbers as estimating again without its rows."""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import BEFORE, design_of, drawn, fitted, long, panel_of

NEVER = np.inf


def checked(estimator, frame, *, options=None, **design):
    chosen = design_of(frame, **design)
    return si.check(
        "leave_one_out", chosen._panel, chosen, lambda p, d: si.estimate(estimator, p, d), **(options or {})
    )


@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe", "event_study"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_each_row_is_the_estimate_without_that_units_rows(estimator, control):
    frame = drawn({2: 3, 3: 4, NEVER: 5}, 5, seed=7)
    rows = checked(estimator, frame, control=control).details["rows"]
    assert [r["left_out"] for r in rows] == [str(u) for u in sorted(frame["id"].unique())]
    for row in rows:
        again = fitted(estimator, frame[frame["id"] != int(row["left_out"])], control=control).overall
        low, high = again.interval(0.95)
        # moments are subtracted, not added up again: a few digits of rounding
        assert row["estimate"] == pytest.approx(again.value, rel=1e-8)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), rel=1e-6)


def test_the_whole_estimate_stands_beside_the_rows():
    frame = drawn({2: 3, NEVER: 5}, 4, seed=7)
    details = checked("did_2x2", frame).details
    whole = fitted("did_2x2", frame).overall
    assert (details["full"], details["std_error"]) == pytest.approx((whole.value, whole.std_error))
    assert (details["of"], details["left_out"], len(details["rows"])) == (8, "id", 8)


def test_whole_clusters_are_left_out():
    frame = drawn({2: 4, 3: 4, NEVER: 8}, 5, seed=3)
    frame["region"] = "r" + (frame["id"] % 4).astype(str)
    details = checked("callaway_santanna", frame, cluster="region").details
    assert (details["of"], details["left_out"]) == (4, "region")
    for row in details["rows"]:
        again = fitted("callaway_santanna", frame[frame["region"] != row["left_out"]], cluster="region")
        assert row["estimate"] == pytest.approx(again.overall.value, rel=1e-8)


# An effect of 5 in each of four treated units (2 in the last period of each is noise), none elsewhere.
STEADY = {u: [0, k % 2, 5 + (k % 3) * 0.1] for k, u in enumerate("abcd")}
STEADY |= {u: [0, k % 2, (k % 3) * 0.1] for k, u in enumerate("efghij")}


def test_an_effect_that_no_unit_decides_passes():
    found = checked("callaway_santanna", long(STEADY, dict.fromkeys("abcd", 2003)))
    assert found.verdict == "pass"
    assert "stays positive" in found.reason


def test_the_verdict_names_the_unit_and_how_many_are_like_it():
    rng = np.random.default_rng(0)
    paths = {f"t{k}": [0, 0, 1.0 + 0.3 * rng.normal()] for k in range(6)} | {
        f"c{k}": [0, 0, 0.3 * rng.normal()] for k in range(6)
    }
    paths["t0"] = [0, 0, -2.4]  # drags the effect down to where zero is not excluded
    found = checked("callaway_santanna", long(paths, {f"t{k}": 2003 for k in range(6)}))
    assert found.verdict == "fail"
    assert "not told apart from zero; without id t0 it is positive" in found.reason


def test_the_only_untreated_unit_cannot_be_left_out_and_the_row_says_why():
    frame = long({"a": [1, 2, 4], "b": [1, 3, 5], "c": [1, 1, 2]}, {"a": 2003, "b": 2003})
    found = checked("callaway_santanna", frame)
    row = next(r for r in found.details["rows"] if r["left_out"] == "c")
    assert row["estimate"] is None
    assert row["reason"]
    assert found.verdict == "fail"


def test_with_more_units_than_the_limit_the_most_influential_are_left_out():
    frame = drawn({2: 20, NEVER: 20}, 4, seed=9)
    every = checked("callaway_santanna", frame).details
    few = checked("callaway_santanna", frame, options={"limit": 5}).details
    moved = sorted(every["rows"], key=lambda r: -abs(r["estimate"] - every["full"]))[:5]
    assert {r["left_out"] for r in few["rows"]} == {r["left_out"] for r in moved}
    assert few["of"] == 40


def test_the_level_decides_what_is_told_apart_from_zero():
    frame = drawn({2: 6, NEVER: 6}, 4, seed=9)
    narrow, wide = (checked("twfe", frame, options={"level": level}).details["rows"][0] for level in (0.5, 0.99))
    assert narrow["ci_high"] - narrow["ci_low"] < wide["ci_high"] - wide["ci_low"]


def test_cross_sections_have_no_unit_to_leave_out(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    found = si.check("leave_one_out", panel, design, lambda p, d: si.estimate("did_2x2", p, d))
    assert found.verdict == "inapplicable"
    assert "name a cluster" in found.reason


def test_units_treated_from_the_first_period_on_are_not_left_out_again():
    frame = drawn({BEFORE: 2, 2: 3, NEVER: 5}, 4, seed=7)
    details = checked("callaway_santanna", frame).details
    assert (details["of"], len(details["rows"])) == (8, 8)


def test_the_panel_and_the_design_stay_as_they_were():
    frame = drawn({2: 3, NEVER: 5}, 4, seed=7)
    chosen = design_of(frame)
    before = (chosen._panel.digest, chosen.cohort_codes.copy())
    si.check("leave_one_out", chosen._panel, chosen, lambda p, d: si.estimate("twfe", p, d))
    assert chosen._panel.digest == before[0] == panel_of(frame).digest
    np.testing.assert_array_equal(chosen.cohort_codes, before[1])
