"""Extended two-way fixed effects equal least squares on dummy variables, and other estimators where they must."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.cells import cell_dummies, least_squares
from tests.panels import NEVER, drawn, fitted, panel_of, reference

SIZES = {2: 5, 3: 6, NEVER: 9}
T = 6


def drawn_with_states(sizes=SIZES):
    return drawn(sizes, T, seed=31).assign(st=lambda f: f["id"] // 2)


def cells_equal(effect, coefficients, covariance, labels):
    cells = effect.cells
    found = list(zip(cells.cohorts, cells.periods, strict=True))
    at = [found.index(label) for label in labels]
    assert sorted(at) == list(range(len(found)))
    np.testing.assert_allclose(cells.values[at], coefficients, rtol=1e-9, atol=1e-11)  # lstsq has about 1e-13
    np.testing.assert_allclose(cells.covariance[np.ix_(at, at)], covariance, rtol=1e-8, atol=1e-12)


# ---- the numbers of R's etwfe ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "control", "covariates"),
    [("etwfe_notyet", "not_yet", []), ("etwfe_never", "never", []), ("etwfe_notyet_lpop", "not_yet", ["lpop"])],
)
def test_etwfe_on_the_minimum_wage(mpdta, entry, control, covariates):
    options = {"covariates": covariates, "effects": "cohort"}
    expected, cells = reference("etwfe_mpdta", entry), fitted("etwfe", mpdta, control=control, options=options).cells
    found = [f"{g}:{t}" for g, t in zip(cells.cohorts, cells.periods, strict=True)]
    assert sorted(found) == sorted(expected["term"])
    at = [found.index(term) for term in expected["term"]]
    np.testing.assert_allclose(cells.values[at], expected["estimate"], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(np.array(cells.std_errors)[at], expected["se"], rtol=1e-6)
    if "p" in expected:
        assert [cells[k].p_value for k in at] == pytest.approx(expected["p"], rel=1e-5)


@pytest.mark.parametrize(
    ("entry", "control", "family"),
    [
        ("emfx_event_lpop", "not_yet", "path"),
        ("emfx_group_lpop", "not_yet", "by_cohort"),
        ("emfx_calendar_lpop", "not_yet", "by_period"),
        ("emfx_event_never_lpop", "never", "path"),
    ],
)
def test_emfx_on_the_minimum_wage(mpdta, entry, control, family):
    expected = reference("etwfe_mpdta", entry)
    effect = fitted("etwfe", mpdta, control=control, options={"covariates": ["lpop"], "effects": "cohort"})
    found = getattr(effect, family)
    labels = found.event_times or found.cohorts or found.periods
    at = [labels.index(term) for term in expected["term"]]
    np.testing.assert_allclose(found.values[at], expected["estimate"], rtol=1e-8)
    # marginaleffects differentiates numerically: its standard errors are 1e-6 off
    np.testing.assert_allclose([found[k].std_error for k in at], expected["se"], rtol=2e-6)
    if control == "not_yet":
        overall = reference("etwfe_mpdta", "emfx_simple_lpop")
        assert effect.overall.value == pytest.approx(overall["estimate"], rel=1e-8)
        assert effect.overall.std_error == pytest.approx(overall["se"], rel=2e-6)


# ---- dummy variables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("sizes", [SIZES, {2: 3, 3: 4, 5: 6}])
def test_not_yet_treated_controls_are_a_dummy_for_each_treated_cell(sizes, anticipation, cluster):
    frame = drawn_with_states(sizes)
    effect = fitted("etwfe", frame, control="not_yet", anticipation=anticipation, cluster=cluster)
    seen = frame[frame["t"] < frame["g"].max() - anticipation]
    dummies, labels = cell_dummies(seen, seen["t"] >= seen["g"] - anticipation)
    cells_equal(effect, *least_squares(seen, dummies, cluster=cluster), labels)
    assert effect.inference.endswith("compared with the not yet treated")


@pytest.mark.parametrize("anticipation", [0, 1])
def test_never_treated_controls_are_a_dummy_for_each_cell_but_the_last_before(anticipation):
    frame = drawn_with_states()
    effect = fitted("etwfe", frame, control="never", anticipation=anticipation)
    dummies, labels = cell_dummies(frame, np.isfinite(frame["g"]) & (frame["t"] != frame["g"] - 1 - anticipation))
    cells_equal(effect, *least_squares(frame, dummies), labels)


# ---- covariates --------------------------------------------------------------------------------------------


def with_traits(sizes=SIZES):
    """Two fixed traits of units on which trends depend."""
    frame = drawn_with_states(sizes)
    rng = np.random.default_rng(4)
    x, pop = rng.normal(size=frame["id"].max() + 1), 1e5 * (2 + rng.random(frame["id"].max() + 1))
    frame = frame.assign(x=x[frame["id"]], pop=pop[frame["id"]])
    return frame.assign(y=frame["y"] + 0.3 * frame["x"] * frame["t"])


def interacted(frame, wanted, names, cluster):
    """Coefficients and covariance of the cells, each cell and period interacted with the traits."""
    dummies, labels = cell_dummies(frame, wanted)
    cells = [d * (frame[n] - frame[n].groupby(frame["g"]).transform("mean")) for n in names for d in dummies]
    trends = [(frame["t"] == t) * frame[n] for n in names for t in range(1, frame["t"].nunique())]
    values, covariance = least_squares(frame, [*dummies, *cells, *trends], cluster=cluster)
    k = len(labels)
    return values[:k], covariance[:k, :k], labels


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize(("names", "cluster"), [(["x"], "id"), (["x", "pop"], "id"), (["x"], "st")])
def test_traits_are_interacted_with_periods_and_cells(control, names, cluster):
    frame = with_traits()
    effect = fitted("etwfe", frame, control=control, cluster=cluster, options={"covariates": names})
    scaled = frame.assign(pop=frame["pop"] / 1e5)
    wanted = (
        np.isfinite(frame["g"]) & (frame["t"] != frame["g"] - 1) if control == "never" else frame["t"] >= frame["g"]
    )
    coefficients, covariance, labels = interacted(scaled, wanted, names, cluster)
    cells = effect.cells
    found = list(zip(cells.cohorts, cells.periods, strict=True))
    at = [found.index(label) for label in labels]
    np.testing.assert_allclose(cells.values[at], coefficients, rtol=1e-7, atol=1e-9)  # the dummies are ill-conditioned
    np.testing.assert_allclose(cells.covariance[np.ix_(at, at)], covariance, rtol=1e-6, atol=1e-9)
    by_cluster = effect.influence.by_cluster
    assert np.sqrt((by_cluster**2).sum()) == pytest.approx(effect.overall.std_error, rel=1e-10)
    assert effect.weights is None


def test_without_never_treated_units_traits_are_told_from_periods_before_the_last_cohort():
    frame = with_traits({2: 5, 3: 6, 5: 7})
    effect = fitted("etwfe", frame, control="not_yet", options={"covariates": ["x"]})
    seen = frame[frame["t"] < 5]
    coefficients, covariance, labels = interacted(seen, seen["t"] >= seen["g"], ["x"], "id")
    found = list(zip(effect.cells.cohorts, effect.cells.periods, strict=True))
    at = [found.index(label) for label in labels]
    np.testing.assert_allclose(effect.cells.values[at], coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(effect.cells.covariance[np.ix_(at, at)], covariance, rtol=1e-6, atol=1e-9)


def test_many_cells_with_traits_have_the_variances_of_few(monkeypatch):
    from scale_impact.estimators import _cells

    few = fitted("etwfe", with_traits(), options={"covariates": ["x"]}).cells
    monkeypatch.setattr(_cells, "FULL_COVARIANCE", 3)
    many = fitted("etwfe", with_traits(), options={"covariates": ["x"]}).cells
    np.testing.assert_allclose(many.variances, few.variances, rtol=1e-10)


def test_a_trait_that_varies_is_refused_with_what_to_use():
    frame = with_traits().assign(moving=lambda f: f["x"] + f["t"])
    with pytest.raises(
        DesignError, match=r"do not vary over time; moving does. Use its value before treatment, or imputation"
    ):
        fitted("etwfe", frame, options={"covariates": ["x", "moving"]})


def test_too_few_units_for_the_traits_are_named():
    frame = with_traits({2: 3, 3: 6, NEVER: 3})
    with pytest.raises(EstimationError) as refused:
        fitted("etwfe", frame, options={"covariates": ["x", "pop"]})
    assert "Cohort 2 has 3 units, too few for 2 covariates: 4 are needed." in str(refused.value)
    assert "5 has 3 untreated units, too few for 2 covariates: 4 are needed." in str(refused.value)


def test_collinear_traits_are_refused():
    frame = with_traits().assign(again=lambda f: 2 * f["x"] + 1)
    with pytest.raises(EstimationError, match="Covariates x, again are combinations of each other"):
        fitted("etwfe", frame, options={"covariates": ["x", "again"]})


# ---- averages and other estimators -------------------------------------------------------------------------


def test_averages_count_observations_and_keep_the_cells_covariance():
    effect = fitted("etwfe", drawn_with_states(), control="not_yet")
    cells = effect.cells
    size = np.array([SIZES[g] for g in cells.cohorts], dtype=float)
    for family, key in ((effect.path, "event_times"), (effect.by_cohort, "cohorts"), (effect.by_period, "periods")):
        for k, label in enumerate(getattr(family, key)):
            w = (np.array(getattr(cells, key)) == label) * size
            w /= w.sum()
            assert family.values[k] == pytest.approx(w @ cells.values, rel=1e-10)
            assert family.variances[k] == pytest.approx(w @ cells.covariance @ w, rel=1e-10)
    assert effect.overall.value == pytest.approx(size @ cells.values / size.sum(), rel=1e-10)
    assert effect.overall.std_error == pytest.approx(np.sqrt(size @ cells.covariance @ size) / size.sum(), rel=1e-10)


def test_with_later_controls_it_is_imputation_but_for_the_small_sample_factor(mpdta):
    ours = fitted("etwfe", mpdta, control="not_yet")
    theirs = fitted("imputation", mpdta, options={"pre_trends": 0})
    np.testing.assert_allclose(ours.path.values, theirs.path.values, rtol=1e-12)
    factor = (2500 - 1) / (2500 - 7 - 5) * 500 / 499  # seven treated cells, five periods
    np.testing.assert_allclose(ours.path.covariance, theirs.path.covariance * factor, rtol=1e-12)


def test_with_never_treated_controls_it_is_sun_and_abraham(mpdta):
    ours, theirs = (fitted(name, mpdta) for name in ("etwfe", "sun_abraham"))
    assert ours.overall == theirs.overall
    np.testing.assert_array_equal(ours.path.covariance, theirs.path.covariance)
    assert ours.path.event_times[0] == -4


def test_with_one_date_the_overall_effect_with_later_controls_is_two_way_fixed_effects():
    frame = drawn({2: 5, NEVER: 9}, T, seed=31)
    ours, theirs = fitted("etwfe", frame, control="not_yet"), fitted("twfe", frame)
    assert ours.overall.value == pytest.approx(theirs.overall.value, rel=1e-11)


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_in_repeated_cross_sections_cohorts_stand_in_for_units(control):
    frame = drawn_with_states().sample(frac=0.9, random_state=2).sort_values(["id", "t"], ignore_index=True)
    panel = panel_of(frame, unit=None)
    effect = si.estimate("etwfe", panel, si.Design.from_panel(panel, first_treated="g", control=control))
    numbered = frame.assign(row=np.arange(len(frame)))
    wanted = (
        np.isfinite(frame["g"]) & (frame["t"] != frame["g"] - 1) if control == "never" else frame["t"] >= frame["g"]
    )
    dummies, labels = cell_dummies(frame, wanted)
    cells_equal(effect, *least_squares(numbered, dummies, effects="g", cluster="row", nested=False), labels)
    assert effect.overall.df == len(frame) - len(labels) - 3 - T + 1


@pytest.mark.parametrize(("options", "effects"), [({}, T), ({"K_fixef": "full"}, 20 + T - 1), ({"K_fixef": "none"}, 0)])
def test_the_small_sample_factor_counts_every_dummy(options, effects):
    frame = drawn_with_states()
    plain, found = (
        fitted("etwfe", frame, control="not_yet", options=o).overall.std_error
        for o in ({"K_adj": False, "G_adj": False}, options)
    )
    n, dummies = 20 * T, 4 + 3  # periods 2 to 5 and 3 to 5
    assert found == pytest.approx(plain * np.sqrt((n - 1) / (n - dummies - effects) * 20 / 19), rel=1e-12)


def test_unknown_words_are_refused():
    with pytest.raises(UsageError, match="effects is 'city'; it has to be unit or cohort"):
        fitted("etwfe", drawn_with_states(), options={"effects": "city"})
    with pytest.raises(UsageError, match="K_fixef is 'all'; it has to be one of nonnested, full, none"):
        fitted("etwfe", drawn_with_states(), options={"K_fixef": "all"})


def test_weights_and_influence_give_estimate_and_standard_error(mpdta):
    for control in ("never", "not_yet"):
        effect = fitted("etwfe", mpdta, control=control)
        means = mpdta.assign(g=mpdta["g"].replace(0, 9999)).pivot_table(index="g", columns="t", values="y").to_numpy()
        assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-9)
        assert np.sqrt((effect.influence.values**2).sum()) == pytest.approx(effect.overall.std_error, rel=1e-10)


def test_one_treated_unit_has_no_standard_error_anywhere():
    for control in ("never", "not_yet"):
        effect = fitted("etwfe", drawn({2: 1, NEVER: 9}, 5, seed=19), control=control)
        assert {e.std_error for e in (effect.overall, *effect.path, *effect.cells)} == {None}


def test_no_period_before_anticipation_is_refused():
    for control in ("never", "not_yet"):
        with pytest.raises(DesignError, match=r"anticipation of 4. Shorten the anticipation"):
            fitted("etwfe", drawn(SIZES, T, seed=1), control=control, anticipation=4)
