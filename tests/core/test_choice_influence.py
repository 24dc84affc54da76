"""Which choices matter, against the definition: all orders in which axes can be added."""

from itertools import permutations, product

import numpy as np
import pytest

from scale_impact.core.choice_influence import MOST_AXES, influence

AXES = {"estimator": ("a", "b", "c"), "control": ("never", "not_yet"), "window": ("1980", "1982")}


def drawn(keep=1.0, seed=4):
    """Estimates of a full grid, or of a part of it, with choices that act together."""
    rng = np.random.default_rng(seed)
    choices = [dict(zip(AXES, c, strict=True)) for c in product(*AXES.values())]
    choices = [c for c in choices if rng.random() < keep]
    return rng.normal(size=len(choices)).tolist(), choices


def r2(values, choices, axes):
    """R2 by least squares on dummies, from scratch."""
    y = np.array(values)
    columns = [[float(c[a] == k) for c in choices] for a in axes for k in AXES[a]]
    x = np.column_stack([np.ones(len(y)), *columns])
    rest = y - x @ np.linalg.pinv(x) @ y
    return 1 - rest @ rest / ((y - y.mean()) @ (y - y.mean()))


def test_of_sums_of_two_choices_the_shares_are_their_variances():
    # 0, 1 for the estimator and 0, 2 for the control: variances 1/4 and 1, so shares 1/5 and 4/5
    choices = [{"estimator": e, "control": c} for e in "ab" for c in ("never", "not_yet")]
    found = influence([0.0, 2.0, 1.0, 3.0], choices, {"estimator": ("a", "b"), "control": ("never", "not_yet")})
    for axis, share in zip(found, (0.2, 0.8), strict=True):
        assert (axis.alone, axis.left_out, axis.share) == pytest.approx((share, share, share))
    assert [c.mean for c in found[1].choices] == [0.5, 2.5]
    assert found[1].reach == 2.0


def test_the_share_is_the_mean_gain_over_all_orders():
    values, choices = drawn(keep=0.7)
    assert len(values) < 12, "a part of the grid: shares then differ from those alone"
    found = {a.axis: a for a in influence(values, choices, AXES)}
    orders = list(permutations(AXES))
    for axis in AXES:
        gains = []
        for order in orders:
            before = order[: order.index(axis)]
            gains.append(r2(values, choices, [*before, axis]) - (r2(values, choices, before) if before else 0))
        assert found[axis].share == pytest.approx(np.mean(gains), abs=1e-10)
        assert found[axis].alone == pytest.approx(r2(values, choices, [axis]), abs=1e-10)
        others = [a for a in AXES if a != axis]
        assert found[axis].left_out == pytest.approx(r2(values, choices, AXES) - r2(values, choices, others), abs=1e-10)


def test_shares_add_up_to_what_all_axes_explain():
    values, choices = drawn(keep=0.8, seed=9)
    found = influence(values, choices, AXES)
    assert sum(a.share for a in found) == pytest.approx(r2(values, choices, AXES), abs=1e-10)


def test_in_a_full_grid_alone_left_out_and_share_are_one():
    for axis in influence(*drawn(), AXES):
        assert axis.left_out == pytest.approx(axis.alone, abs=1e-10)
        assert axis.share == pytest.approx(axis.alone, abs=1e-10)


def test_estimates_by_choice_are_counted_and_summed_up():
    found = influence([1.0, 2.0, 6.0, -3.0], [{"x": "a"}, {"x": "a"}, {"x": "a"}, {"x": "b"}], {"x": ("a", "b", "c")})
    a, b = found[0].choices
    assert (a.choice, a.count, a.mean, a.median, a.low, a.high) == ("a", 3, 3.0, 2.0, 1.0, 6.0)
    assert (b.choice, b.count, b.mean) == ("b", 1, -3.0)  # c has no estimate and no row


def test_where_all_estimates_are_one_number_no_axis_has_a_share():
    found = influence([0.3] * 4, [{"x": "a"}, {"x": "a"}, {"x": "b"}, {"x": "b"}], {"x": ("a", "b")})
    assert (found[0].alone, found[0].left_out, found[0].share) == (None, None, None)
    assert found[0].reach == 0


def test_the_size_of_the_unit_changes_no_share():
    values, choices = drawn(keep=0.7)
    one, other = influence(values, choices, AXES), influence([1e6 * v + 5 for v in values], choices, AXES)
    for a, b in zip(one, other, strict=True):
        assert b.share == pytest.approx(a.share, abs=1e-9)


def test_with_many_axes_only_what_takes_no_subsets_is_given():
    axes = {f"axis {k}": ("a", "b") for k in range(MOST_AXES + 1)}
    rng = np.random.default_rng(1)
    choices = [{a: "ab"[rng.integers(2)] for a in axes} for _ in range(60)]
    found = influence(rng.normal(size=60).tolist(), choices, axes)
    assert all(a.share is None and 0 <= a.alone <= 1 and a.left_out >= -1e-12 for a in found)
