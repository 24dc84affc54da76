"""Regression discontinuity against rdrobust, from the definition, and on data on which it must not answer."""

import json
from functools import lru_cache

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.discontinuities import THRESHOLDS, design_of, drawn, frame_of, jump
from tests.panels import ROOT

NAME = "regression_discontinuity"
ENTRIES = json.loads((ROOT / "tests/reference/rdrobust.json").read_text())["results"]
FRAMES = lru_cache(frame_of)


def fitted(frame, *, options=None, **design):
    return si.estimate(NAME, *design_of(frame, **design), **(options or {}))


def of_reference(entry):
    options = dict(entry["options"])
    frame = FRAMES(entry["data"])
    design = {"threshold": THRESHOLDS.get(entry["data"], 0.0)}
    if options.pop("clusters", False):
        design["cluster"] = "g"
    if options.pop("fuzzy", False):
        design["exposure"] = "t"
    if options.pop("covariates", False):
        options["covariates"] = [c for c in ("z1", "z2") if c in frame]
    return fitted(frame, options=options, **design)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e["id"])
def test_numbers_are_those_of_rdrobust(entry):
    made, wanted = of_reference(entry), entry["values"]
    found = made.discontinuity.jump
    number = found.estimate
    assert found.n_within == tuple(wanted["n"])
    assert found.n_bias == tuple(wanted["n_bias"])
    assert [*found.bandwidths.h, *found.bandwidths.b] == pytest.approx([*wanted["h"], *wanted["b"]], rel=1e-8)
    names = ("conventional", "bias_corrected", "conventional_std_error", "robust_std_error")
    got = [number.conventional, number.corrected, number.conventional_error, number.robust_error]
    assert got == pytest.approx([wanted[n] for n in names], rel=1e-8)
    if "first_stage" in wanted:
        first = found.first_stage
        assert [first.corrected, first.robust_error] == pytest.approx(wanted["first_stage"], rel=1e-8)


def test_the_overall_estimate_is_the_robust_one_and_the_others_are_summaries():
    wanted = next(e for e in ENTRIES if e["id"] == "plain bandwidth=mserd")["values"]
    made = fitted(drawn("plain"))
    assert (made.estimand, made.judged_by) == ("LATE", "analytic")
    assert made.overall.value == pytest.approx(wanted["bias_corrected"], rel=1e-8)
    assert made.overall.std_error == pytest.approx(wanted["robust_std_error"], rel=1e-8)
    assert made.overall.p_value == pytest.approx(wanted["robust_p_value"], rel=1e-6)
    assert made.summaries["conventional"].value == pytest.approx(wanted["conventional"], rel=1e-8)
    assert made.summaries["bias_corrected"].std_error == pytest.approx(wanted["conventional_std_error"], rel=1e-8)
    assert made.sample.n_obs == sum(wanted["n"])
    levels = made.summaries["level_with"].value - made.summaries["level_without"].value
    assert levels == pytest.approx(wanted["conventional"], rel=1e-8)
    assert made.treated_mean == made.summaries["level_with"].value


def test_a_line_by_hand_within_a_bandwidth():
    frame = jump(n=400)
    made = fitted(frame, options={"bandwidth": 0.5, "kernel": "uniform"})
    near = frame[frame["x"].abs() <= 0.5]
    ends = [np.polyfit(part["x"], part["y"], 1)[1] for part in (near[near["x"] < 0], near[near["x"] >= 0])]
    assert made.summaries["conventional"].value == pytest.approx(ends[1] - ends[0], rel=1e-9)
    # with equal bandwidths the correction is the fit of one degree more
    wide = [np.polyfit(part["x"], part["y"], 2)[2] for part in (near[near["x"] < 0], near[near["x"] >= 0])]
    assert made.overall.value == pytest.approx(wide[1] - wide[0], rel=1e-9)


def test_neighbours_give_the_variance_of_the_definition():
    frame = drawn("ties").iloc[:120]
    made = fitted(frame, options={"bandwidth": 0.6, "kernel": "uniform"})
    total = 0.0
    for side in (frame["x"] < 0, frame["x"] >= 0):
        part = frame[side & (frame["x"].abs() <= 0.6)]
        x, y = part["x"].to_numpy(), part["y"].to_numpy()
        lift = np.linalg.pinv(np.column_stack([np.ones(len(x)), x]))[0]
        for i in range(len(x)):
            distance = np.delete(np.abs(x - x[i]), i)
            others = np.delete(y, i)[distance <= np.sort(distance)[2] + 1e-9]
            total += (lift[i] * (y[i] - others.mean())) ** 2 * len(others) / (len(others) + 1)
    assert made.summaries["conventional"].std_error == pytest.approx(total**0.5, rel=1e-9)


def test_below_the_threshold_is_the_mirror_of_above():
    frame = drawn("population")
    frame = frame[frame["x"] != 5000]
    above = fitted(frame, threshold=5000)
    below = fitted(frame, threshold=5000, side="below")
    assert below.overall.value == pytest.approx(-above.overall.value, rel=1e-9)
    assert below.overall.std_error == pytest.approx(above.overall.std_error, rel=1e-9)
    wide = fitted(frame, threshold=5000, side="below", options={"bandwidth": [300, 600]})
    assert wide.discontinuity.jump.bandwidths.h == (600.0, 300.0)
    narrow = fitted(frame, threshold=5000, options={"bandwidth": [300, 600]})
    assert wide.overall.value == pytest.approx(-narrow.overall.value, rel=1e-9)


def test_units_and_shift_of_the_running_variable_do_not_matter():
    frame = drawn("wide")
    plain, other = fitted(frame), fitted(frame.assign(x=1e6 * frame["x"] + 3e7), threshold=3e7)
    assert other.overall.value == pytest.approx(plain.overall.value, rel=1e-6)
    assert other.overall.std_error == pytest.approx(plain.overall.std_error, rel=1e-6)


def test_a_true_effect_is_covered_about_as_often_as_said():
    hits = 0
    for seed in range(150):
        low, high = fitted(jump(n=400, seed=seed)).overall.interval(0.95)
        hits += low <= 1 <= high
    assert 0.87 <= hits / 150 <= 0.99


def test_an_exposure_that_follows_the_threshold_is_sharp():
    frame = drawn("wide")
    frame["got"] = (frame["x"] >= 0).astype(float)
    sharp, named = fitted(frame), fitted(frame, exposure="got")
    assert named.overall == sharp.overall
    assert "first_stage" not in named.summaries


def test_a_fuzzy_design_has_its_first_stage_and_the_outcomes_own_jump():
    made = fitted(drawn("population"), threshold=5000, exposure="t")
    first, crossing = made.summaries["first_stage"], made.summaries["crossing"]
    assert first.value == pytest.approx(0.73, abs=0.15)
    conventional = (
        made.discontinuity.crossing().estimate.conventional / made.discontinuity.jump.first_stage.conventional
    )
    assert made.summaries["conventional"].value == pytest.approx(conventional, rel=1e-9)
    assert crossing.std_error > 0
    assert made.treated_mean is None


def test_an_exposure_unrelated_to_the_threshold_has_no_interval():
    rng = np.random.default_rng(5)
    frame = jump(got=(rng.uniform(size=1500) < 0.5).astype(float))
    made = fitted(frame, exposure="got")
    assert made.overall.std_error is None
    assert "may be 0" in made.overall.reason
    assert made.summaries["crossing"].value == pytest.approx(1, abs=0.6)
    assert any("so weak a first stage" in n for n in made.notes)


def test_an_exposure_that_does_not_change_near_the_threshold_is_refused():
    frame = jump()
    frame["got"] = (frame["x"] > 0.9).astype(float)
    with pytest.raises(EstimationError, match="does not change at the threshold"):
        fitted(frame, exposure="got", options={"bandwidth": 0.3})


def test_a_donut_leaves_out_those_next_to_the_threshold():
    frame = drawn("wide")
    made = fitted(frame, options={"donut": 0.05})
    plain = fitted(frame[frame["x"].abs() >= 0.05])
    assert made.overall == plain.overall
    assert any("(donut)" in n for n in made.notes)
    assert not any("leaves a gap" in n for n in made.notes)
    with pytest.raises(DesignError, match="donut is 9"):
        fitted(frame, options={"donut": 9.0})


def test_periods_are_pooled_and_clustered_by_unit():
    frame = drawn("wide")
    twice = np.repeat(np.arange(400), 2)
    frame = frame.assign(town=twice, year=np.tile([1, 2], 400), x=frame["x"].to_numpy()[2 * twice])
    panel = si.Panel.from_frame(frame, unit="town", period="year", outcome="y")
    made = si.estimate(NAME, panel, si.Design.from_panel(panel, running="x", threshold=0))
    flat = si.Panel.from_frame(frame.assign(all=1), unit=None, period="all", outcome="y")
    clustered = si.estimate(NAME, flat, si.Design.from_panel(flat, running="x", threshold=0, cluster="town"))
    assert made.overall == clustered.overall
    assert made.overall.df == made.discontinuity.jump.n_clusters - 1
    assert made.sample.n_obs == 2 * made.sample.n_units
    assert any("clustered by town" in n for n in made.notes)


def test_few_clusters_are_said():
    frame = drawn("plain")
    made = fitted(frame.assign(few=frame["g"] % 12), cluster="few")
    assert made.overall.df == 11
    assert any("12 clusters are few" in n for n in made.notes)
    with pytest.raises(UsageError, match="variance is 'hc3'"):
        fitted(frame, cluster="g", options={"variance": "hc3"})


def test_covariates_make_it_more_precise_not_other():
    frame = drawn("wide")
    plain, adjusted = fitted(frame), fitted(frame, options={"covariates": ["z1", "z2"]})
    assert adjusted.overall.std_error < plain.overall.std_error
    twice = fitted(frame.assign(z3=frame["z1"] + frame["z2"]), options={"covariates": ["z1", "z2", "z3"]})
    options = {"bandwidth": 0.5, "covariates": ["z1", "z2"]}
    assert twice.overall.value == pytest.approx(adjusted.overall.value, abs=0.05)
    assert fitted(frame, options=options).summaries["conventional"].value is not None


def test_a_heap_beside_the_threshold_is_noted():
    frame, chance = jump(), np.random.default_rng(1).uniform(size=1500)
    near = (frame["x"] < 0) & (frame["x"] > -0.1)
    some = frame.assign(x=np.where(near & (chance < 0.7), -frame["x"], frame["x"]))
    assert any("density of x jumps at the threshold" in n for n in fitted(some).notes)
    everybody = frame.assign(x=np.where(near, -frame["x"], frame["x"]))
    assert any("density of x leaves a gap" in n for n in fitted(everybody).notes)
    assert not any("density" in n for n in fitted(jump()).notes)


def test_repeated_values_are_said():
    assert any("repeats values" in n for n in fitted(drawn("ties")).notes)
    coarse = jump(n=2000)
    coarse["x"] = np.round(coarse["x"] * 12)
    assert any("extrapolated from the last values" in n for n in fitted(coarse, options={"bandwidth": 8}).notes)


def test_few_observations_near_the_threshold_are_counted():
    made = fitted(jump(n=60), options={"bandwidth": 0.3})
    below, above = made.discontinuity.jump.n_within
    assert next(n for n in made.notes if n.startswith("Only")).startswith(f"Only {below} observations below")
    assert f"{below} observations below and {above} above" in made.notes[1]
    with pytest.raises(EstimationError) as caught:
        fitted(jump(n=60), options={"bandwidth": 0.01})
    assert len(caught.value.problems) >= 2
    assert "Within the bandwidth 0.01 lie" in caught.value.problems[0]


def test_one_value_on_a_side_is_refused():
    frame = jump()
    frame["x"] = np.where(frame["x"] < 0, -1.0, frame["x"])
    with pytest.raises(EstimationError, match="No bandwidth can be chosen"):
        fitted(frame)
    with pytest.raises(EstimationError, match="with 1 different value"):
        fitted(frame, options={"bandwidth": 2})


def test_too_few_observations_to_choose_a_bandwidth():
    with pytest.raises(EstimationError, match="19 observations are too few"):
        fitted(jump(n=19))
    assert fitted(jump(n=19), options={"bandwidth": 1.0}).overall.std_error > 0


def test_one_cluster_on_a_side_has_no_standard_error():
    frame = jump()
    frame["g"] = np.where(frame["x"] < 0, 0, np.arange(len(frame)))
    with pytest.raises(EstimationError, match="single cluster"):
        fitted(frame, cluster="g", options={"bandwidth": 0.5})


def test_designs_without_a_threshold_are_sent_elsewhere():
    frame = jump()
    panel = si.Panel.from_frame(frame.assign(got=(frame["x"] > 0) * 1), unit=None, period="all", outcome="y")
    with pytest.raises(DesignError, match="needs a threshold"):
        si.estimate(NAME, panel, si.Design.from_panel(panel, exposure="got"))
    frame = frame.iloc[:40].assign(unit=np.repeat(np.arange(10), 4), t=np.tile(np.arange(4), 10))
    frame["on"] = ((frame["unit"] < 5) & (frame["t"] > 1)) * 1
    panel = si.Panel.from_frame(frame, unit="unit", period="t", outcome="y")
    with pytest.raises(DesignError, match="needs a threshold"):
        si.estimate(NAME, panel, si.Design.from_panel(panel, treated="on"))


def test_a_threshold_outside_the_data_or_a_text_is_refused():
    with pytest.raises(DesignError, match="threshold is 3"):
        fitted(jump(), threshold=3)
    with pytest.raises(DesignError, match="no number"):
        fitted(jump().assign(x="a"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bandwidth": "mserdd"}, "mserd"),
        ({"bandwidth": -1.0}, "positive number"),
        ({"bandwidth": [1.0]}, "positive number"),
        ({"kernel": "gauss"}, "triangular"),
        ({"degree": 2, "bias_degree": 2}, "higher degree"),
        ({"neighbours": 0}, "neighbours is 0; it has to be a whole number, 1 or more"),
        ({"neighbours": 2.5}, "neighbours is 2.5"),
        ({"degree": True}, "degree is True"),
        ({"bias_bandwidth": 0}, "bias_bandwidth is 0; it has to be a number above 0"),
        ({"donut": "wide"}, "donut is 'wide'"),
        ({"regularisation": np.inf}, "regularisation is inf"),
        ({"bandwidth": [1, "a"]}, "positive number"),
        ({"neighbours": 0, "degree": -1}, "2 problems"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        fitted(jump(), options=options)


@pytest.mark.parametrize("options", [{}, {"variance": "hc2"}, {"covariates": ["z1"]}, {"bandwidth": 0.4}])
def test_the_outcomes_level_changes_nothing_but_levels(options):
    frame = drawn("plain")
    far = frame.assign(y=frame["y"] + 2.0**30, z1=frame["z1"] + 2.0**30)  # no rounding of the shift's own beyond 2**-23
    one, other = fitted(frame, options=options), fitted(far, options=options)
    got, wanted = other.discontinuity.jump, one.discontinuity.jump
    assert got.bandwidths.h == pytest.approx(wanted.bandwidths.h, rel=1e-6)
    assert [other.overall.value, other.overall.std_error] == pytest.approx(
        [one.overall.value, one.overall.std_error], rel=1e-6
    )
    assert np.array(got.levels) - 2.0**30 == pytest.approx(np.array(wanted.levels), abs=1e-6)
    assert other.influence.values == pytest.approx(one.influence.values, abs=1e-7)


def test_an_outcome_that_does_not_vary_is_not_called_certain():
    with pytest.raises(EstimationError, match="does not vary around its own course"):
        fitted(jump().assign(y=5.0))
    for outcome, variance in ((lambda f: 5.0, "nn"), (lambda f: 1 + 2 * f["x"], "hc1")):
        found = fitted(jump().assign(y=outcome), options={"bandwidth": 0.5, "variance": variance})
        assert found.overall.value == pytest.approx(0, abs=1e-10)
        assert found.overall.std_error is None
        assert "does not vary around its course" in found.overall.reason
        assert found.summaries["conventional"].std_error is None


def test_the_outcome_and_the_rule_are_no_covariates():
    frame = drawn("wide").assign(above=lambda f: (f["x"] >= design_of(f)[1].running.threshold) * 2 - 1)
    for name, said in (("y", "outcome"), ("above", "exposure")):
        with pytest.raises(DesignError, match=f"Covariate '{name}' is the {said} itself"):
            fitted(frame, options={"covariates": ["z1", name]})


def test_missing_covariates_are_refused():
    frame = jump()
    frame["z"] = np.where(np.arange(len(frame)) == 3, np.nan, 1.0 * np.arange(len(frame)))
    with pytest.raises(DesignError, match="'z' is missing in 1 row"):
        fitted(frame, options={"covariates": ["z"]})


def test_an_outcome_without_noise_has_its_exact_jump():
    frame = jump(noise=0.0)
    assert fitted(frame, options={"bandwidth": 0.5}).overall.value == pytest.approx(1, rel=1e-9)


def test_clusters_on_both_sides_and_an_exposure_that_falls_are_said():
    made = fitted(drawn("wide"), cluster="g")
    assert any("lie on both sides of the threshold" in n for n in made.notes)
    frame = drawn("wide").assign(got=lambda f: (f["x"] < 0) * 1.0)
    made = fitted(frame, exposure="got")
    assert made.overall.value == pytest.approx(-fitted(frame).overall.value)
    assert any("falls by 1 where it is meant to rise: check `side`" in n for n in made.notes)


@pytest.mark.parametrize(
    "options", [{}, {"variance": "hc2"}, {"bandwidth": 0.4, "kernel": "uniform"}, {"covariates": ["z1"]}]
)
@pytest.mark.parametrize("exposure", [None, "t"])
def test_what_each_observation_adds_makes_the_standard_error(options, exposure):
    made = fitted(drawn("wide"), exposure=exposure, options=options)
    assert made.influence.covariance()[0, 0] ** 0.5 == pytest.approx(made.overall.std_error, rel=1e-9)


def test_what_each_cluster_adds_makes_the_standard_error():
    frame = drawn("wide")
    frame["g"] = frame["g"] + 100 * (frame["x"] >= 0)  # none on both sides
    made = fitted(frame, cluster="g")
    assert made.influence.covariance()[0, 0] ** 0.5 == pytest.approx(made.overall.std_error, rel=1e-9)


def test_agreement_compares_two_bandwidths():
    panel, design = design_of(jump(noise=0.3))
    refits = {NAME: lambda p, d: si.estimate(NAME, p, d), "wide": lambda p, d: si.estimate(NAME, p, d, bandwidth=0.8)}
    found = si.check("agreement", panel, design, refits[NAME], refits=refits)
    assert (found.verdict, found.p_value > 0.05) == ("pass", True)


def test_as_many_observations_as_coefficients_have_no_residuals():
    frame = jump(n=200)
    kept = frame[(frame["x"] >= 0) | (frame["x"] < -0.6)].sort_values("x")
    three = kept.iloc[[0, 1, 2, *range(60, len(kept))]]
    with pytest.raises(EstimationError, match="3 observations within the bandwidth"):
        fitted(three, options={"bandwidth": 1.0, "variance": "hc1"})


def test_the_effective_number_is_that_of_the_corrected_fit():
    frame = jump(n=400)
    made = fitted(frame, options={"bandwidth": 0.5, "kernel": "uniform"})
    near = [frame["x"][(frame["x"].abs() <= 0.5) & side].to_numpy() for side in (frame["x"] < 0, frame["x"] >= 0)]
    squares = np.concatenate([np.linalg.pinv(np.vander(x, 3, increasing=True))[0] for x in near]) ** 2
    assert made.discontinuity.jump.effective == pytest.approx(squares.sum() ** 2 / (squares**2).sum())
