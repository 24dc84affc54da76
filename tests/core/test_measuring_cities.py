"""Effects of single cities: against Callaway and Sant'Anna's cohorts, sums by hand, simulated truth, and what bad input is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scale_impact.core.design import Design
from scale_impact.core.measuring_cities import city_effects, like_controls
from scale_impact.core.panel import Panel
from scale_impact.errors import DataError, DesignError, EstimationError, UsageError
from scale_impact.estimators import estimate
from tests.panels import NEVER, drawn, framed, long, panel_of

STAGGERED = {3: 4, 4: 1, 6: 3, NEVER: 8}


def made(frame, *, cluster=None, options=None, context=None, missing="refuse", **design):
    panel = panel_of(frame, missing=missing)
    made_design = Design.from_panel(panel, **{"first_treated": "g", "cluster": cluster, **design})
    return city_effects(panel, made_design, context, **(options or {}))


# ---- averaged, they are the effects of cohorts ---------------------------------------------------------------


def by_cohort(effects):
    started = np.array(effects.started)
    return {g: effects.effects[started == g].mean() for g in dict.fromkeys(effects.started)}


def equal_to_callaway_santanna(panel, design, **options):
    effects = city_effects(panel, design, **options)
    window = options.get("window") or (None, None)
    found = estimate("callaway_santanna", panel, design, aggregation="cohort", min_e=window[0], max_e=window[1])
    expected = {str(g): e.value for g, e in zip(found.by_cohort.cohorts, found.by_cohort, strict=True)}
    assert by_cohort(effects) == pytest.approx(expected, abs=1e-10)
    assert effects.effects.mean() == pytest.approx(found.overall.value, abs=1e-10)


@pytest.mark.parametrize("control", ["never", "not_yet"])
@pytest.mark.parametrize("anticipation", [0, 1])
def test_cities_of_a_cohort_average_to_its_effect(ezunem, mpdta, control, anticipation):
    zones = Panel.from_frame(ezunem, unit="city", period="year", outcome="luclms")
    equal_to_callaway_santanna(
        zones, Design.from_panel(zones, treated="ez", control=control, anticipation=anticipation)
    )
    counties = panel_of(mpdta)
    equal_to_callaway_santanna(
        counties, Design.from_panel(counties, first_treated="g", control=control, anticipation=anticipation)
    )


@pytest.mark.parametrize(
    ("sizes", "control"), [(STAGGERED, "not_yet"), ({2: 13, 3: 4, 5: 2, 6: 1, NEVER: 29}, "never")]
)
def test_drawn_panels_average_to_the_effects_of_cohorts(sizes, control):
    panel = panel_of(drawn(sizes, 10, seed=5))
    equal_to_callaway_santanna(panel, Design.from_panel(panel, first_treated="g", control=control))
    equal_to_callaway_santanna(panel, Design.from_panel(panel, first_treated="g", control=control), window=[1.0, 3.0])


def test_where_nobody_is_never_treated_the_last_to_start_are_controls_alone():
    panel = panel_of(drawn({3: 4, 5: 3, 7: 6}, 9, seed=2))
    design = Design.from_panel(panel, first_treated="g", control="not_yet")
    equal_to_callaway_santanna(panel, design)
    effects = city_effects(panel, design)
    assert len(effects) == 7
    assert any(n.startswith("6 treated cities left out") and "no control is left" in n for n in effects.notes)


def test_the_base_of_all_periods_before_gives_the_effect_of_imputation_with_one_start():
    panel = panel_of(drawn({4: 5, NEVER: 9}, 8, seed=3))
    design = Design.from_panel(panel, first_treated="g")
    found = city_effects(panel, design, base="mean")
    assert found.effects.mean() == pytest.approx(estimate("imputation", panel, design).overall.value, abs=1e-10)


# ---- by hand ------------------------------------------------------------------------------------------------


def test_three_cities_by_hand():
    paths = {"a": [1, 2, 7, 8], "b": [5, 5, 6, 8], "n1": [0, 1, 2, 2], "n2": [1, 3, 2, 4], "n3": [2, 2, 3, 9]}
    effects = made(long(paths, {"a": 2003, "b": 2004}), options={"unit": "km", "direction": "+"})
    changes_a, changes_b = (
        np.array([1.0, 0.0, 4.0]),
        np.array([0.0, 2.0, 6.0]),
    )  # controls: mean of two periods less 2002; 2004 less 2003
    assert effects.labels == ("a", "b")
    assert effects.started == ("2003", "2004")
    assert (effects.unit, effects.direction) == ("km", "+")
    assert effects.effects == pytest.approx([5.5 - changes_a.mean(), 2 - changes_b.mean()])
    own = [changes_a.var(ddof=1) * 4 / 3, changes_b.var(ddof=1) * 4 / 3]
    assert effects.variances == pytest.approx(own)
    assert effects.covariance[0, 1] == pytest.approx(np.cov(changes_a, changes_b)[0, 1] / 3)
    assert list(effects.df) == [2, 2]


def weights_by_hand(y, start, i, control):
    """Weights of the effect of city i on all outcomes, by the definition."""
    t = y.shape[1]
    found = np.zeros_like(y)
    base, post = start[i] - 1, list(range(int(start[i]), t))
    for p in post:
        others = start == t
        if control == "not_yet":
            others = (start > p) & (start != start[i])
        for when, sign in ((p, 1), (base, -1)):
            found[i, when] += sign / len(post)
            found[others, when] -= sign / len(post) / others.sum()
    return found


@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_the_covariance_is_the_sum_over_cities_of_weights_times_their_covariance(control):
    frame = drawn(STAGGERED, 8, seed=7)
    wide = frame.pivot_table(index="id", columns="t", values="y")
    y = wide.to_numpy()
    start = frame.groupby("id")["g"].first().replace(NEVER, 8).to_numpy().astype(int)
    effects = made(frame, control=control)
    never = y[start == 8]
    sigma = np.cov(never, rowvar=False)
    w = [weights_by_hand(y, start, i, control) for i in np.flatnonzero(start < 8)]
    assert effects.effects == pytest.approx([(a * y).sum() for a in w], abs=1e-10)
    expected = [[np.einsum("jt,ts,js->", a, sigma, b) for b in w] for a in w]
    assert effects.covariance == pytest.approx(np.array(expected), abs=1e-10)
    assert effects.take([2, 0]).started == (effects.started[2], effects.started[0])


# ---- what must not matter -------------------------------------------------------------------------------------


def test_order_of_rows_large_levels_and_scale_do_not_matter():
    frame = drawn(STAGGERED, 8, seed=1)
    plain = made(frame, control="not_yet")
    shuffled = made(frame.sample(frac=1, random_state=4), control="not_yet")
    assert np.array_equal(plain.effects, shuffled.effects)
    assert np.array_equal(plain.covariance, shuffled.covariance)
    high = frame.assign(y=frame["y"] + 1e9 * (frame["id"] + 1))
    assert made(high, control="not_yet").effects == pytest.approx(plain.effects, abs=1e-5)
    scaled = made(frame.assign(y=frame["y"] * 1000), control="not_yet")
    assert scaled.covariance == pytest.approx(plain.covariance * 1e6)


# ---- windows ---------------------------------------------------------------------------------------------------


def test_cities_that_are_not_watched_to_the_end_of_the_window_are_left_out_and_named():
    effects = made(long({k: range(8) for k in "abcdefg"} | {"n1": [0, 2, 1, 3, 1, 4, 2, 5], "n2": [0] * 8, "n3": [1, 0] * 4},
                        {"a": 2003, "b": 2004, "c": 2007}), options={"window": [0, 2]})  # fmt: skip
    assert effects.labels == ("a", "b")
    assert "1 treated city left out (c): not watched to the end of the window." in effects.notes


def test_the_common_window_is_that_of_the_last_to_start():
    frame = drawn(STAGGERED, 8, seed=1)
    common, asked = made(frame, options={"window": "common"}), made(frame, options={"window": [0, 1]})
    assert np.array_equal(common.effects, asked.effects)
    assert common.notes[-3] == "Each effect is the mean over event times 0 to 1 (8 cities)."
    assert any("different lengths" in n for n in made(frame).notes)


@pytest.mark.parametrize("window", [[2, 1], [-1, 2], [0], "pre", [0, 99]])
def test_a_window_that_is_none_is_refused(window):
    with pytest.raises(UsageError, match="window"):
        made(drawn(STAGGERED, 8, seed=1), options={"window": window})


# ---- gaps ------------------------------------------------------------------------------------------------------


def test_cities_without_a_base_are_left_out_and_controls_change_from_period_to_period():
    frame = drawn({3: 3, NEVER: 9}, 6, seed=4)
    treated = sorted(frame.loc[frame["g"] == 3, "id"].unique())
    never = sorted(frame.loc[frame["g"] == NEVER, "id"].unique())
    gone = (frame["id"] == treated[0]) & (frame["t"] == 2) | (frame["id"] == never[0]) & (frame["t"] == 4)
    effects = made(frame[~gone], balance="pairwise")
    assert effects.labels == (str(treated[1]), str(treated[2]))
    assert any(f"({treated[0]}): not observed in any period before treatment" in n for n in effects.notes)
    wide = frame.pivot_table(index="id", columns="t", values="y")
    change = wide.sub(wide[2], axis=0)
    controls = [change.loc[never if p != 4 else never[1:], p].mean() for p in (3, 4, 5)]
    assert effects.effects == pytest.approx([(change.loc[c, [3, 4, 5]] - controls).mean() for c in treated[1:]])


# ---- simulated truth -------------------------------------------------------------------------------------------


def test_errors_and_what_shared_controls_cause_are_those_of_repeated_samples():
    rng = np.random.default_rng(3)
    start = np.repeat([3, 5, 7, NEVER], [2, 1, 2, 9])
    found, said = [], []
    for _ in range(400):
        noise = rng.normal(size=(14, 9)).cumsum(axis=1) * 0.3 + rng.normal(size=(14, 9))
        effects = made(framed(noise, start), control="not_yet")
        found.append(effects.effects)
        said.append(effects.covariance)
    seen, expected = np.cov(np.array(found), rowvar=False), np.mean(said, axis=0)
    assert np.diag(seen) == pytest.approx(np.diag(expected), rel=0.15)
    off = ~np.eye(5, dtype=bool)
    assert seen[off].mean() == pytest.approx(expected[off].mean(), rel=0.3)


def test_where_each_waits_for_the_next_errors_are_learnt_two_periods_at_a_time():
    frame = drawn({3: 2, 4: 2, 5: 2, 6: 2, 7: 2}, 9, seed=8)
    effects = made(frame, control="not_yet")
    assert any("two periods at a time" in n for n in effects.notes)
    assert (effects.variances > 0).all()
    assert np.linalg.eigvalsh(effects.covariance).min() > -1e-10


def test_small_cities_err_more_where_size_says_so():
    rng = np.random.default_rng(1)
    start, size = np.repeat([4, NEVER], [10, 200]), rng.choice([1.0, 16.0], 210)
    frame = framed(rng.normal(size=(210, 8)) / np.sqrt(size)[:, None], start)
    effects = made(frame.assign(people=np.repeat(size, 8)), options={"size": "people"})
    errors = np.sqrt(effects.variances)
    small = size[:10] == 1
    assert errors[small].mean() / errors[~small].mean() == pytest.approx(4, rel=0.25)


def test_cities_of_one_cluster_err_together():
    rng = np.random.default_rng(2)
    cluster = np.arange(60) // 3
    together = rng.normal(size=(20, 6))[cluster] * 2
    frame = framed(together + rng.normal(size=(60, 6)), np.repeat([3, NEVER], [6, 54]))
    effects = made(frame.assign(region=np.repeat(cluster, 6)), cluster="region")
    correlation = effects.covariance / np.sqrt(np.outer(effects.variances, effects.variances))
    assert effects.clusters == ("0", "0", "0", "1", "1", "1")
    assert correlation[0, 1] > 0.6
    assert abs(correlation[0, 4]) < 0.15


# ---- are the treated like the controls? --------------------------------------------------------------------------


def noisy(ratio, seed):
    rng = np.random.default_rng(seed)
    scale = np.repeat([ratio, 1.0], [15, 30])[:, None]
    return framed(scale * rng.normal(size=(45, 8)), np.repeat([5, NEVER], [15, 30]))


def test_treated_cities_that_vary_more_fail_the_check_and_others_pass():
    panel = panel_of(noisy(2.0, seed=1))
    found = like_controls(panel, Design.from_panel(panel, first_treated="g"))
    assert (found.verdict, found.statistic > 2, "too small" in found.reason) == ("fail", True, True)
    panel = panel_of(noisy(1.0, seed=1))
    assert like_controls(panel, Design.from_panel(panel, first_treated="g")).verdict == "pass"


def test_the_check_rejects_as_often_as_it_should():
    def p(seed):
        panel = panel_of(noisy(1.0, seed))
        return like_controls(panel, Design.from_panel(panel, first_treated="g"), draws=99).p_value

    assert np.mean([p(seed) <= 0.1 for seed in range(100)]) == pytest.approx(0.1, abs=0.08)


def test_one_period_before_treatment_says_nothing_of_likeness():
    panel = panel_of(drawn({1: 3, NEVER: 5}, 4, seed=1))
    assert like_controls(panel, Design.from_panel(panel, first_treated="g")).verdict == "inapplicable"


# ---- context and bad input ---------------------------------------------------------------------------------------


def test_context_is_taken_in_the_order_of_the_cities():
    frame = drawn({3: 3, NEVER: 5}, 6, seed=1)
    ids = sorted(frame["id"].unique(), reverse=True)
    effects = made(frame, context=pd.DataFrame({"people": [10 * i for i in ids]}, index=ids))
    assert list(effects.context["people"]) == [10 * int(label) for label in effects.labels]
    assert list(effects.context.index) == list(effects.labels)


def test_context_that_lacks_a_city_or_names_one_twice_is_refused_with_all_of_them():
    frame = drawn({3: 3, NEVER: 5}, 6, seed=1)
    a, b, c = (int(x) for x in made(frame).labels)
    with pytest.raises(DataError) as refused:
        made(frame, context=pd.DataFrame({"people": [1, 2, 3]}, index=[a, a, b]))
    assert len(refused.value.problems) == 2
    assert f"no row for {c}" in str(refused.value)


def test_what_cannot_be_answered_is_refused_with_a_reason():
    frame = drawn({3: 3, NEVER: 5}, 6, seed=1)
    with pytest.raises(DesignError, match="covariates"):
        made(frame, options={"covariates": ["x"]})
    with pytest.raises(DesignError, match="1 city is never treated"):
        made(drawn({3: 3, NEVER: 1}, 6, seed=1))
    with pytest.raises(DesignError, match="cross-sections"):
        made(frame, balance="repeated_cross_sections")
    with pytest.raises(DesignError, match="one cluster"):
        made(frame.assign(side=frame["g"].eq(3).astype(int)), cluster="side")
    with pytest.raises(EstimationError, match="same path"):
        made(frame.assign(y=frame["y"].where(frame["g"] == 3, frame["t"].astype(float))))
    with pytest.raises(UsageError, match="base"):
        made(frame, options={"base": "first"})
    with pytest.raises(DataError, match="above 0"):
        made(frame.assign(people=0.0), options={"size": "people"})


def test_few_controls_are_said():
    notes = " ".join(made(drawn({3: 3, NEVER: 3}, 6, seed=1)).notes)
    assert "3 cities untreated" in notes
    assert "3 controls only" in notes


def test_one_treated_city_has_the_interval_of_conley_and_taber_with_normal_noise():
    panel = panel_of(drawn({4: 1, NEVER: 11}, 8, seed=6))
    design = Design.from_panel(panel, first_treated="g")
    effects = city_effects(panel, design)
    half = stats.t.ppf(0.975, effects.df[0]) * np.sqrt(effects.variances[0])
    found = estimate("callaway_santanna", panel, design, inference={"conley_taber": {"noise": "normal"}}).overall
    assert found.interval(0.95) == pytest.approx((effects.effects[0] - half, effects.effects[0] + half), abs=1e-10)


def test_treated_cities_of_other_sizes_than_the_controls_are_named():
    rng = np.random.default_rng(3)
    start, size = np.repeat([4, NEVER], [3, 60]), np.r_[0.5, 4.0, 90.0, rng.choice([1.0, 16.0], 60)]
    frame = framed(rng.normal(size=(63, 8)) / np.sqrt(size)[:, None], start)
    notes = made(frame.assign(people=np.repeat(size, 8)), options={"size": "people"}).notes
    said = next(n for n in notes if "lies outside that of the controls" in n)
    assert "(0.5)" in said
    assert "(90)" in said
    assert "(4)" not in said
    assert "1 to 16" in said


def test_no_variation_with_size_is_said_and_not_zero_per_cent():
    rng = np.random.default_rng(3)
    start, size = np.repeat([4, NEVER], [3, 60]), rng.choice([1.0, 16.0], 63)
    frame = framed(rng.normal(size=(63, 8)) * np.sqrt(size)[:, None], start)
    effects = made(frame.assign(people=np.repeat(size, 8)), options={"size": "people"})
    assert any("No variation with size was seen" in n for n in effects.notes)
    assert not any("0%" in n for n in effects.notes)
    np.testing.assert_allclose(effects.covariance, made(frame).covariance)


def test_size_beside_clusters_is_said_to_change_nothing():
    rng = np.random.default_rng(3)
    frame = framed(rng.normal(size=(60, 6)), np.repeat([3, NEVER], [6, 54])).assign(cl=0)
    frame["cl"], frame["people"] = frame["id"] % 20, 1.0 + frame["id"]
    notes = made(frame, cluster="cl", options={"size": "people"}).notes
    assert any("Beside clusters `size` is not taken into account" in n for n in notes)
