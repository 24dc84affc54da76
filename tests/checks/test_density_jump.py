"""Whether the running variable's density jumps: against rddensity, and where some chose their side."""

import json
from functools import lru_cache

import numpy as np
import pytest
from scipy import stats

import scale_impact as si
from scale_impact.core.causal.discontinuity.density import Running, density_curve, density_test
from scale_impact.errors import EstimationError
from tests.discontinuities import THRESHOLDS, design_of, drawn, frame_of, incomes, jump
from tests.panels import ROOT

ENTRIES = json.loads((ROOT / "tests/reference/rddensity.json").read_text())["results"]


@lru_cache
def values_of(name):
    return incomes() if name == "incomes" else frame_of(name)["x"].to_numpy()


def checked(frame, *, options=None, **design):
    return si.check("density_jump", *design_of(frame, **design), None, **(options or {}))


def sorted_by(frame, share, seed=1):
    """Some of those just short of the threshold get themselves across."""
    chance = np.random.default_rng(seed).uniform(size=len(frame))
    near = (frame["x"] < 0) & (frame["x"] > -0.1) & (chance < share)
    return frame.assign(x=np.where(near, -frame["x"], frame["x"]))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e["id"])
def test_numbers_are_those_of_rddensity(entry):
    x, at, wanted = values_of(entry["data"]), THRESHOLDS.get(entry["data"], 0.0), entry["values"]
    found = density_test(Running.of(x - at, x >= at), **entry["options"])
    slopes = found.slopes
    assert found.n_within == tuple(wanted["n"])
    assert found.bandwidths == pytest.approx(wanted["h"], rel=1e-8)
    assert [slopes.left, slopes.right] == pytest.approx(wanted["densities"], rel=1e-7)
    errors = [slopes.left_variance, slopes.right_variance, slopes.difference_variance]
    assert np.sqrt(errors) == pytest.approx(wanted["std_errors"], rel=1e-7)
    assert found.statistic == pytest.approx(wanted["statistic"], rel=1e-6, abs=1e-9)
    assert found.p_value == pytest.approx(wanted["p_value"], rel=1e-6, abs=1e-12)


def test_a_continuous_density_passes_and_says_what_it_could_have_seen():
    found = checked(jump())
    assert found.verdict == "pass"
    assert "would have been found in four of five samples" in found.reason
    assert found.details["detectable"] > 0


def test_continuous_densities_are_rarely_rejected():
    rejected = [
        density_test(Running.of(x := np.random.default_rng(s).normal(size=500), x >= 0.5)).p_value < 0.05
        for s in range(200)
    ]
    assert np.mean(rejected) < 0.1


def test_a_heap_across_the_threshold_fails():
    found = checked(sorted_by(jump(), 0.7))
    assert (found.verdict, found.p_value < 0.001) == ("fail", True)
    assert "jumps at the threshold" in found.reason
    assert found.statistic > 0


def test_an_empty_stretch_beside_the_threshold_fails_though_no_polynomial_sees_it():
    found = checked(sorted_by(jump(), 1.0))
    assert found.p_value > 0.05
    assert (found.verdict, found.details["gap"]["p_value"] < 1e-6) == ("fail", True)
    assert "Nobody lies within 0.1" in found.reason
    assert "below the threshold" in found.reason


def test_sides_are_named_as_they_lie_where_treatment_is_below():
    frame = jump()
    above, below = checked(frame), checked(frame.assign(x=-frame["x"]), side="below")
    assert below.statistic == pytest.approx(above.statistic, rel=1e-9)
    assert f"{above.details['without']:.4g} just below" in above.reason
    assert f"{above.details['without']:.4g} just above" in below.reason


def test_counts_in_windows_are_tested_by_the_binomial_distribution():
    frame = jump()
    rows = checked(frame).details["windows"]
    left, right = np.sort(-frame["x"][frame["x"] < 0]), np.sort(frame["x"][frame["x"] >= 0])
    first = max(left[19], right[19])
    assert rows[0]["without_width"] == pytest.approx(first)
    for row in rows:
        counts = int((left <= row["without_width"]).sum()), int((right <= row["with_width"]).sum())
        assert (row["without"], row["with"]) == counts
        assert row["p_value"] == pytest.approx(stats.binomtest(counts[0], sum(counts)).pvalue)


def test_few_values_are_inconclusive():
    frame = jump(n=3000)
    found = checked(frame.assign(x=np.round(frame["x"] * 10)))
    assert found.verdict == "inconclusive"
    assert "few values near the threshold" in found.reason


def test_whole_numbers_are_no_gap():
    frame = drawn("population")
    assert checked(frame, threshold=5000).verdict == "pass"
    many = np.random.default_rng(0).integers(0, 100, 200_000)
    assert checked(jump(n=200_000).assign(x=many), threshold=50).verdict == "pass"


def test_a_unit_that_is_seen_often_counts_once():
    frame = jump(n=600).assign(town=range(600))
    again = np.concatenate([frame.assign(year=t).to_numpy() for t in range(3)])
    long = frame.iloc[:0].assign(year=[]).reindex(range(1800))
    long[:] = again
    panel = si.Panel.from_frame(long.astype(float), unit="town", period="year", outcome="y")
    found = si.check("density_jump", panel, si.Design.from_panel(panel, running="x", threshold=0), None)
    assert found.statistic == pytest.approx(checked(frame).statistic)


def test_the_curve_meets_the_threshold_at_the_tests_densities():
    x = drawn("wide")["x"].to_numpy()
    running = Running.of(x, x >= 0)
    test = density_test(running)
    rows = density_curve(running, test)
    ends = [next(r for r in rows[::-1] if r["side"] == "without"), next(r for r in rows if r["side"] == "with")]
    for end, density, variance in zip(
        ends,
        (test.slopes.left, test.slopes.right),
        (test.slopes.left_variance, test.slopes.right_variance),
        strict=True,
    ):
        assert (end["low"] + end["high"]) / 2 == pytest.approx(density, rel=1e-9)
        assert end["high"] - end["low"] == pytest.approx(2 * 1.96 * variance**0.5, rel=1e-4)


def test_a_normal_density_is_recovered():
    x = np.random.default_rng(2).normal(size=20_000)
    rows = density_curve(running := Running.of(x, x >= 0), density_test(running))
    at = np.array([r["x"] for r in rows])
    assert np.array([r["density"] for r in rows]) == pytest.approx(stats.norm.pdf(at), abs=0.03)


def test_one_value_on_a_side_does_not_apply():
    with pytest.raises(EstimationError, match="fewer than two different values"):
        Running.of(np.array([-1.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True]))
    frame = jump()
    found = checked(frame.assign(x=np.where(frame["x"] < 0, -1.0, frame["x"])))
    assert found.verdict == "inapplicable"


def test_a_design_without_a_threshold_does_not_apply():
    frame = jump().assign(got=lambda f: (f["x"] > 0) * 1)
    panel = si.Panel.from_frame(frame, unit=None, period="all", outcome="y")
    found = si.check("density_jump", panel, si.Design.from_panel(panel, exposure="got"), None)
    assert (found.verdict, "no threshold" in found.reason) == ("inapplicable", True)
