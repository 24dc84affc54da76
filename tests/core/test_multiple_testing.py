"""Many outcomes counted together: against libraries, plain loops, other packages' numbers, and by simulation."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import scale_impact as si
from scale_impact.core.bands import Draws
from scale_impact.core.profile.multiple_testing import (
    Joint,
    adjust,
    benjamini_hochberg,
    holm,
    joint_of,
    romano_wolf,
    sharpened,
)
from scale_impact.errors import UsageError
from scale_impact.estimators import estimate
from tests.panels import drawn

SOME = np.array(
    [0.001, 0.008, 0.039, 0.041, 0.042, 0.060, 0.074, 0.205, 0.212, 0.216, 0.222, 0.251, 0.269, 0.275, 0.34]
)


def families(n=40, seed=5):
    """P-values of several sizes, with ties, ones and tiny ones."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        k = int(rng.integers(1, 25))
        p = np.where(rng.random(k) < 0.4, rng.random(k) ** 4, rng.random(k))
        yield np.round(p, int(rng.integers(1, 6)))


# ---- false discovery rate -------------------------------------------------------------------------------


def test_q_values_by_hand():
    # sorted 0.01, 0.02, 0.03, 0.5: 4p/1 = 0.04, 4p/2 = 0.04, 4p/3 = 0.04, 0.5
    assert benjamini_hochberg(np.array([0.5, 0.01, 0.03, 0.02])) == pytest.approx([0.5, 0.04, 0.04, 0.04])


def test_q_values_are_those_of_scipy_and_statsmodels():
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    for p in families():
        found = benjamini_hochberg(p)
        assert found == pytest.approx(stats.false_discovery_control(p, method="bh"), abs=1e-14)
        assert found == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-14)


def test_holm_is_that_of_statsmodels():
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    for p in families():
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-14)


def two_stages(p, q):
    """Findings at level q, by the definition of Benjamini, Krieger and Yekutieli with plain loops."""

    def step_up(level):
        order, most = np.argsort(p), 0
        for rank in range(1, len(p) + 1):
            if p[order[rank - 1]] <= level * rank / len(p) * (1 + 1e-12):
                most = rank
        return most

    first = step_up(q / (1 + q))
    if first in (0, len(p)):
        return first
    return step_up(q / (1 + q) * len(p) / (len(p) - first))


@pytest.mark.parametrize("p", [*families(12, seed=9), SOME], ids=str)
def test_sharpened_q_values_are_the_smallest_levels_at_which_two_stages_find(p):
    levels = np.arange(1, 1001) / 1000
    counts = np.array([two_stages(p, q) for q in levels])
    ranks = stats.rankdata(p, method="max")
    for value, rank in zip(sharpened(p), ranks, strict=True):
        reached = levels[counts >= rank]
        first = reached[0] if len(reached) else 1.0
        assert value <= first + 1e-12
        assert value >= first - 0.001 - 1e-12 or value >= 1.0


def test_sharpened_q_values_find_what_statsmodels_finds():
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    for p, alpha in product(families(20, seed=3), (0.01, 0.05, 0.1, 0.25)):
        theirs = multipletests(p, alpha=alpha, method="fdr_tsbky")[0]
        mine = sharpened(p)
        clear = abs(mine - alpha) > 1e-9
        assert ((mine <= alpha) == theirs)[clear].all()


def test_one_p_value_keeps_its_value():
    assert (benjamini_hochberg(np.array([0.03])), holm(np.array([0.03]))) == (0.03, 0.03)


# ---- the stepdown ---------------------------------------------------------------------------------------


def plain_stepdown(t, draws):
    """Adjusted p-values of Romano and Wolf (2016) from statistics, draw by draw."""
    order = np.argsort(-abs(t))
    found, before = np.empty(len(t)), 0.0
    for place, k in enumerate(order):
        rest = order[place:]
        larger = 1 + sum(max(abs(d[j]) for j in rest) >= abs(t[k]) for d in draws)
        before = max(before, larger / (1 + len(draws)))
        found[k] = before
    return found


def normal_rows(n=1500, k=6, correlation=0.6, seed=1):
    rng = np.random.default_rng(seed)
    return np.sqrt(correlation) * rng.normal(size=(n, 1)) + np.sqrt(1 - correlation) * rng.normal(size=(n, k))


def test_the_stepdown_is_that_of_the_largest_statistics():
    joint = Joint(normal_rows(), Draws(499, seed=2))
    t = np.array([2.9, -0.4, 1.9, 2.4, -3.6, 0.9])
    p = 2 * stats.norm.sf(abs(t))
    draws = stats.norm.isf(joint.null / 2)  # p-values of the draws as absolute statistics
    expected = np.minimum(np.maximum(plain_stepdown(t, draws), p), holm(p))
    assert romano_wolf(p, joint.null) == pytest.approx(expected, abs=1e-12)


def test_the_stepdown_on_few_clusters_is_that_of_the_smallest_p_values():
    joint = Joint(normal_rows(14), Draws(9_999))
    p = np.array([0.004, 0.2, 0.03, 0.011, 0.6, 0.09])
    expected, before = np.empty(6), 0.0
    for place, k in enumerate(order := np.argsort(p)):
        below = 1 + sum(min(d[j] for j in order[place:]) <= p[k] for d in joint.null)
        expected[k] = before = max(before, below / (1 + len(joint.null)), p[k])
    assert romano_wolf(p, joint.null, joint.smallest) == pytest.approx(np.minimum(expected, holm(p)), abs=1e-12)


def test_the_stepdown_agrees_with_another_package():
    # pyfixest 0.60.0, rwolf(..., reps=99999, seed=1) and the single p-values of its wild bootstrap, on these data; it draws
    # statistics with the null imposed again, here what each unit adds is drawn: they differ in the second digit after 0.
    rng = np.random.default_rng(7)
    e = rng.standard_normal((60, 8))
    x = e[:, 0]
    u = np.sqrt(0.6) * e[:, 1:2] + np.sqrt(0.4) * e[:, 2:]
    y = x[:, None] * np.array([0, 0.3, 0.25, 0.4, 0.45, 0.05]) + u * (1 + 0.3 * np.abs(x))[:, None]
    design = np.column_stack([np.ones(60), x])
    inverse = np.linalg.inv(design.T @ design)
    rows = (design @ inverse)[:, 1:] * (y - design @ (inverse @ design.T @ y))
    single = np.array([0.3656, 0.1116, 0.199, 0.1814, 0.0185, 0.6746])
    theirs = [0.54987, 0.35376, 0.48332, 0.48332, 0.08156, 0.67457]
    joint = Joint(rows, Draws(19_999, seed=1))
    assert romano_wolf(single, joint.null, joint.smallest) == pytest.approx(theirs, abs=0.02)


def test_copies_of_one_outcome_cost_nothing_and_independent_ones_as_much_as_holm():
    one = np.random.default_rng(3).normal(size=(2000, 1))
    p = np.full(8, 0.012)
    copies = Joint(np.repeat(one, 8, axis=1), Draws(9_999))
    assert romano_wolf(p, copies.null) == pytest.approx(0.012, abs=0.004)
    apart = Joint(normal_rows(4000, 8, 0.0), Draws(9_999))
    assert romano_wolf(p, apart.null) == pytest.approx(1 - 0.988**8, abs=0.01)
    assert holm(p) == pytest.approx(np.full(8, 0.096))


def test_an_adjusted_p_value_is_never_below_its_own_nor_below_that_of_a_stronger_finding():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        p = rng.random(7) ** 3
        joint = Joint(normal_rows(int(rng.integers(6, 60)), 7, 0.3, seed), Draws(199, seed=seed))
        found = romano_wolf(p, joint.null, joint.smallest)
        assert (found >= p).all()
        assert (found <= holm(p)).all()
        assert (np.diff(found[np.argsort(p)]) >= 0).all()
        assert found.max() <= 1


def test_the_order_of_outcomes_and_the_unit_of_one_do_not_matter():
    rows, p = normal_rows(30), np.array([0.01, 0.3, 0.04, 0.7, 0.002, 0.05])
    turn = np.array([3, 1, 5, 0, 4, 2])
    one = Joint(rows, Draws(999))
    other = Joint(rows[:, turn] * np.array([1, 1e6, 1, 1e-6, -1, 1]), Draws(999))
    first = romano_wolf(p, one.null, one.smallest)
    assert romano_wolf(p[turn], other.null, other.smallest) == pytest.approx(first[turn])


def test_few_clusters_take_all_sign_patterns_many_the_normal_distribution():
    assert Joint(normal_rows(8), Draws(9_999)).words == "all 128 sign patterns of 8 clusters"
    assert Joint(normal_rows(40), Draws(99, seed=4)).words == "99 Rademacher draws on 40 clusters, seed 4"
    assert "joint normal distribution of 1,500 clusters" in Joint(normal_rows(1500), Draws(99)).words


def test_p_values_of_draws_are_shares_of_their_own_draws():
    null = Joint(normal_rows(9), Draws(9_999)).null
    assert null.shape == (256, 6)
    assert null.min() == 0.5 / 256
    for share in (0.05, 0.25, 0.5):
        assert (null <= share).mean(axis=0) == pytest.approx(np.full(6, share), abs=0.5 / 256)


def test_few_draws_make_no_adjusted_p_value_larger_than_holms():
    joint = Joint(normal_rows(6), Draws(9_999))
    p = np.array([1e-8, 0.004, 0.3, 0.5, 0.02, 0.9])
    found = romano_wolf(p, joint.null, joint.smallest)
    assert (found <= holm(p)).all()
    assert found[0] == pytest.approx(6e-8)


@pytest.mark.parametrize("wrong", [[], [0.1, np.nan], [-0.1], [1.2], [[0.1]]])
def test_what_is_no_list_of_p_values_is_refused(wrong):
    with pytest.raises(UsageError, match="between 0 and 1"):
        benjamini_hochberg(np.array(wrong, dtype=float))


# ---- families of effects ----------------------------------------------------------------------------------


def effects(frames, **design):
    found = []
    for frame in frames:
        panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y", missing="drop")
        found.append(estimate("callaway_santanna", panel, si.Design.from_panel(panel, first_treated="g", **design)))
    return found


def copies(seed=2, sizes=None):
    """A panel, the same again in another unit, and one that has nothing to do with it."""
    frame = drawn(sizes or {3: 9, 5: 9, np.inf: 24}, 8, seed)
    other = drawn(sizes or {3: 9, 5: 9, np.inf: 24}, 8, seed + 1).sort_values(["g", "id", "t"])
    again = frame.assign(y=1000 - 3 * frame["y"])
    frame = frame.sort_values(["g", "id", "t"])
    other = other.assign(id=frame["id"].to_numpy(), t=frame["t"].to_numpy())
    return [frame, again, other]


def test_outcomes_are_joined_by_the_names_of_their_units():
    found = effects(copies())
    joint = joint_of([e.influence for e in found], Draws(199))
    correlation = np.corrcoef(joint.rows.T)
    assert joint.rows.shape == (42, 3)
    assert correlation[0, 1] == pytest.approx(-1)
    assert abs(correlation[0, 2]) < 0.5
    assert (joint.rows**2).sum(axis=0) == pytest.approx([e.overall.std_error**2 for e in found])


def test_an_outcome_that_some_units_lack_is_joined_by_those_that_it_has():
    whole, again, _ = copies()
    gone = again["id"].isin([0, 1, 2, 3]) & (again["t"] == 4)
    lacking = again.assign(y=again["y"].mask(gone))
    found = effects([whole, lacking], balance="drop")
    joint = joint_of([e.influence for e in found], Draws(199))
    assert joint.rows.shape == (42, 2)
    assert (joint.rows[:, 1] == 0).sum() == 4
    assert np.corrcoef(joint.rows.T)[0, 1] < -0.8


def test_units_are_summed_to_the_designs_clusters():
    frames = [f.assign(region=f["g"].replace({3: 0, 5: 50, np.inf: 100}) + f["id"] % 5) for f in copies()]
    found = effects(frames, cluster="region")
    joint = joint_of([e.influence for e in found], Draws(199))
    assert joint.rows.shape == (frames[0]["region"].nunique(), 3)
    assert (joint.rows**2).sum(axis=0) == pytest.approx([e.overall.std_error**2 for e in found])


def test_observations_of_cross_sections_are_joined_by_their_rows():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"t": rng.integers(0, 2, 200), "near": rng.integers(0, 2, 200), "y": rng.normal(size=200)})
    frame["z"] = 2 * frame["y"]
    found = []
    for outcome in ("y", "z"):
        data = frame if outcome == "y" else frame.assign(z=frame["z"].mask(frame.index < 20))
        panel = si.Panel.from_frame(data, unit=None, period="t", outcome=outcome, missing="drop")
        found.append(estimate("did_2x2", panel, si.Design.from_panel(panel, group="near", starts=1)))
    joint = joint_of([e.influence for e in found], Draws(99))
    assert joint.rows.shape == (200, 2)
    assert (joint.rows[:, 1] == 0).sum() == 20


def test_a_family_keeps_the_places_of_those_without_a_p_value():
    found = effects(copies())
    p = [e.overall.p_value for e in found]
    together = adjust(
        [p[0], None, p[1], p[2]], [found[0].influence, None, *(e.influence for e in found[1:])], Draws(999)
    )
    assert together.adjusted[1] is None
    assert together.count == 3
    assert together.adjusted[0].p_value == p[0]
    assert together.words == "Romano and Wolf's stepdown, 999 Rademacher draws on 42 clusters, seed 20251122"


def test_where_dependence_is_not_known_holm_stands_in_and_says_so():
    together = adjust([0.01, 0.04], [None, None], Draws(99))
    assert [a.stepdown for a in together.adjusted] == [0.02, 0.04]
    assert together.words.startswith("Holm's stepdown, because the estimator does not say")


def test_one_p_value_or_none_is_nothing_to_adjust():
    assert adjust([None, 0.03], [None, None], Draws(9)).adjusted[1].stepdown == 0.03
    assert adjust([None], [None], Draws(9)).adjusted == (None,)


def test_any_false_finding_among_outcomes_that_move_together_is_as_rare_as_said():
    """400 panels of ten outcomes without any effect; a larger simulation is benchmarks/multiple_testing.py."""
    rng = np.random.default_rng(11)
    alone, together = 0, 0
    for k in range(400):
        y = np.sqrt(0.5) * rng.normal(size=(60, 1)) + np.sqrt(0.5) * rng.normal(size=(60, 10))
        treated = np.arange(60) < 30
        gap = y[treated].mean(axis=0) - y[~treated].mean(axis=0)
        within = y - np.where(treated[:, None], y[treated].mean(axis=0), y[~treated].mean(axis=0))
        rows = within * np.where(treated, 1 / 30, -1 / 30)[:, None]
        p = 2 * stats.t.sf(abs(gap) / np.sqrt((rows**2).sum(axis=0) * 30 / 29), 58)
        joint = Joint(rows, Draws(299, seed=k))
        alone += (p <= 0.05).any()
        together += (romano_wolf(p, joint.null, joint.smallest) <= 0.05).any()
    assert alone / 400 > 0.2
    assert 0.02 <= together / 400 <= 0.08
