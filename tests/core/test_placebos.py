"""Placebo cities, against plain loops."""

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.synthetic.placebos import ask, dealt, fewest_for, in_space, placebo_worlds, real_gaps
from scale_impact.core.synthetic.ranks import over_fit
from scale_impact.errors import EstimationError
from tests.panels import california, reference
from tests.pilots import effect_by, mean_of_donors, world


def gap(y, treated, donors, start):
    """Path of a unit less its donors' mean, both from their means before."""
    found = y[treated] - y[list(donors)].mean(axis=0)
    return found - found[:start].mean()


def placebos(starts, n_donors, n_periods, **options):
    panel, design = world(starts, n_donors, n_periods)
    return panel.matrix, in_space(effect_by(mean_of_donors, panel, design), panel, design, None, **options)


def test_each_donor_plays_the_treated_once_and_the_treated_is_no_donor():
    y, found = placebos([5], 6, 9)
    assert [n for (n,) in found.names] == [f"u00{k}" for k in range(1, 7)]
    for k, gaps in enumerate(found.drawn.values, start=1):
        others = [j for j in range(1, 7) if j != k]
        assert gaps[0] == pytest.approx(gap(y, k, others, 5), abs=1e-12)
    assert found.every
    assert found.possible == 6


def test_statistics_are_those_of_the_gaps():
    y, found = placebos([5], 6, 9)
    each = found.drawn.values[:, 0]
    assert found.drawn.effect == pytest.approx(each[:, 5:].mean(axis=1))
    assert found.drawn.pre_rmspe == pytest.approx(np.sqrt((each[:, :5] ** 2).mean(axis=1)))
    assert found.drawn.post_rmspe == pytest.approx(np.sqrt((each[:, 5:] ** 2).mean(axis=1)))
    assert found.drawn.ratio == pytest.approx(found.drawn.post_rmspe / found.drawn.pre_rmspe)
    assert found.real.values[0, 0] == pytest.approx(gap(y, 0, range(1, 7), 5), abs=1e-12)


def test_two_treated_at_one_date_are_played_by_each_pair_of_donors():
    y, found = placebos([4, 4], 5, 7)
    assert found.possible == len(found.names) == 10
    pairs = {
        tuple(sorted(int(n[1:]) for n in names)): g for names, g in zip(found.names, found.drawn.values, strict=True)
    }
    assert set(pairs) == set(combinations(range(2, 7), 2))
    for (a, b), gaps in pairs.items():
        others = [j for j in range(2, 7) if j not in (a, b)]
        expected = np.array([gap(y, a, others, 4), gap(y, b, others, 4)])
        assert np.sort(gaps, axis=0) == pytest.approx(np.sort(expected, axis=0), abs=1e-12)


def test_two_dates_are_dealt_to_each_ordered_pair_and_every_treated_period_counts_once():
    y, found = placebos([3, 5], 4, 8)
    assert {tuple(int(n[1:]) for n in names) for names in found.names} == set(permutations(range(2, 6), 2))
    for names, gaps, effect in zip(found.names, found.drawn.values, found.drawn.effect, strict=True):
        a, b = (int(n[1:]) for n in names)
        others = [j for j in range(2, 6) if j not in (a, b)]
        first, second = gap(y, a, others, 3), gap(y, b, others, 5)
        assert gaps == pytest.approx(np.array([first, second]), abs=1e-12)
        assert effect == pytest.approx(np.concatenate([first[3:], second[5:]]).mean())


def test_more_assignments_than_draws_are_drawn_the_same_with_the_same_seed():
    _, found = placebos([4, 4, 4], 12, 7, draws=50, seed=3)
    _, again = placebos([4, 4, 4], 12, 7, draws=50, seed=3)
    _, other = placebos([4, 4, 4], 12, 7, draws=50, seed=4)
    assert (len(found.names), found.possible, found.every) == (50, 220, False)
    assert found.names == again.names != other.names
    assert all(len(set(n)) == 3 for n in found.names)


def test_a_cohort_that_is_explained_as_one_is_played_by_as_many_donors():
    panel, design = world([4, 4], 5, 7)
    effect = effect_by(mean_of_donors, panel, design)
    one = effect.counterfactual.worlds
    both = replace(one.take([0]), treated=np.array([[0.5, 0.5, 0, 0, 0, 0, 0]]))
    deal = dealt(both, 100, 1)
    worlds = placebo_worlds(both, deal)
    assert len(worlds) == 10
    assert (np.sort(worlds.treated, axis=1)[:, -2:] == 0.5).all()
    assert not (worlds.donors & (worlds.treated > 0)).any()
    assert not worlds.donors[:, :2].any()
    assert (worlds.donors.sum(axis=1) == 3).all()


def test_estimating_anew_gives_the_placebos_that_worlds_give():
    panel, design = world([4, 6], 5, 9)

    def refit(p, d):
        effect = si.estimate("demeaned_synthetic_control", p, d)
        return replace(effect, counterfactual=replace(effect.counterfactual, worlds=None, again=None))

    quick = in_space(si.estimate("demeaned_synthetic_control", panel, design), panel, design, None)
    slow = in_space(refit(panel, design), panel, design, refit)
    assert slow.names == quick.names
    assert slow.drawn.values == pytest.approx(quick.drawn.values, abs=1e-9)


def test_too_few_donors_are_refused_with_what_would_do():
    panel, design = world([4, 4], 2, 7)
    with pytest.raises(EstimationError, match=r"2 donors cannot play 2 treated units .* conformal"):
        in_space(effect_by(mean_of_donors, panel, design), panel, design, None)


def test_an_effect_without_a_counterfactual_is_refused():
    panel, design = world([4], 6, 7)
    with pytest.raises(EstimationError, match="did_2x2 does not"):
        in_space(si.estimate("did_2x2", panel, design), panel, design, None)


def test_assignments_without_an_estimate_are_counted_and_left_out():
    panel, design = world([4], 6, 7)

    def again(worlds):
        gaps = mean_of_donors(worlds)
        gaps[worlds.treated[:, 3] == 1] = np.nan
        return gaps

    found = in_space(effect_by(again, panel, design), panel, design, None)
    assert found.lost == 1
    assert ("u003",) not in found.names
    assert len(found.drawn) == 5


@pytest.mark.parametrize("every", [True, False])
def test_the_first_reason_why_an_assignment_has_no_estimate_is_told(every):
    panel, design = world([4], 6, 7)
    effect = effect_by(mean_of_donors, panel, design)
    effect = replace(effect, counterfactual=replace(effect.counterfactual, again=None))
    asked = []

    def refit(p, d):
        asked.append(d)
        if every or len(asked) in (2, 5):
            raise EstimationError(f"no answer to question {len(asked)}.")
        return effect_by(mean_of_donors, p, d)

    if every:
        with pytest.raises(
            EstimationError, match=r"not one donor .* has an estimate. The first: no answer to question 1\."
        ):
            in_space(effect, panel, design, refit)
        return
    found = in_space(effect, panel, design, refit)
    assert found.gone == "2 without an estimate (the first: no answer to question 2.)"


def test_badly_fitting_placebos_are_told_by_their_mean_squared_gap():
    _, found = placebos([5], 6, 9)
    times = (found.drawn.pre_rmspe / found.real.pre_rmspe[0]) ** 2
    cut = float(np.median(times))
    assert (found.fitting(cut + 1e-9) == (times <= cut + 1e-9)).all()
    assert len(found.select(found.fitting(cut + 1e-9)).names) == (times <= cut + 1e-9).sum()


def test_an_exact_fit_makes_a_ratio_infinite_and_nothing_over_nothing_none():
    assert over_fit(np.array([2.0, 0.0, -1.0, 3.0]), np.array([0.0, 0.0, 0.0, 2.0])).tolist() == [
        np.inf,
        0,
        -np.inf,
        1.5,
    ]


def test_many_worlds_are_asked_in_parts_that_give_the_same():
    panel, design = world([4], 30, 7)
    worlds = effect_by(mean_of_donors, panel, design).counterfactual.worlds
    sizes = []

    def again(some):
        sizes.append(len(some))
        return mean_of_donors(some)

    every = worlds.take(np.zeros(40_000, dtype=int))
    assert ask(again, every) == pytest.approx(np.tile(mean_of_donors(worlds), (40_000, 1)))
    assert len(sizes) > 1


def test_anticipated_periods_are_neither_fitted_nor_counted():
    panel, _ = world([5], 6, 9)
    design = si.Design.from_panel(panel, first_treated="g", anticipation=2)
    real = real_gaps(effect_by(mean_of_donors, panel, design).counterfactual)
    assert real.fit[0].tolist() == [True] * 3 + [False] * 6
    assert real.after[0].tolist() == [False] * 5 + [True] * 4


@pytest.mark.parametrize(("level", "fewest"), [(0.95, 19), (0.9, 9), (0.99, 99), (0.5, 1)])
def test_so_many_placebos_reject_anything_at_a_level(level, fewest):
    assert fewest_for(level) == fewest


def test_californias_placebos_are_those_of_an_exact_solver_in_r():
    panel, design = california()
    found = in_space(si.estimate("synthetic_control", panel, design), panel, design, None)
    expected = reference("synthdid_prop99", "sc_outcome_only_exact_simplex")
    order = [found.names.index((unit,)) for unit in expected["placebo_units"]]
    assert found.real.ratio[0] == pytest.approx(expected["ratio"], rel=1e-9)
    assert found.drawn.ratio[order] == pytest.approx(expected["placebo_ratio"], rel=1e-8)
    assert found.drawn.effect[order] == pytest.approx(expected["placebo_avg_post_gap"], rel=1e-7, abs=1e-8)
    assert found.drawn.pre_rmspe[order] == pytest.approx(expected["placebo_pre_rmspe"], rel=1e-8)
