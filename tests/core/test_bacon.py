"""The Goodman-Bacon decomposition: its comparisons, and that they add up to the two-way estimate."""

import numpy as np
import pytest

from scale_impact.core.bacon import ALWAYS, EARLIER, LATER, decompose, forbidden_weight
from scale_impact.core.bacon import NEVER as UNTREATED
from scale_impact.core.cohorts import cohort_moments
from tests.panels import BEFORE, NEVER, design_of, drawn, fitted, long, reference


def table(frame, **design):
    design = design_of(frame, **design)
    return decompose(cohort_moments(design._panel, design), design.first_treated)


def estimates(frame):
    return {
        (r.treated, r.untreated if r.untreated is not None and not np.isnan(r.untreated) else None): r.estimate
        for r in frame.itertuples()
    }


# Two units a cohort do not matter for the comparisons; one is shown.
CITIES = {"early": [1, 4, 5, 9], "late": [2, 3, 3, 8], "never": [1, 1, 2, 2]}


def test_by_hand():
    rows = table(long(CITIES, {"early": 2002, "late": 2004}))
    found = estimates(rows)
    assert found[2002, None] == pytest.approx((6 - 1) - (5 / 3 - 1))
    assert found[2004, None] == pytest.approx((8 - 8 / 3) - (2 - 4 / 3))
    assert found[2002, 2004] == pytest.approx((4.5 - 1) - (3 - 2))  # 2001 to 2003, before the late one starts
    assert found[2004, 2002] == pytest.approx((8 - 3) - (9 - 4.5))  # 2002 to 2004, the early one treated all along
    assert set(rows["type"]) == {UNTREATED, EARLIER, LATER}


def test_bacondecomp_on_the_minimum_wage(mpdta):
    rows = table(mpdta)
    expected = reference("mpdta", "bacon")
    assert len(rows) == len(expected["table"])
    for pair in expected["table"]:
        treated_in = rows[rows["treated"] == pair["treated"]]
        match = treated_in[
            treated_in["untreated"].isna()
            if pair["untreated"] is None
            else treated_in["untreated"] == pair["untreated"]
        ]
        assert match["type"].item() == pair["type"]
        assert match["estimate"].item() == pytest.approx(pair["estimate"], rel=1e-8, abs=1e-12)  # the tolerance
        assert match["weight"].item() == pytest.approx(pair["weight"], rel=1e-8, abs=1e-12)


def test_bacondecomp_by_type(mpdta):
    rows = table(mpdta)
    expected = reference("mpdta", "bacon")["by_type"]
    for kind, weight, average in zip(expected["type"], expected["weight"], expected["avg_estimate"], strict=True):
        part = rows[rows["type"] == kind]
        assert part["weight"].sum() == pytest.approx(weight, rel=1e-8)  # the tolerance
        assert np.average(part["estimate"], weights=part["weight"]) == pytest.approx(average, rel=1e-8)
    assert forbidden_weight(rows) == pytest.approx(expected["weight"][1], rel=1e-8)


def test_the_weighted_sum_is_the_two_way_estimate(mpdta):
    rows = table(mpdta)
    assert rows["weight"].sum() == pytest.approx(1.0, abs=1e-14)  # nine weights
    assert (rows["estimate"] * rows["weight"]).sum() == pytest.approx(
        reference("mpdta", "bacon")["weighted_sum"], rel=1e-8
    )


@pytest.mark.parametrize(
    "sizes", [{1: 3, 2: 4, 4: 2, NEVER: 5}, {2: 4, 3: 3, 5: 6}, {1: 1, 5: 1, NEVER: 1}, {3: 4, NEVER: 6}]
)
def test_the_weighted_sum_is_the_two_way_estimate_in_any_panel(sizes):
    frame = drawn(sizes, 6, seed=8)
    control = "never" if NEVER in sizes else "not_yet"
    rows = table(frame, control=control)
    assert (rows["weight"] > 0).all()
    two_way = fitted("twfe", frame, control=control).overall.value
    assert (rows["estimate"] * rows["weight"]).sum() == pytest.approx(
        two_way, rel=1e-11
    )  # two ways of summing 6 periods


def test_units_treated_from_the_first_period_serve_as_controls_where_they_are_kept():
    frame = drawn({BEFORE: 3, 2: 4, 4: 2, NEVER: 5}, 6, seed=8)
    effect = fitted("twfe", frame, options={"always_treated": True})
    rows = effect.decomposition
    assert set(rows["type"]) == {UNTREATED, EARLIER, LATER, ALWAYS}
    assert (rows["estimate"] * rows["weight"]).sum() == pytest.approx(
        effect.overall.value, rel=1e-11
    )  # two ways of summing
    expected = rows.loc[rows["type"].isin([LATER, ALWAYS]), "weight"].sum()
    assert forbidden_weight(rows) == expected > 0


def test_one_date_makes_one_comparison():
    rows = table(drawn({2: 4, NEVER: 5}, 5, seed=1))
    assert rows["weight"].tolist() == [1.0]
    assert forbidden_weight(rows) == 0


def test_levels_of_the_outcome_do_not_matter():
    frame = drawn({2: 4, 3: 3, NEVER: 5}, 5, seed=1)
    constants = np.random.default_rng(2).normal(size=12) * 1e6
    a, b = table(frame), table(frame.assign(y=frame["y"] + constants[frame["id"]]))
    # sorted alike: the weights do not depend on the outcome; levels of 1e6 leave 1e-10
    np.testing.assert_allclose(b["estimate"], a["estimate"], atol=1e-9)
    assert b["weight"].tolist() == a["weight"].tolist()
