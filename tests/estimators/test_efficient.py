"""The efficient estimator equals R's staggered, its definition, and Callaway and Sant'Anna where beta is one."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, UsageError
from tests.panels import BEFORE, NEVER, drawn, fitted, framed, long, panel_of, reference

SIZES = {BEFORE: 4, 2: 6, 3: 5, 5: 7, NEVER: 8}
NAMES = {"simple": "simple", "cohort": "cohort", "period": "calendar"}


def settled(frame):
    """Without the units that are treated from the first period on."""
    return frame[frame["g"] != BEFORE]


# ---- by the definition -----------------------------------------------------------------------------


def matrices(start, n_periods, cells, *, anticipation=0, last=False):
    """Weights on cohort means of an average over cells {(g, t): weight}: theta_0 and X, {cohort: [T]}."""
    cohorts = np.unique(start)
    after, before = ({g: np.zeros(n_periods) for g in cohorts} for _ in range(2))
    for (g, t), weight in cells.items():
        base = int(g) - 1 - anticipation
        controls = [c for c in cohorts if c > max(t, base) + anticipation and c != g]
        controls = [c for c in controls if c == cohorts.max()] if last else controls
        size = sum((start == c).sum() for c in controls)
        for part, when in ((after, t), (before, base)):
            if when >= 0:
                part[g][when] += weight
                for c in controls:
                    part[c][when] -= weight * (start == c).sum() / size
    return after, before


def by_definition(y, start, cells, *, beta=None, anticipation=0, last=False):
    """Estimate, adjusted and Neyman variance: Roth and Sant'Anna (2023), sections 3 and 4."""
    n_periods = y.shape[1]
    after, before = matrices(start, n_periods, cells, anticipation=anticipation, last=last)
    cohorts = [g for g in after if (start == g).sum() > 0]
    mean = {g: y[start == g].mean(axis=0) for g in cohorts}
    spread = {g: np.cov(y[start == g].T) for g in cohorts}
    size = {g: (start == g).sum() for g in cohorts}
    cov = lambda a, b: sum(a[g] @ spread[g] @ b[g] / size[g] for g in cohorts)  # noqa: E731
    if beta is None:
        beta = cov(before, after) / cov(before, before) if cov(before, before) > 0 else 0.0
    final = {g: after[g] - beta * before[g] for g in cohorts}
    neyman = cov(final, final)
    until = int(min(cohorts)) - anticipation
    if until <= 0:
        return sum(final[g] @ mean[g] for g in cohorts), neyman, neyman
    early = {g: spread[g][:until, :until] for g in cohorts}
    slope = sum(np.linalg.pinv(early[g], rcond=1.5e-8) @ spread[g][:until] @ after[g] for g in cohorts)
    bound = slope @ np.mean([early[g] for g in cohorts], axis=0) @ slope / len(y)
    return sum(final[g] @ mean[g] for g in cohorts), neyman - bound, neyman


def treated_cells(start, n_periods, anticipation=0):
    last = min(n_periods, start.max() - anticipation)
    return [(g, t) for g in np.unique(start) for t in range(n_periods) if g <= t < last]


def estimands(start, n_periods, anticipation=0):
    """Weights on cells of each estimand."""
    cells = treated_cells(start, n_periods, anticipation)
    size = {g: (start == g).sum() for g, _ in cells}
    share = lambda some: {c: size[c[0]] / sum(size[g] for g, _ in some) for c in some}  # noqa: E731
    treated, total = {g for g, _ in cells}, sum({g: size[g] for g, _ in cells}.values())
    length = {g: sum(c[0] == g for c in cells) for g in treated}
    times = {t for _, t in cells}
    found = {"simple": share(cells)}
    found["cohort"] = {(g, t): size[g] / total / length[g] for g, t in cells}
    found["period"] = {
        c: w / len(times) for t in times for c, w in share([c for c in cells if c[1] == t]).items()
    }  # fmt: skip
    for e in {int(t - g) for g, t in cells}:
        found[e] = share([c for c in cells if c[1] - c[0] == e])
    return found


def paths(frame):
    wide = frame.pivot(index="id", columns="t", values="y")
    start = frame.groupby("id")["g"].first()
    return wide.to_numpy(), start.clip(lower=0).to_numpy()


def estimate_of(effect, key):
    return effect.summaries[key] if isinstance(key, str) else effect.path.at(key)


# ---- the numbers of R ------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregation", NAMES)
def test_staggered_on_the_minimum_wage(mpdta, aggregation):
    expected = reference("mpdta", f"staggered_eff_{NAMES[aggregation]}")
    effect = fitted("efficient", mpdta, options={"aggregation": aggregation})
    assert effect.estimand == "ATE"
    assert effect.overall.value == pytest.approx(expected["estimate"], rel=1e-8)  # the tolerances asked for
    assert effect.overall.std_error == pytest.approx(expected["se"], rel=1e-6)
    neyman = fitted("efficient", mpdta, options={"aggregation": aggregation, "variance": "neyman"}).overall
    assert neyman.std_error == pytest.approx(expected["se_neyman"], rel=1e-6)


def test_staggered_by_event_time_on_the_minimum_wage(mpdta):
    expected = reference("mpdta", "staggered_eff_eventstudy")
    adjusted = fitted("efficient", mpdta).path
    neyman = fitted("efficient", mpdta, options={"variance": "neyman"}).path
    for k, e in enumerate(expected["eventTime"]):
        assert adjusted.at(e).value == pytest.approx(expected["estimate"][k], rel=1e-8)
        assert adjusted.at(e).std_error == pytest.approx(expected["se"][k], rel=1e-6)
        assert neyman.at(e).std_error == pytest.approx(expected["se_neyman"][k], rel=1e-6)


# ---- the definition ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"comparison": "last"}, {"adjustment": "did"}, {"adjustment": "none"}])
@pytest.mark.parametrize("anticipation", [0, 1])
def test_every_estimand_is_as_defined(options, anticipation):
    frame = settled(drawn(SIZES, 7, 1))
    y, start = paths(frame)
    effect = fitted("efficient", frame, options=options, anticipation=anticipation)
    neyman = fitted("efficient", frame, options=options | {"variance": "neyman"}, anticipation=anticipation)
    beta = {"did": 1.0, "none": 0.0}.get(options.get("adjustment"))
    last = options.get("comparison") == "last"
    for key, cells in estimands(start, 7, anticipation).items():
        value, variance, larger = by_definition(y, start, cells, beta=beta, anticipation=anticipation, last=last)
        found = estimate_of(effect, key)
        assert found.value == pytest.approx(value, rel=1e-9)  # two ways of adding up
        assert found.std_error == pytest.approx(np.sqrt(variance), rel=1e-8)
        assert estimate_of(neyman, key).std_error == pytest.approx(np.sqrt(larger), rel=1e-9)


def test_without_a_never_treated_cohort_the_last_one_is_the_control():
    frame = drawn({2: 6, 4: 5, 5: 7}, 7, 2)
    y, start = paths(frame)
    effect = fitted("efficient", frame, control="not_yet")
    value, variance, _ = by_definition(y, start, estimands(start, 7)["simple"])
    assert effect.overall.value == pytest.approx(value, rel=1e-9)
    assert effect.overall.std_error == pytest.approx(np.sqrt(variance), rel=1e-8)
    assert effect.sample.n_treated == 11


def test_units_treated_from_the_first_period_can_be_kept():
    frame = drawn(SIZES, 7, 3)
    y, start = paths(frame)
    effect = fitted("efficient", frame, options={"always_treated": True})
    value, variance, _ = by_definition(y, start, estimands(start, 7)["simple"])
    assert effect.overall.value == pytest.approx(value, rel=1e-9)
    assert effect.overall.std_error == pytest.approx(np.sqrt(variance), rel=1e-8)
    assert fitted("efficient", frame).overall.value == pytest.approx(
        fitted("efficient", settled(frame)).overall.value, rel=1e-12
    )


def test_subtracting_the_whole_difference_is_callaway_and_santanna():
    frame = settled(drawn(SIZES, 7, 4))
    theirs = fitted("callaway_santanna", frame, control="not_yet", base_period="universal")
    ours = fitted("efficient", frame, options={"adjustment": "did"})
    for name in ("simple", "event_time", "cohort", "period"):
        assert ours.summaries[name].value == pytest.approx(theirs.summaries[name].value, rel=1e-11)
    np.testing.assert_allclose(ours.path.values, theirs.path.values, rtol=1e-10, atol=1e-12)


def test_subtracting_the_whole_difference_to_the_last_cohort_is_sun_and_abraham():
    frame = settled(drawn(SIZES, 7, 5))
    theirs = fitted("callaway_santanna", frame, control="never", base_period="universal")  # the same without covariates
    ours = fitted("efficient", frame, options={"adjustment": "did", "comparison": "last"})
    np.testing.assert_allclose(ours.path.values, theirs.path.values, rtol=1e-10, atol=1e-12)


def test_no_other_share_of_the_difference_has_a_smaller_variance():
    frame = settled(drawn(SIZES, 7, 6))
    errors = [
        fitted("efficient", frame, options={"adjustment": a, "variance": "neyman"}).overall.std_error
        for a in ("efficient", "did", "none")
    ]
    assert errors[0] < min(errors[1:])


# ---- under random timing -----------------------------------------------------------------------------


def test_intervals_cover_when_timing_is_drawn():
    rng = np.random.default_rng(8)
    levels = rng.normal(size=(48, 1)) + 0.5 * rng.normal(size=(48, 5)).cumsum(axis=1)
    start = np.repeat([2.0, 3.0, NEVER], 16)
    covered, estimates, errors = 0, [], []
    for _ in range(120):
        drawn_start = rng.permutation(start)
        y = levels + 1.0 * (np.arange(5) >= drawn_start[:, None])
        overall = fitted("efficient", framed(y, drawn_start)).overall
        low, high = overall.interval()
        covered += low <= 1 <= high
        estimates.append(overall.value)
        errors.append(overall.std_error)
    assert abs(np.mean(estimates) - 1) < 4 * np.std(estimates) / np.sqrt(120)  # no bias beyond the noise of 120 draws
    assert covered / 120 >= 0.88  # 95 % within 3.5 standard errors of 120 draws
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.2)


def test_timing_that_goes_with_the_outcome_is_doubted():
    rng = np.random.default_rng(9)
    start = np.repeat([2.0, 3.0, NEVER], 20)
    y = rng.normal(size=(60, 5)) + 2.0 * (start == 2)[:, None]
    notes = fitted("efficient", framed(y, start)).notes
    assert any("Timing does not look random (2 differences in means before treatment, p = 0.000)" in n for n in notes)
    notes = fitted("efficient", framed(rng.normal(size=(60, 5)), start)).notes
    assert any("the means before treatment do not speak against it (2 differences" in n for n in notes)


# ---- properties ----------------------------------------------------------------------------------------


def test_the_weights_give_the_overall_effect(mpdta):
    for aggregation in ("simple", "event_time"):
        effect = fitted("efficient", mpdta, options={"aggregation": aggregation})
        means = mpdta.assign(g=mpdta["g"].replace(0, 9999)).pivot_table(index="g", columns="t", values="y").to_numpy()
        assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-9)


def test_the_influence_has_the_variance_of_the_overall_effect(mpdta):
    effect = fitted("efficient", mpdta)
    assert effect.influence.covariance()[0, 0] == pytest.approx(effect.overall.std_error**2, rel=1e-10)
    assert (effect.influence.values**2).sum() == pytest.approx(effect.overall.std_error**2, rel=1e-10)


def test_large_levels_change_nothing():
    frame = settled(drawn(SIZES, 7, 7))
    far = frame.assign(y=frame["y"] + 1e7 + 1e6 * frame["t"])
    a, b = (fitted("efficient", f).overall for f in (frame, far))
    assert b.value == pytest.approx(a.value, rel=1e-6)  # 1e-9 of 1e7
    assert b.std_error == pytest.approx(a.std_error, rel=1e-6)


def test_clusters_of_equal_units_count_once():
    frame = settled(drawn({2: 6, 3: 5, NEVER: 8}, 5, 10))
    twice = [frame.assign(id=frame["id"] + 1000 * k, town=frame["id"]) for k in (0, 1)]
    double = panel_of(pd.concat(twice, ignore_index=True))
    design = si.Design.from_panel(double, first_treated="g", cluster="town")
    clustered = si.estimate("efficient", double, design).overall
    alone = fitted("efficient", frame, options={"variance": "neyman"}).overall
    assert clustered.value == pytest.approx(alone.value, rel=1e-10)
    assert clustered.std_error == pytest.approx(alone.std_error, rel=1e-9)


def test_a_cohort_of_one_unit_is_left_out_as_in_r_and_said_or_kept_with_a_lower_bound():
    frame = settled(drawn({2: 1, 3: 5, NEVER: 8}, 5, 11))
    effect = fitted("efficient", frame)
    without = fitted("efficient", frame[frame["g"] != 2])
    assert effect.overall.value == pytest.approx(without.overall.value, rel=1e-12)
    assert effect.overall.std_error == pytest.approx(without.overall.std_error, rel=1e-9)
    assert any("Cohort 2 has one unit and is left out" in note for note in effect.notes)
    kept = fitted("efficient", frame, options={"one_unit": "keep"})
    assert kept.by_cohort[0].reason.startswith("no standard error: it rests on one treated or one control unit")
    assert kept.overall.std_error is not None
    assert any("read standard errors as lower bounds" in note for note in kept.notes)


def test_the_design_that_asks_for_the_never_treated_is_told_who_is_compared(mpdta):
    note = "although the design says `control: never`"
    assert any(note in n for n in fitted("efficient", mpdta).notes)
    assert not any(note in n for n in fitted("efficient", mpdta, control="not_yet").notes)
    assert fitted("efficient", mpdta).overall == fitted("efficient", mpdta, control="not_yet").overall


# ---- refusals --------------------------------------------------------------------------------------


def test_cross_sections_are_refused():
    with pytest.raises(DesignError, match="efficient needs a balanced panel"):
        fitted("efficient", settled(drawn(SIZES, 7, 1)), balance="repeated_cross_sections")


def test_cohorts_of_one_unit_alone_are_refused_with_what_takes_them():
    frame = long({"a": [1, 2, 3], "b": [1, 3, 2], "c": [2, 2, 2]}, {"a": 2002})
    with pytest.raises(DesignError, match="one_unit: keep"):
        fitted("efficient", frame)


def test_all_wrong_options_are_said_at_once():
    with pytest.raises(UsageError) as caught:
        fitted("efficient", drawn(SIZES, 7, 1), options={"aggregation": "calendar", "variance": "robust"})
    assert len(caught.value.problems) == 2
