"""Imputation equals R's didimputation, and the paper's formulas written out observation by observation."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.cells import average_weights, event_time, imputation, least_squares
from tests.panels import BEFORE, NEVER, drawn, fitted, long, panel_of, reference

SIZES = {2: 5, 3: 6, NEVER: 9}
T = 6


def drawn_with_states(sizes=SIZES, periods=T, seed=31):
    return drawn(sizes, periods, seed).assign(st=lambda f: f["id"] // 2)


def sections(seed=5, n=140):
    """Repeated cross-sections of three cohorts."""
    rng = np.random.default_rng(seed)
    frame = drawn({0: 1}, 1, 0).iloc[:0].reindex(range(n))
    frame = frame.assign(id=np.arange(n), t=rng.integers(0, 5, n), g=rng.choice([2.0, 3.0, NEVER], n))
    return frame.assign(y=rng.normal(size=n) + frame["t"] * 0.3, st=np.arange(n) % 12)


# ---- the numbers of didimputation -------------------------------------------------------------------


def test_didimputation_on_the_minimum_wage(mpdta):
    expected, effect = reference("mpdta", "bjs_static"), fitted("imputation", mpdta)
    # R's first stage stops demeaning at 1e-6, which leaves 3e-9 in its estimates
    assert effect.overall.value == pytest.approx(expected["estimate"], abs=1e-8)
    assert effect.overall.std_error == pytest.approx(expected["std.error"], rel=1e-6)
    assert effect.overall.df is None


def test_didimputation_by_horizon_and_before_treatment(mpdta):
    expected, path = reference("mpdta", "bjs_pretrends"), fitted("imputation", mpdta).path
    assert [int(e) for e in path.event_times] == [int(e) for e in expected["term"]]
    np.testing.assert_allclose(path.values, expected["estimate"], atol=1e-8)
    np.testing.assert_allclose(path.std_errors, expected["std.error"], rtol=1e-6)
    horizons = fitted("imputation", mpdta, options={"pre_trends": 0}).path
    np.testing.assert_allclose(horizons.values, reference("mpdta", "bjs_horizon")["estimate"], atol=1e-8)
    np.testing.assert_allclose(horizons.std_errors, reference("mpdta", "bjs_horizon")["std.error"], rtol=1e-6)


# ---- the paper's formulas -----------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("sizes", [SIZES, {2: 3, 3: 4, 5: 6}, {1: 1, 4: 5, NEVER: 4}])
def test_the_definition(sizes, anticipation, cluster):
    frame = drawn_with_states(sizes)
    effect = fitted("imputation", frame, control="not_yet", anticipation=anticipation, cluster=cluster,
                    options={"pre_trends": 0})  # fmt: skip
    last = frame["g"].max() - anticipation  # where nobody is never treated, nothing is imputed from here on
    seen = frame[(frame["t"] < last) & (frame["g"] > anticipation)]
    treated, since = (seen["t"] >= seen["g"] - anticipation).to_numpy(), event_time(seen).to_numpy()
    times = np.unique(since[treated])
    targets = average_weights(seen, [treated & (since == e) for e in times] + [treated & (since >= 0)])
    values, covariance = imputation(seen, targets, anticipation=anticipation, cluster=cluster)
    k = len(times)
    assert list(effect.path.event_times) == list(times)
    np.testing.assert_allclose(effect.path.values, values[:k], rtol=1e-9, atol=1e-11)  # pinv has about 1e-13
    np.testing.assert_allclose(effect.path.covariance, covariance[:k, :k], rtol=1e-8, atol=1e-12)
    assert effect.overall.value == pytest.approx(values[k], rel=1e-9)
    assert effect.overall.std_error == pytest.approx(np.sqrt(covariance[k, k]), rel=1e-9)


@pytest.mark.parametrize("kind", ["by_cohort", "by_period", "cells"])
def test_the_definition_by_cohort_period_and_cell(kind):
    frame = drawn_with_states()
    family = getattr(fitted("imputation", frame), kind)
    treated = (frame["t"] >= frame["g"]).to_numpy()
    if kind == "cells":
        chosen = [
            treated & (frame["g"] == g) & (frame["t"] == t) for g, t in zip(family.cohorts, family.periods, strict=True)
        ]
    else:
        column, labels = ("g", family.cohorts) if kind == "by_cohort" else ("t", family.periods)
        chosen = [treated & (frame[column] == label) for label in labels]
    values, covariance = imputation(frame, average_weights(frame, chosen))
    np.testing.assert_allclose(family.values, values, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(family.covariance, covariance, rtol=1e-8, atol=1e-12)


def test_leave_one_out_is_the_definition():
    frame = drawn_with_states()
    effect = fitted("imputation", frame, options={"leave_one_out": True, "pre_trends": 0})
    since = event_time(frame).to_numpy()
    targets = average_weights(frame, [since == e for e in effect.path.event_times])
    values, covariance = imputation(frame, targets, leave_one_out=True)
    np.testing.assert_allclose(effect.path.values, values, rtol=1e-9)
    np.testing.assert_allclose(effect.path.covariance, covariance, rtol=1e-8, atol=1e-12)
    assert effect.overall.std_error > fitted("imputation", frame).overall.std_error
    assert "leave-one-out" in effect.inference


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_in_repeated_cross_sections_cohorts_stand_in_for_units(leave_one_out):
    frame = sections()
    panel = panel_of(frame, unit=None)
    design = si.Design.from_panel(panel, first_treated="g")
    effect = si.estimate("imputation", panel, design, leave_one_out=leave_one_out)
    since = event_time(frame).to_numpy()
    times = [e for e in effect.path.event_times if e >= 0]
    values, covariance = imputation(
        frame, average_weights(frame, [since == e for e in times]), effects="g", leave_one_out=leave_one_out
    )
    at = [effect.path.event_times.index(e) for e in times]
    np.testing.assert_allclose(effect.path.values[at], values, rtol=1e-9)
    np.testing.assert_allclose(effect.path.covariance[np.ix_(at, at)], covariance, rtol=1e-8, atol=1e-12)
    cells = effect.cells
    chosen = [(frame["g"] == g) & (frame["t"] == t) for g, t in zip(cells.cohorts, cells.periods, strict=True)]
    targets = average_weights(frame, chosen)
    each = imputation(frame, targets, effects="g", leave_one_out=leave_one_out)[1]
    np.testing.assert_allclose(cells.covariance, each, rtol=1e-8, atol=1e-12)


def test_units_observed_irregularly_are_clusters_of_cross_sections():
    frame = drawn_with_states().sample(frac=0.8, random_state=1).sort_values(["id", "t"], ignore_index=True)
    effect = fitted("imputation", frame, balance="repeated_cross_sections")
    since = event_time(frame).to_numpy()
    value, variance = imputation(frame, average_weights(frame, [since >= 0]), effects="g")
    assert effect.overall.value == pytest.approx(value[0], rel=1e-9)
    assert effect.overall.std_error == pytest.approx(np.sqrt(variance[0, 0]), rel=1e-9)


# ---- before treatment -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize(
    ("sizes", "asked", "leads"), [(SIZES, 2, [-2, -1]), ({4: 5, 5: 4, NEVER: 6}, [-4, -2], [-4, -2])]
)
def test_pre_trends_are_a_regression_on_untreated_observations(sizes, asked, leads, cluster):
    frame = drawn_with_states(sizes, periods=7)
    path = fitted("imputation", frame, cluster=cluster, options={"pre_trends": asked}).path
    free = frame[frame["t"] < frame["g"]]
    values, covariance = least_squares(free, [event_time(free) == e for e in leads], cluster=cluster)
    at = [path.event_times.index(e) for e in leads]
    np.testing.assert_allclose(path.values[at], values, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(path.covariance[np.ix_(at, at)], covariance, rtol=1e-8)


def test_the_path_s_covariance_holds_that_between_both_regressions(mpdta):
    path = fitted("imputation", mpdta).path
    by_unit = path.influence.values
    np.testing.assert_allclose(by_unit.T @ by_unit, path.covariance, rtol=1e-9, atol=1e-15)


def test_pre_trends_that_cannot_be_told_apart_are_left_out():
    frame = drawn({2: 5, NEVER: 6}, 5, seed=3)
    assert fitted("imputation", frame).path.event_times == (-1, 0, 1, 2)  # of three asked for, two are there
    effect = fitted("imputation", frame, options={"pre_trends": [-2, -1]})
    assert effect.path.event_times == (-1, 0, 1, 2)
    assert "Event time -2 has no coefficient: it cannot be told from unit and period effects." in effect.notes


def test_pre_trends_lie_before_treatment():
    with pytest.raises(DesignError, match=r"pre_trends names event time 0; before .* there are: -3, -2, -1"):
        fitted("imputation", drawn(SIZES, T, seed=1), options={"pre_trends": [-1, 0]})


def test_a_negative_number_of_pre_trends_is_refused():
    with pytest.raises(UsageError, match="pre_trends is -2; it has to be a number of event times, 0 or more"):
        fitted("imputation", drawn(SIZES, T, seed=1), options={"pre_trends": -2})


def test_anticipated_periods_are_imputed_and_not_part_of_the_overall_effect():
    frame = drawn(SIZES, T, seed=1)
    effect = fitted("imputation", frame, anticipation=1)
    assert effect.path.event_times == (-2, -1, 0, 1, 2, 3)  # -3 is the reference of -2
    since = event_time(frame).to_numpy()
    values, _ = imputation(frame, average_weights(frame, [since == -1, since >= 0]), anticipation=1)
    assert [effect.path.at(-1).value, effect.overall.value] == pytest.approx(list(values), rel=1e-9)


# ---- covariates --------------------------------------------------------------------------------------------


def with_covariates(sizes=SIZES, periods=T):
    """Two covariates that move the outcome, the second on the scale of inhabitants."""
    frame = drawn_with_states(sizes, periods)
    rng = np.random.default_rng(1)
    x, pop = rng.normal(size=len(frame)), 1e5 * (1 + rng.random(len(frame)))
    return frame.assign(x=x, pop=pop, y=frame["y"] + 2 * x + 1e-5 * pop)


@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("sizes", [SIZES, {2: 3, 3: 4, 5: 6}])
def test_the_definition_with_covariates(sizes, anticipation, cluster):
    frame = with_covariates(sizes)
    names = ["x", "pop"]
    effect = fitted("imputation", frame, control="not_yet", anticipation=anticipation, cluster=cluster,
                    options={"pre_trends": 0, "covariates": names})  # fmt: skip
    seen = frame[frame["t"] < frame["g"].max() - anticipation]
    treated, since = (seen["t"] >= seen["g"] - anticipation).to_numpy(), event_time(seen).to_numpy()
    times = np.unique(since[treated])
    targets = average_weights(seen, [treated & (since == e) for e in times] + [treated & (since >= 0)])
    scaled = seen.assign(pop=seen["pop"] / 1e5)
    values, covariance = imputation(scaled, targets, anticipation=anticipation, cluster=cluster, covariates=names)
    k = len(times)
    np.testing.assert_allclose(effect.path.values, values[:k], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(effect.path.covariance, covariance[:k, :k], rtol=1e-7, atol=1e-11)
    assert effect.overall.std_error == pytest.approx(np.sqrt(covariance[k, k]), rel=1e-8)
    by_unit = effect.influence.by_cluster
    assert np.sqrt((by_unit**2).sum()) == pytest.approx(effect.overall.std_error, rel=1e-10)
    assert effect.weights is None


def test_leave_one_out_with_covariates_is_the_definition():
    frame = with_covariates()
    effect = fitted("imputation", frame, options={"leave_one_out": True, "pre_trends": 0, "covariates": "x"})
    targets = average_weights(frame, [event_time(frame) == e for e in effect.path.event_times])
    covariance = imputation(frame, targets, leave_one_out=True, covariates=["x"])[1]
    np.testing.assert_allclose(effect.path.covariance, covariance, rtol=1e-7, atol=1e-11)


@pytest.mark.parametrize("cluster", ["id", "st"])
def test_pre_trends_with_covariates_are_a_regression_on_untreated_observations(cluster):
    frame = with_covariates({4: 5, 5: 4, NEVER: 6}, periods=7)
    path = fitted("imputation", frame, cluster=cluster, options={"pre_trends": 2, "covariates": ["x"]}).path
    free = frame[frame["t"] < frame["g"]]
    values, covariance = least_squares(free, [*(event_time(free) == e for e in (-2, -1)), free["x"]], cluster=cluster)
    np.testing.assert_allclose(path.values[:2], values[:2], rtol=1e-8)
    np.testing.assert_allclose(path.covariance[:2, :2], covariance[:2, :2], rtol=1e-7)
    by_cluster = path.influence.by_cluster
    np.testing.assert_allclose(by_cluster.T @ by_cluster, path.covariance, rtol=1e-9, atol=1e-14)


def test_many_cells_with_covariates_have_the_variances_of_few(monkeypatch):
    from scale_impact.estimators import _cells

    few = fitted("imputation", with_covariates(), options={"covariates": ["x"]}).cells
    monkeypatch.setattr(_cells, "FULL_COVARIANCE", 3)
    many = fitted("imputation", with_covariates(), options={"covariates": ["x"]}).cells
    np.testing.assert_allclose(many.variances, few.variances, rtol=1e-10)


def test_covariates_that_say_nothing_are_refused():
    frame = with_covariates().assign(fixed=lambda f: f["id"] * 1.0, twice=lambda f: 2 * f["x"] + f["t"])
    with pytest.raises(EstimationError, match="Covariate fixed does not vary beyond unit and period effects"):
        fitted("imputation", frame, options={"covariates": ["fixed", "x"]})
    with pytest.raises(EstimationError, match="Covariates x, twice are combinations of each other"):
        fitted("imputation", frame, options={"covariates": ["x", "twice"]})


def test_covariates_in_cross_sections_are_refused_with_what_to_use():
    panel = panel_of(sections().assign(x=1.0), unit=None)
    design = si.Design.from_panel(panel, first_treated="g")
    with pytest.raises(DesignError, match=r"imputation takes covariates in panels .* Use callaway_santanna"):
        si.estimate("imputation", panel, design, covariates=["x"])


def test_units_that_are_left_out_do_not_count_for_covariates():
    frame = with_covariates()
    lacking = frame.drop(frame.index[[3, 40]])
    gone = set(frame["id"][frame.index[[3, 40]]])
    ours = fitted("imputation", lacking, balance="drop", options={"covariates": ["x"]})
    theirs = fitted("imputation", frame[~frame["id"].isin(gone)], options={"covariates": ["x"]})
    assert ours.overall.value == pytest.approx(theirs.overall.value, rel=1e-11)
    assert ours.overall.std_error == pytest.approx(theirs.overall.std_error, rel=1e-11)


# ---- what everyone shares ---------------------------------------------------------------------------------


def test_weights_and_influence_give_estimate_and_standard_error(mpdta):
    effect = fitted("imputation", mpdta)
    means = mpdta.assign(g=mpdta["g"].replace(0, 9999)).pivot_table(index="g", columns="t", values="y").to_numpy()
    assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-9)
    assert np.sqrt((effect.influence.values**2).sum()) == pytest.approx(effect.overall.std_error, rel=1e-10)
    np.testing.assert_allclose(
        np.einsum("kgt,gt->k", effect.path.weights, means), effect.path.values, rtol=1e-7, atol=1e-10
    )


def test_many_cells_have_the_variances_of_few(monkeypatch):
    from scale_impact.estimators import _cells

    pooled = {"balance": "repeated_cross_sections"}
    for options, design in (({}, {}), ({"leave_one_out": True}, {}), ({}, {"cluster": "st"}), ({}, pooled)):
        frame = drawn_with_states()
        few = fitted("imputation", frame, options=options, **design).cells
        monkeypatch.setattr(_cells, "FULL_COVARIANCE", 3)
        many = fitted("imputation", frame, options=options, **design).cells
        monkeypatch.undo()
        assert many.covariance is None
        np.testing.assert_allclose(many.variances, few.variances, rtol=1e-10)
        assert many.std_errors == pytest.approx(few.std_errors, rel=1e-10)


def test_without_never_treated_units_the_last_cohort_has_no_effect():
    effect = fitted("imputation", drawn({2: 5, 4: 6}, T, seed=3), control="not_yet")
    assert effect.by_cohort.cohorts == (2,)
    assert effect.by_period.periods == (2, 3)
    assert "From 4 on nobody is untreated: no effect there." in effect.notes
    assert any(n.startswith("Cohort 4 (6 units) has no effect of its own") for n in effect.notes)
    assert effect.sample.n_treated == 5
    assert effect.sample.n_periods == 4


def test_a_cohort_without_an_untreated_period_is_left_out_and_said():
    frame = drawn({1: 4, 3: 5, NEVER: 6}, T, seed=3)
    effect = fitted("imputation", frame, anticipation=1)
    alone = fitted("imputation", frame[frame["g"] != 1], anticipation=1)
    assert effect.overall.value == pytest.approx(alone.overall.value, rel=1e-12)  # other order of sums
    assert effect.overall.std_error == pytest.approx(alone.overall.std_error, rel=1e-12)
    assert any(n.startswith("Cohort 1 (4 units) left out: it has no period before") for n in effect.notes)
    always = fitted("imputation", drawn({BEFORE: 3, 3: 5, NEVER: 6}, T, seed=3))
    assert always.sample.n_units == 11


def test_effects_of_one_unit_have_no_standard_error():
    effect = fitted("imputation", drawn({1: 1, 3: 6, NEVER: 9}, T, seed=31))
    assert effect.by_cohort[0].std_error is None
    assert "one treated or one control unit" in effect.by_cohort[0].reason
    assert effect.path.at(4).std_error is None  # only the unit treated first gets there
    assert effect.path.at(0).std_error > 0
    assert any("read its standard error as a lower bound" in n for n in effect.notes)


def test_one_untreated_unit_leaves_no_standard_error():
    effect = fitted("imputation", drawn({2: 6, NEVER: 1}, 5, seed=19))
    assert [e.std_error for e in (effect.overall, *effect.by_period)] == [None] * 4


def test_two_periods_are_the_difference_in_differences():
    frame = long({"Gary": [1, 5], "Muncie": [2, 7], "Peru": [4, 4], "Wabash": [1, 2]}, {"Gary": 2002, "Muncie": 2002})
    effect = fitted("imputation", frame)
    assert effect.overall.value == pytest.approx(4.5 - 0.5, abs=1e-14)
    assert effect.path.event_times == (0,)


def test_levels_and_names_do_not_matter():
    frame = drawn(SIZES, T, seed=31)
    high = frame.assign(y=frame["y"] + 1e9 * (frame["id"] == 3), id="city " + frame["id"].astype(str))
    one, other = fitted("imputation", frame), fitted("imputation", high)
    assert other.overall.value == pytest.approx(one.overall.value, abs=1e-6)  # 1e9 has seven digits left
    assert other.overall.std_error == pytest.approx(one.overall.std_error, rel=1e-5)


def test_later_controls_are_said_where_the_design_asks_for_never_treated():
    frame = drawn(SIZES, T, seed=31)
    said = "The comparison are all untreated observations, also those of units that are treated later, whatever `control` says."
    assert said in fitted("imputation", frame).notes
    assert said not in fitted("imputation", frame, control="not_yet").notes


def test_small_cohorts_are_advised_to_leave_one_out(mpdta):
    advice = "`leave_one_out: true` corrects that."
    frame = drawn(SIZES, T, seed=31)
    assert fitted("imputation", frame).notes[-1].endswith(advice)
    assert not any(advice in n for n in fitted("imputation", frame, options={"leave_one_out": True}).notes)
    assert not any(advice in n for n in fitted("imputation", mpdta).notes)


def test_leave_one_out_within_clusters_is_refused():
    with pytest.raises(DesignError, match="leave_one_out needs each unit to be its own cluster; here they are by st"):
        fitted("imputation", drawn_with_states(), cluster="st", options={"leave_one_out": True})


def test_no_period_before_anticipation_is_refused():
    with pytest.raises(
        DesignError, match="No cohort can be compared with a period before treatment and its anticipation of 4"
    ):
        fitted("imputation", drawn(SIZES, T, seed=1), anticipation=4)


def test_leads_that_are_compared_with_one_unit_have_no_standard_error():
    path = fitted("imputation", drawn({4: 8, NEVER: 1}, 8, seed=3)).path
    early = [e for e, t in zip(path, path.event_times, strict=True) if t < 0]
    assert early
    assert all(e.std_error is None and e.reason for e in early)
