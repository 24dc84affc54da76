"""Callaway and Sant'Anna's effects equal R's did, and an estimate by the definition."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, UsageError
from tests.panels import (
    BEFORE,
    NEVER,
    averages,
    drawn,
    fitted,
    framed,
    group_time,
    jackknifed,
    long,
    panel_of,
    reference,
)

# The tolerances; the floor is for effects that are 0 by construction in R and here.
VALUE = {"rel": 1e-8, "abs": 1e-12}
ERROR = {"rel": 1e-6}

SUMMARIES = {"simple": "simple", "dynamic": "event_time", "group": "cohort", "calendar": "period"}

# ---- the numbers of R's did ---------------------------------------------------------------------------


def equal_to_r(effect, entry):
    """Every cell, every average and every overall number of an entry."""
    cells_equal_to_r(effect.cells, reference("mpdta", f"attgt_{entry}"))
    family = {"event_time": effect.path, "cohort": effect.by_cohort, "period": effect.by_period}
    for theirs, ours in SUMMARIES.items():
        expected = reference("mpdta", f"aggte_{theirs}_{entry}")
        assert effect.summaries[ours].value == pytest.approx(expected["overall_att"], **VALUE)
        assert effect.summaries[ours].std_error == pytest.approx(expected["overall_se"], **ERROR)
        if ours in family:
            family_equal_to_r(family[ours], ours, expected)


def cells_equal_to_r(cells, expected):
    found = {(int(g), int(t)): cells[k] for k, (g, t) in enumerate(zip(cells.cohorts, cells.periods, strict=True))}
    assert sorted(found) == sorted(zip(expected["group"], expected["t"], strict=True))
    for g, t, value, error in zip(expected["group"], expected["t"], expected["att"], expected["se"], strict=True):
        equal_or_reference(found[g, t], value, error)


def family_equal_to_r(family, kind, expected):
    labels = {"event_time": family.event_times, "cohort": family.cohorts, "period": family.periods}[kind]
    assert [int(label) for label in labels] == expected["egt"]
    for estimate, value, error in zip(family, expected["att_egt"], expected["se_egt"], strict=True):
        equal_or_reference(estimate, value, error)


def equal_or_reference(estimate, value, error):
    """R leaves the standard error of the base period empty; here it has its reason."""
    assert estimate.value == pytest.approx(value, **VALUE)
    if error is None:
        assert (estimate.value, estimate.std_error) == (0.0, None)
        assert estimate.reason == "the reference period: 0 by construction"
    else:
        assert estimate.std_error == pytest.approx(error, **ERROR)
        assert estimate.reason is None


@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("base_period", ["varying", "universal"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_did_on_the_minimum_wage(mpdta, control, base_period, anticipation):
    effect = fitted("callaway_santanna", mpdta, control=control, base_period=base_period, anticipation=anticipation)
    name = {"never": "nevertreated", "not_yet": "notyettreated"}[control]
    equal_to_r(effect, f"nocov_{name}_dr_{base_period}" + ("_ant1" if anticipation else ""))


def test_did_with_clusters_above_the_unit(mpdta):
    effect = fitted("callaway_santanna", mpdta, cluster="st")
    equal_to_r(effect, "nocov_nevertreated_dr_clusterstate")
    assert effect.sample.n_clusters == mpdta["st"].nunique()
    assert effect.inference == "analytic, clustered by st"


def test_did_on_repeated_cross_sections(mpdta):
    panel = panel_of(mpdta, unit=None)
    effect = si.estimate("callaway_santanna", panel, si.Design.from_panel(panel, first_treated="g"))
    equal_to_r(effect, "nocov_nevertreated_dr_rcs")
    assert (effect.sample.n_units, effect.sample.n_clusters) == (2500, 2500)


def test_did_on_the_complete_units_of_an_unbalanced_panel(mpdta_unbalanced):
    equal_to_r(fitted("callaway_santanna", mpdta_unbalanced, balance="drop"), "unbalanced_dropped_to_balanced_nocov")


def test_did_on_an_unbalanced_panel_with_each_observation_used(mpdta_unbalanced):
    effect = fitted("callaway_santanna", mpdta_unbalanced, balance="repeated_cross_sections")
    cells_equal_to_r(effect.cells, reference("mpdta", "attgt_unbalanced_nocov_nevertreated_dr"))
    assert (effect.sample.n_obs, effect.sample.n_clusters) == (len(mpdta_unbalanced), 500)


def test_did_averages_an_unbalanced_panel_by_units_not_by_observations(mpdta_unbalanced):
    effect = fitted("callaway_santanna", mpdta_unbalanced, balance="repeated_cross_sections")
    equal_to_r(effect, "unbalanced_nocov_nevertreated_dr")


def test_drdid_on_house_prices(kielmc):
    """drdid_rc without covariates, on two cross-sections."""
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lprice")
    effect = si.estimate("callaway_santanna", panel, si.Design.from_panel(panel, group="nearinc", starts=1981))
    expected = reference("kielmc", "drdid_rc_nocov")
    assert effect.overall.value == pytest.approx(expected["att"], **VALUE)
    assert effect.overall.std_error == pytest.approx(expected["se"], **ERROR)


@pytest.mark.parametrize(
    ("entry", "window"),
    [("balance_e0", {"balance_e": 0}), ("balance_e1", {"balance_e": 1}), ("min-1_max2", {"min_e": -1, "max_e": 2})],
)
def test_did_with_a_window_of_event_times(mpdta, entry, window):
    effect = fitted("callaway_santanna", mpdta, options=window)
    expected = reference("mpdta", f"aggte_dynamic_{entry}")
    family_equal_to_r(effect.path, "event_time", expected)
    assert effect.summaries["event_time"].value == pytest.approx(expected["overall_att"], **VALUE)
    assert effect.summaries["event_time"].std_error == pytest.approx(expected["overall_se"], **ERROR)


def test_the_sample_says_what_was_used(mpdta):
    sample = fitted("callaway_santanna", mpdta).sample
    assert (sample.n_units, sample.n_treated, sample.n_periods, sample.n_obs, sample.n_clusters) == (
        500,
        191,
        5,
        2500,
        500,
    )


# ---- the definition ---------------------------------------------------------------------------------------


def by_definition(frame, *, blocks=None, observed=None, by="unit", **options):
    """Cells and overall averages with standard errors, by the definition and a jackknife of weights."""
    ordered = frame.sort_values(["id", "t"])
    n_periods = frame["t"].nunique()
    y = ordered["y"].to_numpy().reshape(-1, n_periods)
    first = ordered["g"].to_numpy().reshape(-1, n_periods)[:, 0]
    start = np.searchsorted(np.unique(frame["t"]), np.where(np.isfinite(first), first, np.inf))
    weight = np.ones_like(y) if observed is None else observed
    blocks = np.arange(len(y))[:, None] if blocks is None else blocks
    cells = sorted(group_time(y, start, weight, **options))

    def statistics(w):
        effects = group_time(y, start, w, **options)
        return np.array([*(effects[c] for c in cells), *averages(effects, start, w, by).values()])

    errors = np.sqrt(np.diag(jackknifed(statistics, weight, blocks)))
    names = [*cells, *averages(group_time(y, start, weight, **options), start, weight, by)]
    return dict(zip(names, zip(statistics(weight), errors, strict=True), strict=True))


def equal_to_definition(effect, expected, periods):
    position = {label: k for k, label in enumerate(periods)}
    found = {
        (position[g], position[t]): effect.cells[k]
        for k, (g, t) in enumerate(zip(effect.cells.cohorts, effect.cells.periods, strict=True))
    }
    assert set(found) == {name for name in expected if not isinstance(name, str)}
    for name, estimate in (found | effect.summaries).items():
        value, error = expected[name]
        assert estimate.value == pytest.approx(
            value, rel=1e-11, abs=1e-12
        )  # sums of dozens of numbers in another order
        if estimate.reason:
            assert "reference period" in estimate.reason
            assert error == pytest.approx(0, abs=1e-7)  # a difference of equal numbers by a step of 1e-4
        else:
            assert estimate.std_error == pytest.approx(error, rel=1e-6)  # the jackknife's steps of 1e-4 leave 1e-8


PANELS = {
    "never treated and three dates": {1: 3, 2: 4, 4: 6, NEVER: 7},
    "two dates far apart": {2: 5, 5: 4, NEVER: 6},
    "one date": {3: 5, NEVER: 4},
    "with units treated from the start": {BEFORE: 4, 2: 5, 3: 3, NEVER: 5},
}


@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("base_period", ["varying", "universal"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("sizes", PANELS.values(), ids=PANELS.keys())
def test_the_definition_on_small_panels(sizes, control, base_period, anticipation):
    frame = drawn(sizes, 6, seed=11)
    options = {"control": control, "base_period": base_period, "anticipation": anticipation}
    expected = by_definition(frame[frame["g"] > 0], **options)
    equal_to_definition(fitted("callaway_santanna", frame, **options), expected, range(6))


@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("base_period", ["varying", "universal"])
def test_the_definition_without_never_treated_units(base_period, anticipation):
    frame = drawn({2: 4, 3: 5, 5: 6}, 6, seed=12)
    options = {"control": "not_yet", "base_period": base_period, "anticipation": anticipation}
    effect = fitted("callaway_santanna", frame, **options)
    equal_to_definition(effect, by_definition(frame, **options), range(6))
    assert "Cohort 5 (6 units) has no effect of its own: no base period or no control is left for it." in effect.notes


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_the_definition_with_clusters_that_hold_several_cohorts(control):
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=13).assign(st=lambda f: f["id"] % 7)
    clusters = np.arange(20)[:, None] % 7  # ids are 0 to 19 in order
    equal_to_definition(
        fitted("callaway_santanna", frame, control=control, cluster="st"),
        by_definition(frame, control=control, blocks=clusters),
        range(5),
    )


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("by", ["observation", "unit"])
def test_the_definition_with_observations_missing(control, by):
    frame = drawn({2: 7, 3: 8, NEVER: 9}, 5, seed=14).sort_values(["id", "t"], ignore_index=True)
    gone = np.random.default_rng(3).choice(len(frame), 20, replace=False)
    observed = np.ones(len(frame))
    observed[gone] = 0
    observed = observed.reshape(-1, 5)
    blocks = np.arange(observed.size).reshape(observed.shape) if by == "observation" else np.arange(24)[:, None]
    panel = panel_of(frame.drop(index=gone), unit=None if by == "observation" else "id")
    balance = "strict" if by == "observation" else "repeated_cross_sections"
    design = si.Design.from_panel(panel, first_treated="g", control=control, balance=balance)
    expected = by_definition(frame, control=control, blocks=blocks, observed=observed, by=by)
    equal_to_definition(si.estimate("callaway_santanna", panel, design), expected, range(5))


def test_the_definition_with_uneven_periods():
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=15)
    years = dict(enumerate([1990, 1995, 2001, 2002, 2020])) | {NEVER: NEVER}
    dated = frame.assign(t=frame["t"].map(years), g=frame["g"].map(years))
    effect = fitted("callaway_santanna", dated, base_period="universal", anticipation=1)
    found = {name: effect.summaries[name].value for name in ("simple", "cohort", "period")}
    expected = fitted("callaway_santanna", frame, base_period="universal", anticipation=1).summaries
    assert found == {name: expected[name].value for name in found}
    # event time is in years: 2001 and 2002 are years 0, and each later year its own
    assert effect.path.event_times == (-12, -11, -7, -6, -1, 0, 1, 18, 19)


def test_the_covariance_of_the_path_is_that_of_the_definition():
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=16).sort_values(["id", "t"])
    y, start = frame["y"].to_numpy().reshape(-1, 5), np.minimum(frame["g"].to_numpy()[::5], 5).astype(int)
    effect = fitted("callaway_santanna", frame)

    def path(weight):
        cells = group_time(y, start, weight)
        size = {g: weight[start == g].sum() for g in (2, 3)}
        same = lambda e: [c for c in cells if c[1] - c[0] == e]  # noqa: E731
        return np.array(
            [
                sum(size[c[0]] * cells[c] for c in same(e)) / sum(size[c[0]] for c in same(e))
                for e in effect.path.event_times
            ]
        )

    weight = np.ones_like(y)
    np.testing.assert_allclose(effect.path.values, path(weight), rtol=1e-11)  # sums in another order
    expected = jackknifed(path, weight, np.arange(20)[:, None])
    np.testing.assert_allclose(effect.path.covariance, expected, rtol=1e-6, atol=1e-9)  # steps of 1e-4 leave 1e-8


def test_many_cells_have_their_variances_and_no_covariance(monkeypatch):
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=16)
    whole = fitted("callaway_santanna", frame).cells
    monkeypatch.setattr("scale_impact.estimators._linear_cells.FULL_COVARIANCE", 0)
    cells = fitted("callaway_santanna", frame).cells
    assert cells.covariance is None
    np.testing.assert_allclose(cells.variances, np.diag(whole.covariance), rtol=1e-12)  # the same sums


def test_the_weights_give_the_overall_effect():
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=16)
    means = frame.pivot_table(index="g", columns="t", values="y")
    for aggregation in SUMMARIES.values():
        effect = fitted("callaway_santanna", frame, options={"aggregation": aggregation})
        assert list(effect.weights.index) == ["2", "3", "never treated"]
        assert list(effect.weights.columns) == list(range(5))
        assert (effect.weights.to_numpy() * means.to_numpy()).sum() == pytest.approx(
            effect.overall.value, rel=1e-11
        )  # order of sums
        np.testing.assert_allclose(effect.weights.sum(axis=1), 0, atol=1e-14)


@pytest.mark.parametrize("aggregation", SUMMARIES.values())
def test_the_overall_effect_is_the_average_asked_for(aggregation):
    effect = fitted(
        "callaway_santanna", drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=16), options={"aggregation": aggregation}
    )
    assert effect.overall == effect.summaries[aggregation]
    assert len({e.value for e in effect.summaries.values()}) == 4


# ---- windows of event times, and draws --------------------------------------------------------------------


def test_a_window_bounds_averages_over_cells_and_cohorts_but_not_by_period():
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 6, seed=16)
    whole, part = (fitted("callaway_santanna", frame, options=o) for o in ({}, {"min_e": -1, "max_e": 1}))
    assert part.path.event_times == (-1, 0, 1)
    inside = [k for k, e in enumerate(whole.cells.event_times) if 0 <= e <= 1]
    sizes = np.array([{2: 5, 3: 6}[whole.cells.cohorts[k]] for k in inside])
    assert part.overall.value == pytest.approx(np.average(whole.cells.values[inside], weights=sizes), rel=1e-12)
    first = [k for k in inside if whole.cells.cohorts[k] == 2]
    assert part.by_cohort[0].value == pytest.approx(whole.cells.values[first].mean(), rel=1e-12)
    np.testing.assert_array_equal(part.by_period.values, whole.by_period.values)


def test_a_balanced_path_has_the_same_cohorts_at_all_its_event_times():
    """Cohorts 2 and 3 reach event time 2 in six periods, cohort 4 does not."""
    frame = drawn({2: 5, 3: 6, 4: 7, NEVER: 9}, 6, seed=16)
    path = fitted("callaway_santanna", frame, options={"balance_e": 2}).path
    alone = fitted("callaway_santanna", frame[frame["g"] != 4]).path
    assert path.event_times == (-2, -1, 0, 1, 2)
    for e in path.event_times:
        assert path.at(e).value == pytest.approx(alone.at(e).value, rel=1e-11, abs=1e-13)


def test_a_balanced_path_leaves_out_a_cohort_that_lacks_a_cell():
    """Without never-treated units nobody is left to compare with in the last period, where cohort 1 has event time 3."""
    frame = drawn({1: 5, 2: 6, 4: 7}, 6, seed=16)
    path = fitted("callaway_santanna", frame, control="not_yet", options={"balance_e": 2}).path
    assert path.event_times == (0, 1, 2)
    cells = fitted("callaway_santanna", frame, control="not_yet").cells
    own = [k for k in range(len(cells)) if cells.cohorts[k] == 1 and 0 <= cells.event_times[k] <= 2]
    np.testing.assert_allclose(path.values, cells.values[own], rtol=1e-12)


@pytest.mark.parametrize("window", [{"min_e": 3, "max_e": 2}, {"max_e": -1}, {"balance_e": 99}, {"min_e": 40}])
def test_a_window_without_an_effect_after_treatment_is_refused(window):
    with pytest.raises(DesignError, match="No effect after treatment lies in the window"):
        fitted("callaway_santanna", drawn({2: 5, 3: 6, NEVER: 9}, 6, seed=16), options=window)


@pytest.mark.parametrize("multipliers", ["gaussian", "mammen", "rademacher"])
def test_drawn_standard_errors_come_near_the_analytic_ones(multipliers, mpdta):
    analytic = fitted("callaway_santanna", mpdta)
    drawn_ones = fitted("callaway_santanna", mpdta, options={"bootstrap": 2000, "multipliers": multipliers, "seed": 5})
    for a, b in zip(analytic.families(), drawn_ones.families(), strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        # a quartile of 2,000 draws has a standard error of 2.6 %; some estimates rest on 20 counties
        np.testing.assert_allclose(np.sqrt(b.variances), np.sqrt(a.variances), rtol=0.2)
    assert drawn_ones.overall.std_error == pytest.approx(analytic.overall.std_error, rel=0.08)
    assert drawn_ones.inference.startswith("multiplier bootstrap (2,000 draws")


def test_the_same_seed_draws_the_same():
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=16)
    a, b, c = (fitted("callaway_santanna", frame, options={"bootstrap": 99, "seed": s}).overall for s in (1, 1, 2))
    assert a == b
    assert a.value == c.value
    assert a.std_error != c.std_error


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("cluster", [None, "c"])
def test_many_cells_are_the_same_without_keeping_their_loadings(monkeypatch, cluster, control):
    frame = drawn({**dict.fromkeys(range(1, 12, 2), 3), NEVER: 9}, 14, seed=24).assign(c=lambda f: f["id"] % 8)
    whole = fitted("callaway_santanna", frame, control=control, cluster=cluster)
    monkeypatch.setattr("scale_impact.estimators._linear_cells.FULL_COVARIANCE", 50)
    monkeypatch.setattr("scale_impact.estimators._linear_cells.MANY_LOADINGS", 500)
    lean = fitted("callaway_santanna", frame, control=control, cluster=cluster)
    assert lean.cells.covariance is None
    assert (lean.path.weights, lean.cells.weights) == (None, None)
    for a, b in zip(whole.families(), lean.families(), strict=True):
        np.testing.assert_allclose(b.variances, a.variances, rtol=1e-9)  # other ways to the same sums
        np.testing.assert_allclose(b.influence.values, a.influence.values, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(lean.path.influence.covariance(), whole.path.covariance, rtol=1e-9, atol=1e-15)


def test_variances_of_many_cells_of_cross_sections_need_no_loadings_either(monkeypatch):
    frame = drawn({2: 7, 3: 8, NEVER: 9}, 5, seed=14).drop(index=range(0, 120, 9))
    panel = panel_of(frame, unit=None)
    design = si.Design.from_panel(panel, first_treated="g", control="not_yet")
    whole = si.estimate("callaway_santanna", panel, design).cells
    monkeypatch.setattr("scale_impact.estimators._linear_cells.FULL_COVARIANCE", 0)
    lean = si.estimate("callaway_santanna", panel, design).cells
    np.testing.assert_allclose(lean.variances, whole.variances, rtol=1e-10)


# ---- invariances ------------------------------------------------------------------------------------------


def shuffled(frame):
    return frame.sample(frac=1, random_state=5)


def renamed(frame):
    return frame.assign(id=frame["id"].map(lambda i: f"county {(i * 7919) % 1009:04d}"))


def scaled(frame):
    return frame.assign(y=frame["y"] * 2**20)


def shifted(frame):
    return frame.assign(y=frame["y"] + 7 * frame["t"] ** 2 + frame["id"] % 11)


@pytest.mark.parametrize(("change", "factor"), [(shuffled, 1), (renamed, 1), (scaled, 2**20), (shifted, 1)])
@pytest.mark.parametrize(
    "options", [{}, {"cluster": "st"}, {"control": "not_yet", "base_period": "universal"}], ids=str
)
def test_what_does_not_matter(change, factor, options):
    """Order of rows and names of units; the outcome's unit; what is common to a period or a unit."""
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=17).assign(st=lambda f: f["id"] % 7)
    a, b = fitted("callaway_santanna", frame, **options), fitted("callaway_santanna", change(frame), **options)
    for ours, theirs in zip(a.families(), b.families(), strict=True):
        # added levels of 100 leave 1e-14 of the outcome; sums come in another order
        np.testing.assert_allclose(theirs.values, factor * ours.values, rtol=1e-11, atol=factor * 1e-12)
        np.testing.assert_allclose(theirs.variances, factor**2 * ours.variances, rtol=1e-10, atol=factor**2 * 1e-24)
        assert theirs.reasons == ours.reasons


def test_cohorts_that_are_not_compared_do_not_matter():
    frame = drawn({2: 5, 3: 6, NEVER: 9}, 5, seed=17)
    a = fitted("callaway_santanna", frame)
    b = fitted("callaway_santanna", frame[frame["g"] != 3])
    cells = [k for k, g in enumerate(a.cells.cohorts) if g == 2]
    np.testing.assert_allclose(b.cells.values, a.cells.values[cells], rtol=1e-12)  # the same means
    np.testing.assert_allclose(b.cells.variances, a.cells.variances[cells], rtol=1e-12)


# ---- one date and two periods: all estimators are one ------------------------------------------------------


def test_with_one_date_and_two_periods_all_estimators_are_one():
    frame = long(
        {"Gary": [1, 5], "Hobart": [2, 3], "Muncie": [2, 7], "Peru": [4, 4], "Wabash": [1, 2]},
        {"Gary": 2002, "Muncie": 2002},
    )
    values = {
        name: fitted(name, frame).overall.value for name in ("callaway_santanna", "twfe", "event_study", "did_2x2")
    }
    # the treated gain 4 and 5, the others 1, 0 and 1
    for name, value in values.items():
        assert value == pytest.approx(4.5 - 2 / 3, rel=1e-13), name  # ten numbers


def test_with_one_date_the_universal_path_is_the_event_study():
    frame = drawn({3: 7, NEVER: 9}, 6, seed=18)
    path, study = fitted("callaway_santanna", frame, base_period="universal").path, fitted("event_study", frame).path
    assert path.event_times == study.event_times
    np.testing.assert_allclose(path.values, study.values, rtol=1e-10, atol=1e-13)  # two ways of summing 96 numbers
    # the same influence functions: only the small-sample factor differs (16 units, 6 periods, 5 coefficients)
    factor = 95 / (96 - 5 - 6) * 16 / 15
    np.testing.assert_allclose(path.variances * factor, study.variances, rtol=1e-9)


# ---- what cannot be had ------------------------------------------------------------------------------------


def test_a_cohort_of_one_unit_has_effects_and_a_reason_for_no_standard_error():
    frame = drawn({2: 1, 3: 6, NEVER: 9}, 5, seed=19)
    effect = fitted("callaway_santanna", frame)
    alone = effect.by_cohort[0]
    assert (effect.by_cohort.cohorts[0], alone.std_error) == (2, None)
    assert alone.value == pytest.approx(by_definition_of_one(frame), rel=1e-11)  # sums in another order
    assert "rests on one treated or one control unit" in alone.reason
    assert effect.by_cohort[1].std_error > 0
    assert all(e.std_error is None for k, e in enumerate(effect.cells) if effect.cells.cohorts[k] == 2)


def by_definition_of_one(frame):
    wide = frame.pivot_table(index=["g", "id"], columns="t", values="y")
    change = wide[[2, 3, 4]].mean(axis=1) - wide[1]
    return change[2.0].item() - change[NEVER].mean()


def test_an_overall_effect_that_rests_partly_on_one_unit_says_so():
    effect = fitted("callaway_santanna", drawn({2: 1, 3: 6, NEVER: 9}, 5, seed=19))
    assert effect.overall.std_error > 0
    # one unit with three effects beside six units with two: 3 of 15
    assert any(
        note.startswith("20% of the overall effect's weight rests on one treated or one control unit")
        for note in effect.notes
    )


def test_one_treated_unit_has_no_standard_error_anywhere():
    effect = fitted("callaway_santanna", drawn({2: 1, NEVER: 9}, 5, seed=19))
    for estimate in [effect.overall, *effect.path, *effect.by_cohort, *effect.by_period, *effect.cells]:
        assert estimate.value is not None
        assert (estimate.std_error, estimate.interval(), estimate.p_value) == (None, None, None)
        assert estimate.reason


def test_one_control_unit_has_no_standard_error_either():
    assert fitted("callaway_santanna", drawn({2: 9, NEVER: 1}, 5, seed=19)).overall.std_error is None


def test_outcomes_that_do_not_move_have_no_standard_error():
    frame = drawn({2: 5, NEVER: 9}, 5, seed=19).assign(y=lambda f: 3.0 + f["id"])
    overall = fitted("callaway_santanna", frame).overall
    assert (overall.value, overall.std_error, overall.reason) == (
        0.0,
        None,
        "no standard error: the outcomes show no variation",
    )


def test_a_cohort_in_one_cluster_is_named():
    frame = drawn({2: 5, NEVER: 9}, 5, seed=19).assign(st=lambda f: np.where(np.isfinite(f["g"]), -1, f["id"] % 3))
    notes = fitted("callaway_santanna", frame, cluster="st").notes
    assert any(note.startswith("Cohort 2 lies in one cluster of st") for note in notes)


def test_too_long_an_anticipation_is_refused():
    with pytest.raises(DesignError, match="No cohort has a period before treatment and its anticipation of 3"):
        fitted("callaway_santanna", drawn({2: 5, 3: 4, NEVER: 9}, 5, seed=19), anticipation=3)


def test_a_cohort_without_a_base_period_under_anticipation_is_named():
    effect = fitted("callaway_santanna", drawn({1: 5, 3: 4, NEVER: 9}, 5, seed=19), anticipation=1)
    assert list(effect.by_cohort.cohorts) == [3]
    assert "Cohort 1 (5 units) has no effect of its own: no base period or no control is left for it." in effect.notes


def test_cross_sections_without_a_common_period_are_refused():
    frame = drawn({2: 5, NEVER: 9}, 4, seed=19)
    apart = frame[(frame["t"] < 2) == np.isfinite(frame["g"])]  # the treated early, the others late
    panel = panel_of(apart, unit=None)
    with pytest.raises(DesignError, match="no control is observed in the same periods"):
        si.estimate("callaway_santanna", panel, si.Design.from_panel(panel, first_treated="g"))


def test_a_misspelt_option_names_the_nearest():
    frame = drawn({2: 5, NEVER: 9}, 5, seed=19)
    with pytest.raises(UsageError, match=r"callaway_santanna takes no option 'agregation'. Did you mean 'aggregation'"):
        fitted("callaway_santanna", frame, options={"agregation": "simple"})


def test_an_unknown_average_names_those_there_are():
    with pytest.raises((UsageError, DesignError), match="event_time"):
        fitted("callaway_santanna", drawn({2: 5, NEVER: 9}, 5, seed=19), options={"aggregation": "dynamic"})


def test_a_misspelt_estimator_names_the_nearest():
    with pytest.raises(UsageError, match=r"There is no estimator 'calaway_santana'. Did you mean 'callaway_santanna'"):
        fitted("calaway_santana", drawn({2: 5, NEVER: 9}, 5, seed=19))


# ---- simulation ------------------------------------------------------------------------------------------


def test_standard_errors_are_the_spread_over_samples_and_intervals_cover():
    """400 samples of 120 units; a unit's cohort is drawn too, so that shares vary as they are assumed to."""
    rng = np.random.default_rng(20251122)
    truth, found = {2: 1.0, 3: 2.0}, []
    for _ in range(400):
        first = rng.choice([2.0, 3.0, NEVER], size=120, p=[0.3, 0.2, 0.5])
        y = rng.normal(size=(120, 5)).cumsum(axis=1) + rng.normal(size=(120, 1))
        for g, size in truth.items():
            y[first == g, int(g) :] += size
        found.append(fitted("callaway_santanna", framed(y, first)).overall)
    values, errors = (np.array([getattr(e, name) for e in found]) for name in ("value", "std_error"))
    # cells 3 x 0.3 of effect 1 and 2 x 0.2 of effect 2
    expected = (0.9 * 1 + 0.4 * 2) / 1.3
    assert values.mean() == pytest.approx(expected, abs=3 * values.std() / 20)  # three standard errors of a mean of 400
    # a spread over 400 samples has a standard error of 3.5 %; analytic errors are a little small in 120 units
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.10)
    covered = np.mean([low <= expected <= high for low, high in (e.interval(0.95) for e in found)])
    assert covered == pytest.approx(0.95, abs=0.035)  # three times the 1.1 % of a share of 400


def test_an_anticipated_effect_is_measured_from_before_it():
    """With anticipation 2 an effect that is there from two periods before adoption on is 1 throughout."""
    frame = drawn({4: 8, NEVER: 8}, 6, seed=23)
    frame["y"] = frame["id"].map(hash) % 7 + frame["t"] + (frame["t"] >= frame["g"] - 2)
    path = fitted("callaway_santanna", frame, anticipation=2).path
    assert {e: round(v, 9) for e, v in zip(path.event_times, path.values, strict=True)} == {
        -3: 0, -2: 1, -1: 1, 0: 1, 1: 1,
    }  # fmt: skip
