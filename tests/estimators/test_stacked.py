"""The stacked event study equals least squares on the stacked data with dummies of unit and period by stack."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, UsageError
from tests.cells import regression
from tests.panels import BEFORE, NEVER, drawn, fitted, panel_of

SIZES = {3: 5, 4: 6, 6: 4, NEVER: 9}
WITHOUT_NEVER = {3: 5, 4: 6, 7: 4}
T = 9


def drawn_with_states(sizes=SIZES, seed=3):
    return drawn(sizes, T, seed).assign(st=lambda f: f["id"] // 2)


def stack(frame, window, control, anticipation=0):
    """The stacked data: a copy of its treated and controls for each cohort that fills the window."""
    parts = []
    for start in sorted(g for g in frame["g"].unique() if np.isfinite(g)):
        low, high = start + window[0], start + window[1]
        clean = np.isinf(frame["g"]) | ((frame["g"] > high + anticipation) & (control == "not_yet"))
        inside = frame["t"].between(low, high)
        if low >= frame["t"].min() and high <= frame["t"].max() and (clean & inside).any():
            own = frame["g"] == start
            rows = frame[(own | clean) & inside]
            parts.append(rows.assign(stack=start, treated=rows["g"] == start, since=rows["t"] - start))
    return pd.concat(parts, ignore_index=True)


def corrective(stacked):
    """Wing, Freedman and Hollingsworth's weights of each row."""
    treated, controls = (stacked[stacked["treated"] == side].groupby("stack")["id"].nunique() for side in (True, False))
    q = (treated / treated.sum()) / (controls / controls.sum())
    return np.where(stacked["treated"], 1.0, stacked["stack"].map(q))


def by_definition(frame, window, weights, control, anticipation=0, cluster="id", full=False, reference=-1):
    rows = stack(frame, window, control, anticipation)
    times = [e for e in range(window[0], window[1] + 1) if e != reference - anticipation]
    x = np.column_stack([rows["treated"] & (rows["since"] == e) for e in times]).astype(float)
    effects = [rows[c].astype(str) + "_" + rows["stack"].astype(str) for c in ("id", "t")]
    dummies = np.hstack([pd.get_dummies(e).to_numpy(float) for e in effects])
    counted = effects[1].nunique() + (effects[0].nunique() - 1 if full else 0)
    w = corrective(rows) if weights == "corrective" else None
    return times, *regression(rows["y"].to_numpy(), x, dummies, rows[cluster].to_numpy(), counted, w)


def path_equals(path, times, coefficients, covariance):
    at = [path.event_times.index(e) for e in times]
    assert len(path) == len(times) + 1
    np.testing.assert_allclose(path.values[at], coefficients, rtol=1e-9, atol=1e-11)  # lstsq has about 1e-13
    np.testing.assert_allclose(path.covariance[np.ix_(at, at)], covariance, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("weights", ["corrective", "equal"])
@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize(
    ("sizes", "control", "window", "anticipation"),
    [
        (SIZES, "never", (-2, 1), 0),
        (SIZES, "not_yet", (-3, 2), 0),
        (SIZES, "not_yet", (-2, 1), 1),
        (WITHOUT_NEVER, "not_yet", (-3, 1), 0),
        (WITHOUT_NEVER, "not_yet", (-2, 0), 1),
    ],
)
def test_the_stacked_regression(sizes, control, window, anticipation, cluster, weights):
    frame = drawn_with_states(sizes)
    effect = fitted("stacked", frame, control=control, anticipation=anticipation, cluster=cluster,
                    options={"window": window, "weights": weights})  # fmt: skip
    path_equals(effect.path, *by_definition(frame, window, weights, control, anticipation, cluster))
    assert f"across stacks, CR1 (K.fixef=nonnested), {weights} weights" in effect.inference


def test_all_fixed_effects_can_count_in_the_small_sample_factor():
    frame = drawn_with_states()
    effect = fitted("stacked", frame, options={"window": (-2, 1), "K_fixef": "full"})
    path_equals(effect.path, *by_definition(frame, (-2, 1), "corrective", "never", full=True))


@pytest.mark.parametrize("weights", ["corrective", "equal"])
@pytest.mark.parametrize("cluster", ["id", "st"])
@pytest.mark.parametrize(("sizes", "control"), [(SIZES, "never"), (SIZES, "not_yet"), (WITHOUT_NEVER, "not_yet")])
def test_pooled_effects_are_one_for_the_treated_and_one_for_each_event_time(sizes, control, cluster, weights):
    frame = drawn_with_states(sizes)
    window = (-3, 1)
    effect = fitted("stacked", frame, control=control, cluster=cluster,
                    options={"window": window, "weights": weights, "effects": "pooled"})  # fmt: skip
    rows = stack(frame, window, control)
    times = [-3, -2, 0, 1]
    x = np.column_stack([rows["treated"] & (rows["since"] == e) for e in times]).astype(float)
    dummies = np.hstack([pd.get_dummies(rows[c]).to_numpy(float) for c in ("treated", "since")])
    w = corrective(rows) if weights == "corrective" else None
    found = regression(rows["y"].to_numpy(), x, dummies, rows[cluster].to_numpy(), 2 + 5 - 1, w)
    path_equals(effect.path, times, *found)
    assert effect.inference.endswith(f"{weights} weights, effects pooled")


def test_with_corrective_weights_pooled_effects_have_the_same_estimates():
    frame = drawn_with_states()
    one, other = (
        fitted("stacked", frame, options={"window": (-2, 1), "effects": e}).path for e in ("by_stack", "pooled")
    )
    np.testing.assert_allclose(one.values, other.values, rtol=1e-10, atol=1e-13)


def test_pooled_effects_need_the_same_event_times_in_each_stack():
    frame = drawn_with_states()
    with pytest.raises(DesignError, match=r"effects: pooled needs the same event times in each stack"):
        fitted("stacked", frame[frame["t"] != 5], options={"window": (-2, 1), "effects": "pooled"})


def test_corrective_weights_average_the_cohorts_by_their_treated_units():
    frame = drawn_with_states()
    stacked = fitted("stacked", frame, options={"window": (-2, 1)}).path
    cells = fitted("callaway_santanna", frame, base_period="universal").cells
    for e in (-2, 0, 1):
        each = {g: v for g, s, v in zip(cells.cohorts, cells.event_times, cells.values, strict=True) if s == e}
        mean = np.average([each[g] for g in (3, 4, 6)], weights=[5, 6, 4])
        assert stacked.at(e).value == pytest.approx(mean, rel=1e-10)


def test_the_overall_effect_is_the_mean_from_event_time_zero_on():
    effect = fitted("stacked", drawn_with_states(), options={"window": (-2, 2)})
    after = np.array([e >= 0 for e in effect.path.event_times]) / 3
    assert effect.overall.value == pytest.approx(after @ effect.path.values, rel=1e-12)
    assert effect.overall.std_error == pytest.approx(np.sqrt(after @ effect.path.covariance @ after), rel=1e-12)


def test_one_cohort_is_the_event_study_within_its_window():
    frame = drawn({3: 6, NEVER: 9}, 6, seed=3)
    ours, theirs = fitted("stacked", frame), fitted("event_study", frame)
    assert ours.path.event_times == theirs.path.event_times  # the whole panel is the widest window
    np.testing.assert_allclose(ours.path.values, theirs.path.values, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.path.covariance, theirs.path.covariance, rtol=1e-9, atol=1e-14)


def test_weights_and_influence_give_estimate_and_standard_error():
    frame = drawn_with_states()
    effect = fitted("stacked", frame, control="not_yet", options={"window": (-2, 1)})
    means = frame.pivot_table(index=frame["g"].replace(NEVER, 99), columns="t", values="y").to_numpy()
    assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-10)
    assert np.sqrt((effect.influence.values**2).sum()) == pytest.approx(effect.overall.std_error, rel=1e-10)
    np.testing.assert_allclose(np.einsum("kgt,gt->k", effect.path.weights, means), effect.path.values, atol=1e-12)


# ---- the window ----------------------------------------------------------------------------------------


def test_without_a_window_the_widest_that_all_cohorts_fill_is_taken_and_said():
    effect = fitted("stacked", drawn_with_states())
    assert effect.path.event_times == (-3, -2, -1, 0, 1, 2)
    assert any(n.startswith("Event times -3 to 2: the widest window") for n in effect.notes)


def test_cohorts_that_do_not_fill_the_window_are_left_out_and_said():
    effect = fitted("stacked", drawn_with_states(), options={"window": (-3, 4)})
    assert "Cohort 6 (4 units) has no stack: it lacks event times -3 to 4 with a clean control." in effect.notes
    assert (effect.sample.n_treated, effect.sample.n_units) == (11, 20)
    assert effect.sample.n_obs == 5 * 8 + 6 * 8 + 9 * 9


def test_a_window_that_no_cohort_fills_is_refused_with_what_there_is():
    words = r"No cohort fills the window from -5 to 5 .* 3 from -3 to 5; 4 from -4 to 4; 6 from -6 to 2\)"
    with pytest.raises(DesignError, match=words):
        fitted("stacked", drawn_with_states(), options={"window": (-5, 5)})


@pytest.mark.parametrize("window", [(0, 3), (-3, -1), (-1, 2, 3), (-3,)])
def test_a_window_holds_a_time_before_and_a_time_after(window):
    with pytest.raises(DesignError, match=r"it has to be \[first, last\] event time with first < 0 <= last"):
        fitted("stacked", drawn_with_states(), options={"window": window})


def test_a_window_holds_the_reference_period():
    with pytest.raises(
        DesignError, match=r"lies before treatment and its anticipation of 1 in each stack. Start it earlier"
    ):
        fitted("stacked", drawn_with_states(), anticipation=1, options={"window": (-1, 2)})


def test_periods_that_are_not_one_apart():
    frame = drawn_with_states()
    census = frame.assign(t=1970 + 10 * frame["t"], g=1970 + 10 * frame["g"])
    one, other = (fitted("stacked", f, options={"window": w}).path for f, w in ((frame, (-2, 1)), (census, (-20, 10))))
    assert other.event_times == (-20, -10, 0, 10)
    np.testing.assert_allclose(other.values, one.values, rtol=1e-12)


def test_the_reference_is_a_period_that_each_stack_has():
    frame = drawn_with_states()
    rows = frame[frame["t"] != 5]  # the cohort of 6 has no period -1, that of 4 no period 1
    path = fitted("stacked", rows, options={"window": (-2, 1)}).path
    assert path.at(-2).reason == "the reference period: 0 by construction"
    path_equals(path, *by_definition(rows, (-2, 1), "corrective", "never", reference=-2))


# ---- what cannot be had -----------------------------------------------------------------------------------


def test_stacks_of_one_unit():
    effect = fitted("stacked", drawn({3: 1, 4: 6, NEVER: 9}, T, seed=3), options={"window": (-2, 2)})
    assert effect.overall.std_error > 0
    assert any(
        n.startswith("14% of the treated units are in stacks with one treated or one control unit")
        for n in effect.notes
    )
    alone = fitted("stacked", drawn({3: 1, NEVER: 9}, T, seed=3), options={"window": (-2, 2)})
    assert {e.std_error for e in (alone.overall, *alone.path)} == {None}


def test_cohorts_treated_from_the_start_are_left_out():
    frame = drawn({BEFORE: 3, **SIZES}, T, seed=3)
    effect = fitted("stacked", frame, options={"window": (-2, 1)})
    alone = fitted("stacked", frame[frame["g"] >= 0], options={"window": (-2, 1)})
    assert effect.overall.value == pytest.approx(alone.overall.value, rel=1e-12)
    assert effect.overall.std_error == pytest.approx(alone.overall.std_error, rel=1e-12)


def test_unknown_weights_are_refused():
    with pytest.raises(UsageError) as refused:
        fitted("stacked", drawn_with_states(), options={"weights": "none", "effects": "all"})
    assert "weights is 'none'; it has to be corrective or equal." in str(refused.value)
    assert "effects is 'all'; it has to be by_stack or pooled." in str(refused.value)


def test_cross_sections_are_refused_with_what_to_use():
    panel = panel_of(drawn_with_states(), unit=None)
    with pytest.raises(DesignError, match=r"stacked needs a balanced panel .* Use sun_abraham, imputation, etwfe"):
        si.estimate("stacked", panel, si.Design.from_panel(panel, first_treated="g"))


def test_no_period_before_anticipation_is_refused():
    with pytest.raises(
        DesignError, match=r"No cohort has a period before \(anticipated\) treatment and a clean control"
    ):
        fitted("stacked", drawn_with_states(), anticipation=8)
