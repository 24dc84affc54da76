"""Lee's bounds against trimming by hand and against the formulas of his variance."""

import numpy as np
import pytest
from scipy import stats

from scale_impact.core.experiment.bounds import Answers, lee_bounds


def people(n=400, seed=1, cells=1, flipped=False):
    rng = np.random.default_rng(seed)
    side, cell = np.arange(n) % 2 == 1, rng.integers(0, cells, n)
    y = rng.normal(size=n) + 0.5 * side + cell
    seen = rng.random(n) < np.where(side ^ flipped, 0.9, 0.6 + 0.05 * cell)
    return Answers(np.where(seen, y, 0.0), seen, side, cell, np.arange(n))


def by_hand(a, here=slice(None)):
    """Bounds of one cell with sides of one size: as many are trimmed as one side is observed more."""
    y, seen, side = a.outcome[here], a.observed[here], a.side[here]
    full, short = np.sort(y[seen & side]), y[seen & ~side]
    extra = len(full) - len(short)
    return full[: len(full) - extra].mean() - short.mean(), full[extra:].mean() - short.mean()


def test_bounds_are_means_without_as_many_of_the_highest_or_lowest():
    a = people()
    found = lee_bounds(a)
    assert (found.lower, found.upper) == pytest.approx(by_hand(a), abs=1e-12)
    more, fewer = a.observed[a.side].sum(), a.observed[~a.side].sum()
    assert found.trimmed == pytest.approx((more - fewer) / more)


def test_the_other_side_is_trimmed_where_it_is_observed_more():
    a = people(flipped=True)
    mirrored = lee_bounds(Answers(a.outcome, a.observed, ~a.side, a.cell, a.cluster))
    found = lee_bounds(a)
    assert (found.lower, found.upper) == pytest.approx((-mirrored.upper, -mirrored.lower))
    assert found.std_errors == pytest.approx(mirrored.std_errors[::-1])
    assert found.cells[0]["trimmed_side"] == 0


def test_standard_errors_are_those_of_lee_s_proposition_3():
    a = people(4000)
    found, n = lee_bounds(a), len(a.outcome)
    d, s = a.side, a.observed
    q1, q0 = s[d].mean(), s[~d].mean()
    p = 1 - q0 / q1
    y = np.sort(a.outcome[d & s])
    kept = y[: round((1 - p) * len(y))]
    cut, mean = kept[-1], kept.mean()
    share = (d & s).mean()
    of_p = (1 - p) ** 2 * ((1 - q0 / (1 - p)) / (d.mean() * q0 / (1 - p)) + (1 - q0) / ((1 - d.mean()) * q0))
    treated = kept.var() / (share * (1 - p)) + (cut - mean) ** 2 * p / (share * (1 - p))
    treated += ((cut - mean) / (1 - p)) ** 2 * of_p
    control = a.outcome[~d & s].var() / (~d & s).mean()
    assert found.std_errors[0] == pytest.approx(np.sqrt((treated + control) / n), rel=2e-3)


def test_standard_errors_are_the_spread_over_samples_within_cells_too():
    values = np.array([[b.lower, b.upper] for b in (lee_bounds(people(1500, s, cells=3)) for s in range(300))])
    expected = np.mean([lee_bounds(people(1500, s, cells=3)).std_errors for s in range(20)], axis=0)
    assert values.std(axis=0) == pytest.approx(expected, rel=0.12)


def test_cells_count_by_those_observed_either_way_and_tighten_the_bounds():
    a = people(6000, cells=3)
    found, whole = lee_bounds(a), lee_bounds(Answers(a.outcome, a.observed, a.side, 0 * a.cell, a.cluster))
    assert found.upper - found.lower < whole.upper - whole.lower
    mass = [
        (a.cell == c).mean() * min(a.observed[(a.cell == c) & (a.side == s)].mean() for s in (True, False))
        for c in range(3)
    ]
    assert [c["weight"] for c in found.cells] == pytest.approx(np.array(mass) / sum(mass))
    assert found.lower == pytest.approx(sum(c["weight"] * c["lower"] for c in found.cells))


def test_clusters_that_repeat_rows_do_not_make_standard_errors_smaller():
    a = people(500)
    twice = Answers(*(np.tile(v, 4) for v in (a.outcome, a.observed, a.side, a.cell, a.cluster)))
    assert lee_bounds(twice).std_errors == pytest.approx(lee_bounds(a).std_errors, rel=0.05)


def test_without_attrition_bounds_meet_and_the_interval_is_the_usual_one():
    a = people()
    full = Answers(np.random.default_rng(2).normal(size=400), np.ones(400, dtype=bool), a.side, a.cell, a.cluster)
    found = lee_bounds(full)
    assert found.lower == pytest.approx(found.upper, abs=1e-12)
    _, high = found.interval(0.95)
    assert high - found.upper == pytest.approx(stats.norm.ppf(0.975) * found.std_errors[1], rel=1e-6)


def test_wide_bounds_have_one_sided_ends():
    found = lee_bounds(people(20_000))
    low, high = found.interval(0.95)
    assert found.lower - low == pytest.approx(stats.norm.ppf(0.95) * found.std_errors[0], rel=1e-3)
    assert high > found.upper
