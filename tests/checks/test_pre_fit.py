"""Fit before the measure, against donors in the city's place and the outcome's own movement."""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import california, long, reference
from tests.panels import fitted as fit_frame
from tests.pilots import cities, fitted, plain_mean, walks


def checked(data, refit=plain_mean, **options):
    return si.check("pre_fit", *data, refit, **options)


def test_rmspe_and_the_donors_median_are_what_arithmetic_says():
    # against the plain mean of the others: a misses b, c, d by 3 throughout; b is 0 away from c, d (a is no donor) ...
    paths = {"a": [3, 4, 3, 9], "b": [0, 1, 0, 0], "c": [0, 1, 0, 0], "d": [6, 7, 6, 6]}
    row = checked(cities(paths, {"a": 2004})).details["rows"][0]
    assert row["rmspe"] == pytest.approx(1.0)  # donors' mean is 2, 3, 2
    assert sorted(d["rmspe"] for d in row["donors"]) == pytest.approx([3.0, 3.0, 6.0])
    assert row["median"] == pytest.approx(3.0)
    assert row["ratio"] == pytest.approx(1 / 3)
    assert row["as_bad"] == pytest.approx(1.0)
    assert row["movement"] == pytest.approx(np.std([0, 1, 0]))


def test_california_is_followed_better_than_the_median_state():
    found = checked(california(), fitted("synthetic_control"))
    pre = reference("synthdid_prop99", "sc_outcome_only_exact_simplex")["placebo_pre_rmspe"]
    row = found.details["rows"][0]
    assert found.verdict == "pass"
    assert sorted(d["rmspe"] for d in row["donors"]) == pytest.approx(sorted(pre), rel=1e-5)  # R's solver stops at 1e-6
    assert row["median"] == pytest.approx(np.median(pre), rel=1e-5)


def test_a_city_far_above_all_donors_fails_and_is_told_not_to_be_read():
    paths = {f"c{k}": np.sin(np.arange(12) + k) for k in range(8)}
    paths["c0"] = paths["c0"] + 20
    found = checked(cities(paths, {"c0": 2009}), fitted("synthetic_control"))
    assert found.verdict == "fail"
    assert "No donor mix follows c0 before the measure: RMSPE" in found.reason
    assert "do not read the gap as an effect" in found.reason
    assert found.statistic > 2


def test_a_constant_outcome_is_no_evidence_of_fit():
    data = cities({name: [5, 5, 5, 5, 5, 9 if name == "a" else 5] for name in "abcd"}, {"a": 2006})
    found = checked(data)
    assert found.verdict == "inconclusive"
    assert "does not move before the measure" in found.reason


def test_noise_that_no_donor_can_follow_is_inconclusive():
    rng = np.random.default_rng(4)
    data = cities({f"c{k}": rng.normal(size=30) for k in range(12)}, {"c0": 2021})
    found = checked(data)
    assert found.verdict == "inconclusive"
    assert "no closer than a flat line would" in found.reason


def test_the_bad_one_of_several_treated_cities_is_named():
    data = walks(12, 14, seed=2, treated=("c0", "c1"))
    frame = data[0].frame.copy()
    frame.loc[frame["city"] == "c1", "y"] += 40
    panel = si.Panel.from_frame(frame, unit="city", period="year", outcome="y")
    found = checked((panel, si.Design.from_panel(panel, cohorts={"c0": 2008, "c1": 2008})), fitted("synthetic_control"))
    assert found.verdict == "fail"
    assert "(1 of 2 treated: c1)" in found.reason
    assert [r["verdict"] for r in found.details["rows"]] == ["pass", "fail"]


def test_weights_that_are_not_the_only_ones_are_said():
    twin = [1, 2, 1, 3, 2, 2]
    data = cities({"a": [1, 2, 1, 3, 2, 9], "b": twin, "c": twin, "d": [4, 1, 5, 2, 9, 1]}, {"a": 2006})
    assert "Several mixes of donors fit a equally well" in checked(data, fitted("synthetic_control")).reason


def test_the_scale_of_the_outcome_changes_nothing():
    panel, design = walks(10, 12, seed=5)
    big = si.Panel.from_frame(
        panel.frame.assign(y=panel.frame["y"] * 1e6 + 3e8), unit="city", period="year", outcome="y"
    )
    again = checked((big, si.Design.from_panel(big, cohorts={"c0": 2007})))
    first = checked((panel, design))
    assert again.verdict == first.verdict
    assert again.statistic == pytest.approx(first.statistic, rel=1e-6)


def test_an_estimator_without_a_counterfactual_is_sent_to_another_check():
    frame = long({"a": [1, 2, 4], "b": [1, 3, 5], "c": [1, 1, 2]}, {"a": 2003})
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    found = checked((panel, si.Design.from_panel(panel, first_treated="g")), fitted("did_2x2"))
    assert fit_frame("did_2x2", frame).counterfactual is None
    assert (found.verdict, "pre_trends" in found.reason) == ("inapplicable", True)


def test_one_donor_is_judged_by_the_outcomes_movement_alone():
    found = checked(cities({"a": [1, 3, 1, 3, 9], "b": [1, 3, 1, 3, 1]}, {"a": 2005}))
    row = found.details["rows"][0]
    assert (row["median"], row["rmspe"]) == (None, 0.0)
    assert found.verdict == "pass"


def test_a_big_city_is_not_held_against_the_small_movements_of_small_places():
    """Counts: a gap that is large for forty towns is small for the city that two others follow closely."""
    rng = np.random.default_rng(0)
    common = np.cumsum(rng.normal(0.5, 1, 20))
    sizes = [10_000, 9_000, 12_000] + [100] * 40
    paths = {f"u{i:02d}": s * (1 + 0.05 * common + 0.004 * rng.normal(size=20)) for i, s in enumerate(sizes)}
    panel = si.Panel.from_frame(long(paths, {"u00": 2014}), unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g")
    found = si.check("pre_fit", panel, design, lambda p, d: si.estimate("synthetic_control", p, d))
    assert found.verdict == "pass", found.reason
