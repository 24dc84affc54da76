"""Weight of comparisons with already treated units, against R's bacondecomp and by hand."""

import numpy as np
import pytest

import scale_impact as si
from tests.panels import design_of, drawn, fitted, long, reference

NEVER = np.inf


def checked(frame, *, options=None, **design):
    chosen = design_of(frame, **design)

    def never_called(panel, other):
        raise AssertionError("the decomposition is of two-way fixed effects, whatever the study's estimator is")

    return si.check("bacon", chosen._panel, chosen, never_called, **(options or {}))


def test_bacondecomp_on_the_minimum_wage(mpdta):
    expected = reference("mpdta", "bacon")
    found = checked(mpdta)
    weights = dict(zip(expected["by_type"]["type"], expected["by_type"]["weight"], strict=True))
    assert found.statistic == pytest.approx(weights["Later vs Earlier Treated"], rel=1e-8)
    rows = found.details["comparisons"]
    assert sum(r["estimate"] * r["weight"] for r in rows) == pytest.approx(expected["weighted_sum"], rel=1e-8)
    ours = {(r["treated"], r["untreated"]): (r["type"], r["estimate"], r["weight"]) for r in rows}
    for row in expected["table"]:
        untreated = "never treated" if row["untreated"] is None else str(row["untreated"])
        kind, estimate, weight = ours.pop((str(row["treated"]), untreated))
        assert kind == row["type"]
        assert (estimate, weight) == pytest.approx((row["estimate"], row["weight"]), rel=1e-8, abs=1e-12)
    assert not ours


def test_weights_by_hand():
    # two cities a cohort; 4 periods; early from the 2nd, late from the 4th. Goodman-Bacon (2021), equations 10e to 10g:
    # weight of a pair is (share of its sample x share of its window)^2 x p(1 - p) x D(1 - D)
    frame = drawn({1: 2, 3: 2, NEVER: 2}, 4, seed=1)
    rows = checked(frame).details["comparisons"]
    raw = {
        ("1", "never treated"): (4 / 6) ** 2 * 0.25 * (3 / 4) * (1 / 4),
        ("3", "never treated"): (4 / 6) ** 2 * 0.25 * (1 / 4) * (3 / 4),
        ("1", "3"): (4 / 6 * 3 / 4) ** 2 * 0.25 * (2 / 3) * (1 / 3),
        ("3", "1"): (4 / 6 * 3 / 4) ** 2 * 0.25 * (1 / 3) * (2 / 3),
    }
    total = sum(raw.values())
    found = {(r["treated"], r["untreated"]): r["weight"] for r in rows}
    assert found == {pair: pytest.approx(w / total, rel=1e-12) for pair, w in raw.items()}
    assert checked(frame).statistic == pytest.approx(raw["3", "1"] / total, rel=1e-12)


def test_the_comparisons_add_up_to_two_way_fixed_effects():
    frame = drawn({2: 3, 3: 4, 4: 2, NEVER: 5}, 6, seed=7)
    rows = checked(frame).details["comparisons"]
    assert sum(r["weight"] for r in rows) == pytest.approx(1)
    assert sum(r["weight"] * r["estimate"] for r in rows) == pytest.approx(
        fitted("twfe", frame).overall.value, rel=1e-9
    )


def test_the_tolerance_decides():
    frame = drawn({2: 3, 4: 4, NEVER: 5}, 6, seed=7)
    share = checked(frame).statistic
    assert 0 < share < 1
    assert checked(frame, options={"tolerance": share * 1.01}).verdict == "pass"
    assert checked(frame, options={"tolerance": share * 0.99}).verdict == "fail"


def test_the_reason_says_share_estimate_and_what_is_left():
    frame = drawn({2: 3, 4: 4, NEVER: 5}, 6, seed=7)
    found = checked(frame)
    fair = [r for r in found.details["comparisons"] if r["type"] != "Later vs Earlier Treated"]
    average = np.average([r["estimate"] for r in fair], weights=[r["weight"] for r in fair])
    assert f"{found.statistic:.1%}" in found.reason
    assert f"{fitted('twfe', frame).overall.value:.3g}" in found.reason
    assert f"{average:.3g}" in found.reason


def test_without_never_treated_units_more_weight_lies_on_comparisons_with_treated_ones():
    frame = drawn({2: 3, 4: 4, NEVER: 5}, 6, seed=7)
    fewer = frame[np.isfinite(frame["g"])]
    assert checked(fewer, control="not_yet").statistic > checked(frame).statistic
    assert checked(fewer, control="not_yet").verdict == "fail"


def test_one_adoption_date_is_inapplicable():
    found = checked(long({"a": [1, 2], "b": [1, 1]}, {"a": 2002}))
    assert found.verdict == "inapplicable"
    assert "one adoption date" in found.reason


def test_cross_sections_are_inapplicable(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    assert si.check("bacon", panel, design, lambda p, d: None).verdict == "inapplicable"


def test_units_treated_from_the_start_enter_where_they_are_asked_for():
    frame = drawn({0: 6, 4: 7, NEVER: 9}, 6, seed=41)
    frame = frame.assign(t=frame["t"] + 2001, g=frame["g"] + 2001)  # 0 would be read as never treated
    chosen = design_of(frame)
    run = lambda **options: si.check("bacon", chosen._panel, chosen, None, **options)  # noqa: E731
    assert run().verdict == "inapplicable"  # one adoption date is left
    rows = run(always_treated=True).details["comparisons"]
    total = sum(row["estimate"] * row["weight"] for row in rows)
    two_way = si.estimate("twfe", chosen._panel, chosen, always_treated=True)
    assert "Later vs Always Treated" in {row["type"] for row in rows}
    assert total == pytest.approx(two_way.overall.value, rel=1e-10)  # theorem 1, up to rounding
