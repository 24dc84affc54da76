"""Bounds where outcomes are missing more often on one side."""

import json

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DesignError
from tests.rollouts import NEVER, lottery, wedge


def people(n=2000, seed=1, effect=0.2, stay=(0.7, 0.9)):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"t": 1, "z": np.arange(n) % 2, "age": rng.normal(size=n).round(1), "school": rng.integers(0, 6, n)}
    )
    frame["town"] = np.arange(n) // 20
    y = effect * frame["z"] + frame["age"] + 0.3 * rng.normal(size=n)
    frame["y"] = np.where(rng.random(n) < np.array(stay)[frame["z"]], y, np.nan)
    return frame


def checked(frame, **options):
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y", missing="drop")
    return si.check("attrition_bounds", panel, si.Design.from_panel(panel, exposure="z"), None, **options)


def test_bounds_are_those_of_trimming_by_hand():
    frame = people()
    found = checked(frame)
    seen = frame.dropna()
    full, short = np.sort(seen.loc[seen.z == 1, "y"]), seen.loc[seen.z == 0, "y"]
    extra = len(full) - len(short)
    assert found.details["lower"] == pytest.approx(full[:-extra].mean() - short.mean())
    assert found.details["upper"] == pytest.approx(full[extra:].mean() - short.mean())
    assert found.details["naive"] == pytest.approx(full.mean() - short.mean())
    assert found.statistic == pytest.approx(extra / len(full))
    assert found.p_value < 1e-6
    assert found.details["missing"] == int(frame["y"].isna().sum())
    json.dumps(dict(found.details))


def test_a_small_effect_that_missing_outcomes_could_have_made_fails():
    found = checked(people(effect=0.2))
    assert found.verdict == "fail"
    assert "Missing outcomes alone could have made it" in found.reason


def test_a_large_effect_stands():
    found = checked(people(effect=3.0))
    assert found.verdict == "pass"
    assert found.details["interval"][0] > 0


def test_a_covariate_from_before_tightens_the_bounds():
    frame = people(effect=0.5)
    wide, tight = checked(frame), checked(frame, tighten=["age"])
    assert tight.details["upper"] - tight.details["lower"] < 0.7 * (wide.details["upper"] - wide.details["lower"])
    assert tight.details["n_cells"] == 4
    assert checked(frame, tighten=["school"], groups=6).details["n_cells"] == 6


def test_where_nothing_is_missing_it_passes_and_says_so():
    found = checked(people(stay=(1.0, 1.0)))
    assert (found.verdict, found.statistic) == ("pass", 0.0)
    assert "No outcome is missing" in found.reason


def test_alike_attrition_trims_next_to_nothing():
    frame = people(effect=1.0)
    frame["y"] = np.where(np.arange(len(frame)) % 10 < 2, np.nan, frame["age"] + frame["z"])
    found = checked(frame)
    assert found.statistic == 0
    assert found.p_value > 0.99
    assert found.verdict == "pass"


def test_clusters_widen_the_interval_where_they_hold_rows_together():
    frame = people()
    frame["y"] += np.random.default_rng(1).normal(size=100)[frame["town"]] * 3
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y", missing="drop")
    alone = si.check("attrition_bounds", panel, si.Design.from_panel(panel, exposure="z"), None).details["std_errors"]
    frame["z"] = frame["town"] % 2
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y", missing="drop")
    together = si.check("attrition_bounds", panel, si.Design.from_panel(panel, exposure="z", cluster="town"), None)
    assert together.details["clusters"] == 100
    assert together.details["std_errors"][0] > 2 * alone[0]


def test_in_a_roll_out_changes_since_before_are_compared_period_by_period():
    frame = wedge([2] * 10 + [NEVER] * 10, periods=4, effect=3.0)
    gone = frame["town"].isin(["t00", "t01", "t02"]) & (frame["t"] == 3)
    frame.loc[gone, "y"] = np.nan
    panel = si.Panel.from_frame(frame, unit="town", period="t", outcome="y", missing="drop")
    design = si.Design.from_panel(panel, first_treated="g", balance="drop")
    found = si.check("attrition_bounds", panel, design, None)
    assert (found.details["rows"], found.details["missing"], found.details["changes"]) == (40, 3, True)
    assert [c["cell"] for c in found.details["cells"]] == ["2", "3"]
    late = found.details["cells"][1]
    assert (late["observed_treated"], late["observed_control"], late["trimmed_side"]) == (0.7, 1.0, 0)
    wide = frame.pivot(index="town", columns="t", values="y")
    change = wide[3] - wide[[0, 1]].mean(axis=1)
    others, own = np.sort(change[10:]), change[:10].dropna().mean()
    assert late["lower"] == pytest.approx(own - others[3:].mean())
    assert late["upper"] == pytest.approx(own - others[:-3].mean())


def test_units_without_any_outcome_leave_the_answer_open():
    frame = wedge([2] * 4 + [NEVER] * 4, periods=4)
    frame.loc[frame["town"] == "t00", "y"] = np.nan
    panel = si.Panel.from_frame(frame, unit="town", period="t", outcome="y", missing="drop")
    found = si.check("attrition_bounds", panel, si.Design.from_panel(panel, first_treated="g", balance="drop"), None)
    assert found.verdict == "inconclusive"
    assert "1 unit without any outcome cannot be counted (t00)" in found.reason


def test_rows_without_an_outcome_have_to_say_what_they_were_assigned_to():
    frame = people()
    frame["z"] = frame["z"].astype(float)
    frame.loc[frame["y"].isna().idxmax(), "z"] = np.nan
    with pytest.raises(DesignError, match="z is not 0 or 1 in 1 row without an outcome"):
        checked(frame)


def test_nobody_followed_and_dates_do_not_apply():
    frame = wedge([2, 2, NEVER, NEVER], members=3)
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    found = si.check("attrition_bounds", panel, si.Design.from_panel(panel, first_treated="g"), None)
    assert found.verdict == "inapplicable"


def test_doses_are_refused():
    frame = wedge([0, NEVER], periods=1, members=4).assign(z=lambda f: f["z"] * 0.5)
    with pytest.raises(DesignError, match="needs an exposure of 0 or 1"):
        si.check("attrition_bounds", *lottery(frame), None)
