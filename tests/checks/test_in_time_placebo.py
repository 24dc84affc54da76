"""Pretended dates before the measure."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import UsageError
from tests.panels import california
from tests.pilots import cities, factor_world, fitted, plain_mean, walks


def checked(data, refit=plain_mean, **options):
    return si.check("in_time_placebo", *data, refit, **options)


def test_the_gap_after_a_pretended_date_is_that_of_data_cut_there():
    panel, _ = california()
    found = checked(california(), fitted("synthetic_control"), earlier=[4, 8])
    early = panel.frame[panel.frame["year"] < 1989]
    for row in found.details["rows"]:
        cut = si.Panel.from_frame(early, unit="state", period="year", outcome="cigsale")
        design = si.Design.from_panel(cut, cohorts={"California": 1989 - row["earlier"]})
        by_itself = si.estimate("synthetic_control", cut, design).overall.value
        assert row["estimate"] == pytest.approx(by_itself, abs=1e-6)
        assert row["from"] == str(1989 - row["earlier"])


def test_what_happens_after_the_measure_is_never_looked_at():
    panel, _ = walks(10, 16, seed=3)
    late = panel.frame.assign(y=panel.frame["y"] + 100 * (panel.frame["year"] >= 2009) * (panel.frame["city"] != "c4"))
    other = si.Panel.from_frame(late, unit="city", period="year", outcome="y")
    rows = [
        checked((p, si.Design.from_panel(p, cohorts={"c0": 2009})), fitted("synthetic_control")).details["rows"]
        for p in (panel, other)
    ]
    assert [r["estimate"] for r in rows[0]] == pytest.approx([r["estimate"] for r in rows[1]])


def test_a_gap_that_opens_before_the_measure_fails():
    panel, _ = walks(25, 24, seed=2, spread=0.1)
    drift = (panel.frame["city"] == "c0") * np.maximum(panel.frame["year"] - 2007, 0)
    moved = si.Panel.from_frame(panel.frame.assign(y=panel.frame["y"] + drift), unit="city", period="year", outcome="y")
    found = checked((moved, si.Design.from_panel(moved, cohorts={"c0": 2013})), fitted("synthetic_control"))
    assert found.verdict == "fail"
    assert found.p_value == pytest.approx(1 / 25)
    assert "the paths part before the measure" in found.reason


def test_nothing_before_the_measure_passes():
    found = checked(walks(25, 24, seed=2, effect=5.0), fitted("synthetic_control"))
    assert found.verdict == "pass"
    assert "Nothing is found where nothing had happened" in found.reason


def test_the_joint_p_value_is_the_place_of_the_most_unusual_date():
    data = walks(9, 16, seed=5)
    found = checked(data, earlier=[2, 3])
    y = np.array([g["y"].to_numpy() for _, g in data[0].frame.groupby("city")])[:, :8]
    gaps = np.array([y[k] - np.delete(y, [0, k], axis=0).mean(axis=0) for k in range(9)])

    def size(cut):
        before, after = (np.sqrt((g**2).mean(axis=1)) for g in (gaps[:, :cut], gaps[:, cut:]))
        r = after / np.maximum(before, np.median(before))
        return r / np.median(r)

    worst = np.maximum(size(6), size(5))
    assert found.p_value == pytest.approx((worst >= worst[0]).mean())


def test_with_few_donors_the_sizes_are_compared():
    flat = {"b": [0, 0.1] * 6, "c": [0.1, 0] * 6, "d": [0.05] * 12}
    half = cities({"a": [0.05] * 4 + [3.0] * 4 + [5.0] * 4, **flat}, {"a": 2009})
    found = checked(half, earlier=[4])
    assert found.verdict == "inconclusive"
    assert "60% of the effect" in found.reason
    whole = cities({"a": [0.05] * 4 + [5.0] * 8, **flat}, {"a": 2009})
    assert checked(whole, earlier=[4]).verdict == "fail"


def test_dates_that_leave_too_few_periods_are_refused():
    with pytest.raises(UsageError, match=r"earlier names 0, 6; it has to be 1 to 3 periods"):
        checked(walks(9, 12, seed=3), earlier=[0, 6, 2])


def test_three_periods_before_are_too_few():
    found = checked(cities({n: [1, 2, 3, 4, 5] for n in "abcd"}, {"a": 2004}))
    assert (found.verdict, "too few periods" in found.reason) == ("inapplicable", True)


def test_several_treated_cities_keep_their_distance_in_time():
    panel, _ = walks(12, 20, seed=4)
    design = si.Design.from_panel(panel, cohorts={"c0": 2011, "c1": 2015})
    found = checked((panel, design), earlier=[3])
    y = {n: g["y"].to_numpy() for n, g in panel.frame.groupby("city")}
    mean = np.mean([v for n, v in y.items() if n not in ("c0", "c1")], axis=0)
    gaps = [*(y["c0"] - mean)[7:10], *(y["c1"] - mean)[11:14]]
    assert found.details["rows"][0]["estimate"] == pytest.approx(np.mean(gaps))
    assert found.details["rows"][0]["from"] == "3 periods early"


def test_where_donors_can_say_what_is_unusual_they_alone_fail_it():
    found = [checked(factor_world(seed), fitted("synthetic_control")) for seed in range(40)]
    assert [f.verdict == "fail" for f in found] == [f.p_value <= 0.05 for f in found]
    assert sum(f.verdict == "fail" for f in found) <= 5  # two in forty are expected
    large = next(f for f in found if f.verdict == "inconclusive")
    assert abs(large.statistic) >= abs(large.details["full"])
    assert (
        "as large as the effect or larger, though nothing had happened yet; among donors that is not unusual"
        in large.reason
    )
    small = next(f for f in found if f.verdict == "pass" and abs(f.statistic) >= abs(f.details["full"]))
    assert "Such a gap is usual where nothing happened, and so is the effect" in small.reason


def test_without_donors_the_estimators_own_test_at_each_date_is_asked():
    rng = np.random.default_rng(1)
    y = rng.normal(size=40)
    found = checked(cities({"a": y}, {"a": 2031}, control="none"), fitted("interrupted_time_series"), earlier=[6, 10])
    p = [
        fitted("interrupted_time_series")(*cities({"a": y[:30]}, {"a": 2031 - k}, control="none")).overall.p_value
        for k in (6, 10)
    ]
    assert found.p_value == pytest.approx(min(2 * min(p), 1.0))
    assert found.verdict == "pass"
    moved = np.where(np.arange(40) < 20, y, y + 8)
    found = checked(
        cities({"a": moved}, {"a": 2031}, control="none"), fitted("interrupted_time_series"), earlier=[6, 10]
    )
    assert found.verdict == "fail"
    assert "From 2021 on that is more than chance" in found.reason
