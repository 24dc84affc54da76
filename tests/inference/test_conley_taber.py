"""Conley and Taber's method against its definition with loops."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError
from scale_impact.inference import conley_taber
from tests.inference import overall
from tests.panels import NEVER, design_of, drawn, fitted, panel_of


def judged(estimator, frame, *, design=None, **options):
    chosen = design_of(frame, **(design or {}))

    def again(p, d):
        return si.estimate(estimator, p, d)

    return overall(conley_taber, chosen._panel, chosen, again, again(chosen._panel, chosen), **options)


def added(estimator, frame):
    """What each control's path adds with each treated unit's weights, [treated, controls], and with its own, [controls]."""
    effect = fitted(estimator, frame)
    units = frame.groupby("id")["g"].first()
    wide = frame.pivot(index="id", columns="t", values="y").to_numpy()
    controls = wide[np.isinf(units)] - wide[np.isinf(units)].mean(axis=0)
    names = ["never treated" if np.isinf(g) else str(int(g)) for g in units]
    each = {n: effect.weights.loc[n].to_numpy() / names.count(n) for n in set(names)}
    mine = np.array([[each[n] @ path for path in controls] for n in names if n != "never treated"])
    return mine, np.array([each["never treated"] @ path for path in controls])


@pytest.mark.parametrize("estimator", ["twfe", "callaway_santanna"])
@pytest.mark.parametrize("sizes", [{3: 1, NEVER: 12}, {2: 1, 4: 2, NEVER: 9}])
def test_the_noise_is_every_sum_of_controls_in_place_of_the_treated(estimator, sizes):
    frame = drawn(sizes, 6, seed=3)
    mine, own = added(estimator, frame)
    n = len(own)
    treated, control = mine.var(axis=1, ddof=1).sum(), n * own.var(ddof=1)
    sums = [sum(row[j] for row, j in zip(mine, pick, strict=True)) for pick in product(range(n), repeat=len(mine))]
    noise = np.sort(sums) * np.sqrt((1 + control / treated) * n / (n - 1))
    found = judged(estimator, frame)
    assert found.noise == pytest.approx(noise, rel=1e-9, abs=1e-10)
    assert found.spread == pytest.approx(np.sqrt(treated + control), rel=1e-9)
    extreme = (np.abs(noise) >= abs(found.value) * (1 - 1e-9)).sum()
    assert found.p_value == pytest.approx((extreme + 1) / (len(noise) + 1), rel=1e-12)


def test_with_one_treated_unit_the_spread_is_that_of_one_unit_less_a_mean():
    """One date, differences of means: variance s^2 (1 + 1 / controls)."""
    frame = drawn({3: 1, NEVER: 25}, 6, seed=4)
    wide = frame.pivot(index="id", columns="t", values="y").to_numpy()
    change = wide[:, 3:].mean(axis=1) - wide[:, :3].mean(axis=1)
    controls = change[np.isinf(frame.groupby("id")["g"].first())]
    assert judged("did_2x2", frame).spread == pytest.approx(controls.std(ddof=1) * np.sqrt(1 + 1 / 25), rel=1e-9)


def test_nineteen_controls_are_what_an_interval_at_95_percent_needs():
    enough, few = (judged("twfe", drawn({3: 1, NEVER: n}, 6, seed=4)) for n in (19, 18))
    low, high = enough.interval(0.95)
    assert high - enough.value == pytest.approx(np.abs(enough.noise).max(), rel=1e-12)
    assert enough.p_of(low + 1e-6) > 0.05 >= enough.p_of(low - 1e-6)
    assert few.interval(0.95) == (-np.inf, np.inf)


def test_normal_noise_has_t_quantiles_with_any_number_of_controls():
    found = judged("callaway_santanna", drawn({3: 1, NEVER: 6}, 6, seed=4), noise="normal")
    half = stats.t.ppf(0.975, 5) * found.spread
    assert found.interval(0.95) == pytest.approx((found.value - half, found.value + half), rel=1e-9)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(found.value) / found.spread, 5), rel=1e-9)


def test_equal_tails_are_those_of_the_noise():
    found = judged("twfe", drawn({3: 1, NEVER: 40}, 6, seed=4), tails="equal")
    low, high = found.interval(0.9)
    assert (low, high) == (found.value - found.noise[-2], found.value - found.noise[1])  # 5 % of 41: the second
    assert found.p_of(low + 1e-6) > 0.1 > found.p_of(low - 1e-6)
    assert found.p_of(high - 1e-6) > 0.1 > found.p_of(high + 1e-6)


def test_units_without_a_standard_error_get_an_interval_in_all_rows():
    rows = fitted(
        "callaway_santanna", drawn({3: 1, NEVER: 25}, 6, seed=4), options={"inference": "conley_taber"}
    ).rows()
    assert all(r["std_error"] is None for r in rows)
    assert all(r["ci_low"] < r["estimate"] < r["ci_high"] for r in rows)
    assert "no standard error" in rows[0]["inference"]
    assert "Conley and Taber's method for 1 treated: noise from 25 controls" in rows[0]["inference"]


def test_small_controls_say_less_of_a_large_treated_unit():
    rng = np.random.default_rng(3)
    frame = drawn({3: 1, NEVER: 60}, 6, seed=4).sort_values(["id", "t"])
    treated = np.isfinite(frame["g"])
    sizes = dict(zip(sorted(frame["id"].unique()), rng.uniform(1, 100, 61), strict=True))
    frame["people"] = np.where(treated, 100.0, frame["id"].map(sizes))
    frame["y"] = rng.normal(size=len(frame)) / np.sqrt(frame["people"])
    plain, resized = judged("twfe", frame), judged("twfe", frame, size="people")
    mine, own = added("twfe", frame)
    inverse = 1 / frame[~treated].groupby("id")["people"].first().to_numpy()
    x = np.column_stack([np.ones(60), inverse])
    a, b = np.linalg.lstsq(x, mine[0] ** 2, rcond=None)[0]
    a, b = (a, b) if a >= 0 else (0.0, (mine[0] ** 2 * inverse).sum() / (inverse**2).sum())
    scaled = mine[0] * np.sqrt((a + b / 100) / (a + b * inverse))
    factor = np.sqrt((1 + 60 * own.var() / scaled.var()) * 60 / 59)
    assert resized.noise == pytest.approx(np.sort(scaled * factor), rel=1e-8)
    assert resized.spread < plain.spread
    assert "noise by size (Ferman and Pinto)" in resized.words


def test_many_treated_units_are_drawn_with_a_seed():
    frame = drawn({3: 5, NEVER: 20}, 6, seed=4)
    a, b, c = (judged("twfe", frame, seed=s, draws=999) for s in (1, 1, 2))
    assert len(a.noise) == 999
    np.testing.assert_array_equal(a.noise, b.noise)
    assert a.interval(0.95) != c.interval(0.95)


def test_clusters_are_compared_as_wholes():
    frame = drawn({3: 2, NEVER: 24}, 6, seed=4)
    units = frame.groupby("id")["g"].first()
    pairs = {u: f"{g}-{k // 2}" for g in units.unique() for k, u in enumerate(units.index[units == g])}
    frame["pair"] = frame["id"].map(pairs)
    mean = frame.groupby(["pair", "t"], as_index=False).agg(y=("y", "mean"), g=("g", "first"))
    mean["id"] = mean["pair"]
    by_pair, means = judged("twfe", frame, design={"cluster": "pair"}), judged("twfe", mean)
    assert by_pair.noise == pytest.approx(means.noise, rel=1e-9)
    assert by_pair.interval(0.9) == pytest.approx(means.interval(0.9), rel=1e-9)


@pytest.mark.parametrize(
    ("frame", "design", "says"),
    [
        (drawn({3: 4, NEVER: 2}, 5, seed=1), {}, "here are 2. Use `inference: randomisation`"),
        (drawn({2: 3, 3: 4}, 5, seed=1), {"control": "not_yet"}, "here are 0"),
        (
            drawn({3: 4, NEVER: 9}, 5, seed=1).assign(st=lambda f: f["id"] % 4),
            {"cluster": "st"},
            "hold units of different adoption dates",
        ),
    ],
)
def test_designs_without_controls_to_learn_from_are_refused(frame, design, says):
    with pytest.raises(DesignError, match=says):
        judged("callaway_santanna", frame, design=design)


def test_a_size_is_a_positive_number_for_each_unit():
    frame = drawn({3: 1, NEVER: 9}, 5, seed=1).assign(people=lambda f: f["id"] - 3)
    with pytest.raises(DesignError, match="size 'people' has to be a number above 0"):
        judged("twfe", frame, size="people")


def test_an_estimator_that_is_not_linear_is_refused():
    frame = drawn({3: 2, NEVER: 9}, 5, seed=1).assign(x=lambda f: f["id"] % 4 + 0.1 * (f["id"] % 3))
    panel = panel_of(frame, covariates=["x"])
    design = si.Design.from_panel(panel, first_treated="g")
    with pytest.raises(EstimationError, match="needs an estimator that is linear"):
        si.estimate("callaway_santanna", panel, design, covariates=["x"], method="reg", inference="conley_taber")
