"""Whether the jump depends on the bandwidth."""

import pytest
from scipy import stats

import scale_impact as si
from tests.discontinuities import design_of, drawn, jump


def refit(panel, design):
    return si.estimate("regression_discontinuity", panel, design)


def checked(frame, *, options=None, fit=refit, **design):
    return si.check("bandwidth_sensitivity", *design_of(frame, **design), fit, **(options or {}))


def test_a_jump_on_a_line_passes_and_rows_are_the_estimators_own():
    frame = jump()
    found = checked(frame, options={"factors": [0.5, 2.0]})
    assert found.verdict == "pass"
    assert [r["factor"] for r in found.details["rows"]] == [0.5, 1.0, 2.0]
    own = refit(*design_of(frame))
    h, b = own.discontinuity.jump.bandwidths.h[0], own.discontinuity.jump.bandwidths.b[0]
    half = si.estimate("regression_discontinuity", *design_of(frame), bandwidth=h / 2, bias_bandwidth=b / 2)
    row = found.details["rows"][0]
    assert (row["estimate"], row["std_error"]) == pytest.approx((half.overall.value, half.overall.std_error))
    wide = stats.t.ppf(0.975, half.discontinuity.jump.effective) * half.overall.std_error
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((half.overall.value - wide, half.overall.value + wide))


def test_a_bend_far_from_the_threshold_fails():
    frame = jump(noise=0.2, n=3000)
    bent = frame.assign(y=frame["y"] + 5 * (frame["x"] > 0.35))
    found = checked(
        bent, fit=lambda p, d: si.estimate("regression_discontinuity", p, d, bandwidth=0.3), options={"factors": [2.5]}
    )
    assert found.verdict == "fail"
    assert "depends on how far observations count" in found.reason


def test_a_sign_that_turns_is_inconclusive():
    from dataclasses import replace

    from scale_impact.core.causal.discontinuity.found import Discontinuity

    class Turned(Discontinuity):
        def at(self, bandwidths):
            made = super().at(bandwidths)
            number = made.estimate
            return replace(made, estimate=replace(number, corrected=-0.1, robust_error=9.0))

    def fit(panel, design):
        effect = refit(panel, design)
        found = effect.discontinuity
        return replace(effect, discontinuity=Turned(found.observations, found.choices, found.jump, found.sides))

    found = checked(jump(noise=0.3), fit=fit)
    assert found.verdict == "inconclusive"
    assert "its sign turns at 0.5" in found.reason


def test_bandwidths_beyond_all_data_are_left_out():
    found = checked(jump(), options={"factors": [0.8, 50.0, 100.0]})
    assert [r["factor"] for r in found.details["rows"]] == [0.8, 1.0]


def test_a_bandwidth_without_an_estimate_says_why():
    found = checked(drawn("ties"), options={"factors": [0.05, 1.5]})
    row = found.details["rows"][0]
    assert (row["estimate"], "a polynomial of degree" in row["reason"]) == (None, True)
    assert found.verdict == "inconclusive"


def test_a_fuzzy_design_keeps_its_ratio():
    found = checked(drawn("population"), threshold=5000, exposure="t")
    own = next(r for r in found.details["rows"] if r["factor"] == 1)
    assert own["estimate"] == pytest.approx(
        refit(*design_of(drawn("population"), threshold=5000, exposure="t")).overall.value
    )


def test_a_design_or_an_estimator_without_a_threshold_does_not_apply():
    frame = jump().assign(got=lambda f: (f["x"] > 0) * 1)
    panel = si.Panel.from_frame(frame, unit=None, period="all", outcome="y")
    found = si.check("bandwidth_sensitivity", panel, si.Design.from_panel(panel, exposure="got"), refit)
    assert (found.verdict, "no threshold" in found.reason) == ("inapplicable", True)

    from dataclasses import replace

    found = checked(jump(), fit=lambda p, d: replace(refit(p, d), discontinuity=None))
    assert (found.verdict, "Use regression_discontinuity" in found.reason) == ("inapplicable", True)


def test_bandwidths_that_hold_all_observations_test_nothing():
    def wide(panel, design):
        return si.estimate("regression_discontinuity", panel, design, bandwidth=1e9)

    found = checked(jump(), fit=wide)
    assert found.verdict == "inapplicable"
    assert "All observations lie within each bandwidth" in found.reason
    some = checked(jump(), fit=wide, options={"factors": [0.5e-9, 0.5, 2]})
    assert [r["factor"] for r in some.details["rows"]] == [0.5e-9, 1.0]
