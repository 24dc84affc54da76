"""Whether the measure reaches donors."""

from itertools import combinations

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DataError, UsageError
from tests.panels import california
from tests.pilots import cities, fitted, plain_mean, walks


def checked(data, refit=plain_mean, **options):
    return si.check("donor_spillover", *data, refit, **options)


def reached(size, seed=7, n=16):
    """Cities of which c1 and c2 feel the measure, too."""
    panel, _ = walks(n, 20, seed=seed, spread=0.2)
    late = (panel.frame["year"] >= 2011) & panel.frame["city"].isin(["c1", "c2"])
    frame = panel.frame.assign(y=panel.frame["y"] + size * late)
    km = frame["city"].str[1:].astype(float)
    panel = si.Panel.from_frame(frame.assign(km=km), unit="city", period="year", outcome="y")
    return panel, si.Design.from_panel(panel, cohorts={"c0": 2011})


def test_gaps_of_near_donors_are_against_the_plain_mean_of_those_farther_away():
    panel, design = reached(0.0)
    found = checked((panel, design), neighbours=["c1", "c2"])
    y = {n: g["y"].to_numpy() for n, g in panel.frame.groupby("city")}
    far = [n for n in y if n not in ("c0", "c1", "c2")]
    sizes = {}
    for name in ("c1", "c2", *far):
        gap = y[name] - np.mean([y[n] for n in far if n != name], axis=0)
        sizes[name] = gap[10:].mean() / np.sqrt((gap[:10] ** 2).mean())
    rows = {r["donor"]: r["size"] for r in (*found.details["rows"], *found.details["farther"])}
    assert rows == pytest.approx(sizes)
    values = np.array([sizes[n] for n in ("c1", "c2", *far)])
    apart = [values[list(c)].mean() - np.delete(values, list(c)).mean() for c in combinations(range(15), 2)]
    assert found.p_value == pytest.approx(np.mean(np.abs(apart) >= abs(apart[0]) * (1 - 1e-9)))


def test_the_effect_without_near_donors_is_that_of_the_estimator_without_them():
    data = california()
    found = checked(data, fitted("synthetic_control"), neighbours=["Nevada", "Utah"])
    alone = si.estimate("synthetic_control", *data, without=["Nevada", "Utah"]).overall.value
    assert found.details["without"]["estimate"] == pytest.approx(alone, abs=1e-6)
    assert found.verdict == "pass"


def test_donors_that_feel_the_measure_fail_by_name_and_by_distance():
    by_name = checked(reached(4.0), neighbours=["c1", "c2"])
    assert by_name.verdict == "fail"
    assert by_name.p_value == pytest.approx(1 / 105)
    by_distance = checked(reached(4.0), distance="km", within=2)
    assert by_distance.details["rows"] == by_name.details["rows"]
    assert "km up to 2" in by_distance.reason


def test_an_effect_that_changes_without_near_donors_fails():
    found = checked(reached(0.0, n=6), neighbours=["c1", "c2"], tolerance=0.001)
    assert found.verdict == "fail"
    assert "the effect hangs on them" in found.reason


def test_without_a_word_on_who_is_near_the_donors_with_weight_are_asked():
    found = checked(california(), fitted("synthetic_control"))
    assert [r["donor"] for r in found.details["rows"]] == ["Connecticut", "Montana", "Nevada", "Utah"]
    assert found.details["without"] is None
    assert found.reason.startswith("Donors that carry the counterfactual (weight 0.05 or more): Connecticut")


def test_what_is_wrong_with_the_options_is_said():
    data = reached(0.0)
    with pytest.raises(UsageError, match="distance and within go together"):
        checked(data, distance="km")
    with pytest.raises(UsageError, match="either by distance or by neighbours"):
        checked(data, distance="km", within=2, neighbours=["c1"])
    with pytest.raises(UsageError, match=r"'c0' is no donor"):
        checked(data, neighbours=["c0"])
    with pytest.raises(UsageError, match=r"'c77' is no donor"):
        checked(data, neighbours=["c77", "c1"])


def test_a_donor_without_a_distance_is_an_error():
    panel, _ = reached(0.0)
    frame = panel.frame.assign(km=panel.frame["km"].where(panel.frame["city"] != "c5"))
    panel = si.Panel.from_frame(frame, unit="city", period="year", outcome="y")
    with pytest.raises(DataError, match=r"km holds no distance of 0 or more for c5 \(nan\)"):
        checked((panel, si.Design.from_panel(panel, cohorts={"c0": 2011})), distance="km", within=2)


def test_nobody_near_or_nobody_far_is_inapplicable():
    data = reached(0.0)
    assert "No donor is near" in checked(data, distance="km", within=0).reason
    everyone = checked(data, distance="km", within=99)
    assert (everyone.verdict, "two farther away are needed" in everyone.reason) == ("inapplicable", True)


def test_donors_that_are_met_exactly_before_have_a_size_all_the_same():
    data = cities({n: [1, 2, 1, 2, 1, 2 + k] for k, n in enumerate("abcdef")}, {"a": 2006})
    found = checked(data, neighbours=["b"])
    assert all(np.isfinite(r["size"]) for r in found.details["rows"])
