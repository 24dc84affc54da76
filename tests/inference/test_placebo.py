"""Placebo cities as inference, against ranks and inversion by plain loops."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scale_impact as si
from scale_impact.core.targets import targets_of
from scale_impact.errors import EstimationError
from scale_impact.inference import placebo
from tests.inference import overall
from tests.panels import california, reference
from tests.pilots import effect_by, mean_of_donors, world

STATISTICS = ("rmspe_ratio", "effect", "effect_over_fit")


def judged(starts, donors, periods, *, seed=1, size=0.0, **options):
    panel, design = world(starts, donors, periods, seed=seed, effect=size)
    effect = effect_by(mean_of_donors, panel, design)
    return overall(placebo, panel, design, None, effect, **options), panel.matrix


def statistic(gaps, start, name, side, null=0.0):
    """Of one city: how extreme it is."""
    pre, after = np.sqrt((gaps[:start] ** 2).mean()), gaps[start:] - null
    turn = {"two": np.abs, "upper": lambda x: x, "lower": lambda x: -x}[side]
    if name == "rmspe_ratio":
        part = np.abs(after) if side == "two" else np.maximum(turn(after), 0)
        return np.sqrt((part**2).mean()) / pre
    return turn(after.mean()) / (pre if name == "effect_over_fit" else 1)


def every_gap(y, start):
    """Gaps of all cities; the first is treated and no donor of the others."""
    found = []
    for k in range(len(y)):
        donors = [j for j in range(1, len(y)) if j != k]
        gaps = y[k] - y[donors].mean(axis=0)
        found.append(gaps - gaps[:start].mean())
    return found


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("side", ["two", "lower", "upper"])
@pytest.mark.parametrize("null", [0.0, 1.7])
def test_the_p_value_is_the_rank_of_the_treated_among_all_cities(name, side, null):
    found, y = judged([6], 24, 10, seed=4, statistic=name, side=side)
    gaps = every_gap(y, 6)
    mine = statistic(gaps[0], 6, name, side, null)
    others = np.array([statistic(g, 6, name, side) for g in gaps[1:]])
    assert found.p_of(null) == pytest.approx((1 + (others >= mine - 1e-12).sum()) / 25)


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("side", ["two", "lower", "upper"])
@pytest.mark.parametrize("level", [0.9, 0.6])
def test_the_interval_holds_the_effects_that_are_not_rejected(name, side, level):
    found, _ = judged([6], 24, 10, seed=4, size=3.0, statistic=name, side=side)
    low, high = found.interval(level)
    assert np.isinf([low, high]).tolist() == [side == "lower", side == "upper"]
    for end, out in ((low, -1e-6), (high, 1e-6)):
        if np.isfinite(end):
            assert found.p_of(end - out) > 1 - level
            assert found.p_of(end + out) <= 1 - level + 1e-12


def test_with_too_few_donors_no_value_is_rejected_and_the_words_say_so():
    found, _ = judged([6], 12, 10, size=50.0)
    assert found.p_value == pytest.approx(1 / 13)
    assert found.interval(0.95) == (-np.inf, np.inf)
    assert np.isfinite(found.interval(0.9)).all()
    assert "no p-value below 0.07692 is possible" in found.words
    assert "an interval at 95 % is without ends (it takes 19 placebos)" in found.words


def test_an_effect_that_grows_fits_no_constant_one():
    y = np.random.default_rng(2).normal(size=(40, 12))
    y[0, 6:] += 30 * np.arange(6)
    panel, design = world([6], 39, 12, y=y)
    found = overall(placebo, panel, design, None, effect_by(mean_of_donors, panel, design))
    assert found.interval(0.95) is None
    assert "no constant effect has a p-value above 0.025: it changes over time" in found.words
    assert found.p_value == 1 / 40


def test_badly_fitting_placebos_can_be_left_out_and_are_counted():
    every, y = judged([6], 24, 10, seed=4)
    found, _ = judged([6], 24, 10, seed=4, worst_fit=2.0)
    pre = [np.mean(g[:6] ** 2) for g in every_gap(y, 6)]
    bad = int((np.array(pre[1:]) > 2 * pre[0]).sum())
    assert 0 < bad < 24
    assert len(found.null) == 24 - bad == len(every.null) - bad
    assert f"{bad} placebos left out that fit 2 times worse before" in found.words


def test_no_placebo_that_fits_is_an_error():
    y = np.random.default_rng(2).normal(size=(12, 9))
    y[0] = y[1:].mean(axis=0)
    panel, design = world([6], 11, 9, y=y + 0.001 * np.random.default_rng(3).normal(size=y.shape))
    with pytest.raises(EstimationError, match="each of the 11 placebos"):
        overall(placebo, panel, design, None, effect_by(mean_of_donors, panel, design), worst_fit=1.0)


def test_an_exact_fit_is_judged_by_the_gap_alone():
    y = np.random.default_rng(2).normal(size=(25, 9))
    y[0] = y[1:].mean(axis=0) + (np.arange(9) >= 6)
    panel, design = world([6], 24, 9, y=y)
    found = overall(placebo, panel, design, None, effect_by(mean_of_donors, panel, design))
    assert found.statistic == "effect"
    assert "the fit before is exact" in found.words
    assert 0 < found.p_value <= 1
    low, high = found.interval(0.9)
    assert low < 1 < high


def test_periods_after_the_start_and_treated_units_are_judged_and_periods_before_are_not():
    panel, design = world([5, 6], 20, 9, seed=2)
    effect = effect_by(mean_of_donors, panel, design)
    done = si.inference.judged(effect, panel, design, None, {"placebo": {"draws": 200}})
    for time, judgement in zip(done.path.event_times, done.path.judged, strict=True):
        assert (judgement is None) == (time < 0)
    assert done.curves["units"].judged[0].p_value != done.curves["units"].judged[1].p_value
    rows = {r["label"]: r for r in done.rows(0.9)}
    assert rows["overall"]["p_value"] == done.overall.p_value
    assert rows["u000"]["ci_low"] < rows["u000"]["estimate"] < rows["u000"]["ci_high"]
    assert "200 sets of 2 donors in the place of the treated, drawn with seed" in rows["overall"]["inference"]


def test_a_number_of_one_of_several_treated_units_ranks_it_among_the_donors_each_once():
    panel, design = world([5, 6], 20, 9, seed=2)
    done = si.inference.judged(effect_by(mean_of_donors, panel, design), panel, design, None)
    for k, (unit, start) in enumerate((("u000", 5), ("u001", 6))):
        y = panel.matrix[[k, *range(2, 22)]]
        gaps = every_gap(y, start)
        ratios = np.array([statistic(g, start, "rmspe_ratio", "two") for g in gaps])
        assert done.curves["units"].names[k] == unit
        assert done.curves["units"].judged[k].p_value == pytest.approx((ratios >= ratios[0] - 1e-12).mean())
    assert "all 20 donors" in done.curves["units"].judged[0].words


def test_sets_of_donors_that_overlap_much_are_said():
    few, _ = judged([6, 6, 6], 20, 10)
    many, _ = judged([6, 6], 40, 10)
    assert "they overlap, so that p-values are somewhat too small" in few.words
    assert "overlap" not in many.words


def test_a_single_periods_p_value_ranks_its_gap_over_the_fit_before():
    panel, design = world([6], 24, 10, seed=4)
    effect = effect_by(mean_of_donors, panel, design)
    targets = targets_of(effect, panel, design, None)
    found = placebo.judge(panel, design, None, effect, targets)
    gaps = every_gap(panel.matrix, 6)
    each = [abs(g[8]) / np.sqrt((g[:6] ** 2).mean()) for g in gaps]
    k = next(i for i, t in enumerate(targets) if t.place == "path" and effect.path.event_times[t.k] == 2)
    assert found[k].p_value == pytest.approx((np.array(each) >= each[0] - 1e-12).mean())


def test_weighted_periods_get_the_placebos_standard_deviation_and_a_t_interval():
    panel, design = world([6], 24, 10, seed=4)
    effect = effect_by(mean_of_donors, panel, design, periods_weights=pd.DataFrame())
    found = overall(placebo, panel, design, None, effect)
    error = np.std([g[6:].mean() for g in every_gap(panel.matrix, 6)[1:]])
    assert found.std_error == pytest.approx(error)
    assert found.df == 23
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(found.value / error), 23))
    assert found.interval(0.9)[1] == pytest.approx(found.value + stats.t.ppf(0.95, 23) * error)
    assert effect.overall.judge(found).std_error == found.std_error
    assert "t(23); it takes the noise of donors for that of the treated" in found.words
    assert "Caution" not in found.words
    assert isinstance(overall(placebo, panel, design, None, effect, kind="rank"), placebo.Ranked)


def test_few_placebos_are_cautioned_and_two_have_no_interval():
    few, _ = judged([6], 9, 10, kind="normal")
    assert few.df == 8
    assert "Caution: the spread of 9 is a rough one" in few.words
    assert judged([6], 3, 10, kind="normal")[0].df == 2
    with pytest.raises(EstimationError, match="2 placebos cannot show a spread: it takes 3, because two"):
        judged([6], 2, 10, kind="normal")


def test_an_effect_with_two_donors_says_why_it_has_no_interval():
    panel, design = world([6], 2, 10)
    effect = effect_by(mean_of_donors, panel, design, periods_weights=pd.DataFrame())
    done = si.inference.judged(effect, panel, design, None)
    assert done.overall.interval() is None
    assert "There is no interval: placebo: 2 placebos cannot show a spread" in " ".join(done.notes)


def test_sets_of_donors_have_no_more_degrees_of_freedom_than_donors():
    found, _ = judged([6, 6, 6], 8, 10, kind="normal")
    assert found.df == 7  # of 56 sets
    assert len(found.each) == 56


def test_with_few_donors_the_interval_covers_as_often_as_it_says():
    """300 worlds with five donors, effect 2, 90 %: 258 or more have probability 0.99 at 0.9; a normal interval holds in 78 %."""
    held = [
        low <= 2 <= high
        for s in range(300)
        for low, high in [judged([6], 5, 10, seed=s, size=2.0, kind="normal")[0].interval(0.9)]
    ]
    assert np.mean(held) >= 0.86


def test_one_placebo_shows_no_spread():
    panel, design = world([4], 2, 7)
    effect = effect_by(mean_of_donors, panel, design)
    broken = replace(effect.counterfactual, again=lambda w: np.where(w.treated[:, 1:2] > 0, np.nan, mean_of_donors(w)))
    with pytest.raises(EstimationError, match=r"1 placebo cannot show a spread \(1 without an estimate\)"):
        overall(placebo, panel, design, None, replace(effect, counterfactual=broken), kind="normal")


def test_numbers_that_are_no_mean_gap_are_not_judged():
    panel, design = world([5], 20, 9, seed=2)
    effect = effect_by(mean_of_donors, panel, design)
    targets = targets_of(effect, panel, design, None)
    other = next(replace(t, value=t.value + 1) for t in targets if t.place == "path")
    first, second = placebo.judge(panel, design, None, effect, [targets[0], other])
    assert first is not None
    assert second is None


def test_an_overall_effect_that_is_no_mean_gap_is_refused_with_what_would_do():
    panel, design = world([16], 20, 24, seed=2)
    effect = si.estimate("interrupted_time_series", panel, design)
    with pytest.raises(EstimationError, match=r"interrupted_time_series is another number.*inference: analytic"):
        si.inference.judged(effect, panel, design, None, "placebo")
    beside = si.inference.judged(effect, panel, design, None, "placebo", primary=False)
    assert beside.overall == effect.overall
    assert "Intervals stay analytic: placebo judges the mean gap" in beside.notes[-1]


def test_placebos_without_spread_are_refused_for_the_overall_effect():
    y = np.tile(np.random.default_rng(2).normal(size=12), (9, 1))
    y[0, 8:] += 1
    panel, design = world([8], 8, 12, y=y)
    effect = effect_by(mean_of_donors, panel, design)
    with pytest.raises(EstimationError, match=r"do not differ: no spread.*kind: rank"):
        overall(placebo, panel, design, None, effect, kind="normal")
    assert overall(placebo, panel, design, None, effect, kind="rank") is not None


def test_the_p_value_holds_its_size_where_cities_are_alike():
    rejected = [judged([6], 19, 9, seed=s)[0].p_value <= 0.1 for s in range(300)]
    assert np.mean(rejected) == pytest.approx(0.1, abs=0.05)


def test_california_is_third_of_39_as_in_r():
    panel, design = california()
    expected = reference("synthdid_prop99", "sc_outcome_only_exact_simplex")
    for name, key in (("rmspe_ratio", "p_value_ratio"), ("effect", "p_value_abs_gap")):
        inference = {"placebo": {"statistic": name}}
        effect = si.estimate("synthetic_control", panel, design, inference=inference)
        assert effect.overall.p_value == pytest.approx(expected[key])


def test_placebos_that_fit_exactly_are_said_since_no_ratio_exceeds_theirs():
    """Twins before the measure: the ratio of such a placebo is infinite, and with enough of them so is the interval."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(30, 30))
    y[10:14, :25] = y[14:18, :25]
    frame = pd.DataFrame(
        {"id": np.repeat(np.arange(30), 30), "t": np.tile(np.arange(30), 30), "y": y.ravel(),
         "g": np.repeat(np.where(np.arange(30) == 0, 25.0, np.inf), 30)}
    )  # fmt: skip
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g")
    found = si.estimate("synthetic_control", panel, design, inference="placebo").overall
    exact = int(np.isinf(found.judged.null).sum())
    assert exact > 2
    assert found.interval(0.95) == (-np.inf, np.inf)
    assert f"{exact} placebos fit exactly before" in found.judged.words
