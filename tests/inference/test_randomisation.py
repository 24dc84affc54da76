"""Randomisation inference against estimating the effect again for each dealing of the dates."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.targets import targets_of
from scale_impact.errors import DesignError
from scale_impact.inference import randomisation
from tests.inference import overall
from tests.panels import NEVER, design_of, drawn, fitted, panel_of


def refit(estimator, **options):
    return lambda p, d: si.estimate(estimator, p, d, **options)


def judged(estimator, frame, *, design=None, **options):
    chosen = design_of(frame, **(design or {}))
    again = refit(estimator)
    return overall(randomisation, chosen._panel, chosen, again, again(chosen._panel, chosen), **options)


def dealings(frame):
    """The frame with each different dealing of the dates to its units."""
    dates = frame.groupby("id")["g"].first()
    for dealt in sorted(set(permutations(dates))):
        yield frame.assign(g=frame["id"].map(dict(zip(dates.index, dealt, strict=True))))


def within(estimator, frame):
    """Estimate, and the sum over cohorts of the variance of what their units add, n / (n - 1)."""
    effect = fitted(estimator, frame)
    wide = frame.pivot(index="id", columns="t", values="y").to_numpy()
    own = frame.groupby("id")["g"].first().map(lambda g: "never treated" if np.isinf(g) else str(int(g)))
    total = 0.0
    for name, weights in effect.weights.iterrows():
        added = wide[(own == name).to_numpy()] @ weights.to_numpy() / (own == name).sum()
        if len(added) > 1:
            total += len(added) * added.var(ddof=1)
    return effect.overall.value, total


@pytest.mark.parametrize("estimator", ["twfe", "callaway_santanna", "imputation"])
@pytest.mark.parametrize("studentised", [True, False])
def test_each_dealing_is_what_estimating_again_gives_at_any_null(estimator, studentised):
    frame = drawn({2: 1, 3: 2, NEVER: 2}, 5, seed=3)
    found = judged(estimator, frame, statistic="studentised" if studentised else "estimate")
    assert "all 30 assignments" in found.words
    for null in (0.0, 0.8, -2.0):
        untreated = frame.assign(y=frame["y"] - null * (frame["t"] >= frame["g"]))
        each = np.array([within(estimator, f) for f in dealings(untreated)])
        statistics = np.abs(each[:, 0]) / (np.sqrt(each[:, 1]) if studentised else 1)
        value, spread = within(estimator, untreated)
        own = abs(value) / (np.sqrt(spread) if studentised else 1)
        assert found.p_of(null) == pytest.approx(np.mean(statistics >= own * (1 - 1e-9)), abs=1e-12)


def test_an_interval_holds_what_the_test_does_not_reject():
    found = judged("callaway_santanna", drawn({2: 3, NEVER: 4}, 4, seed=9))
    low, high = found.interval(0.9)
    step = 1e-6 * (high - low)
    assert found.p_of(low + step) > 0.1 >= found.p_of(low - step)
    assert found.p_of(high - step) > 0.1 >= found.p_of(high + step)


def test_one_treated_of_twenty_has_an_interval_at_95_percent_and_none_at_99():
    frame = drawn({3: 1, NEVER: 19}, 6, seed=2)
    effect = fitted("twfe", frame, options={"inference": "randomisation"})
    assert effect.overall.std_error is None
    low, high = effect.overall.interval(0.95)
    assert low < effect.overall.value < high
    assert effect.overall.interval(0.99) == (-np.inf, np.inf)
    assert effect.rows(0.99)[0]["ci_low"] is None
    assert 20 * effect.overall.p_value == pytest.approx(round(20 * effect.overall.p_value))


def test_effects_by_event_time_are_judged_with_the_other_effects_taken_away():
    frame = drawn({2: 3, NEVER: 4}, 4, seed=5)
    design = design_of(frame)
    again = refit("callaway_santanna")
    effect = again(design._panel, design)
    targets = targets_of(effect, design._panel, design, again)
    found = randomisation.judge(design._panel, design, again, effect, targets, statistic="estimate")
    at = next(k for k, t in enumerate(targets) if t.place == "path" and effect.path.event_times[t.k] == 1)
    for null in (0.0, 0.4):
        first = effect.path.at(0).value
        gone = np.where(frame["t"] - frame["g"] == 0, first, 0) + np.where(frame["t"] - frame["g"] == 1, null, 0)
        untreated = frame.assign(y=frame["y"] - gone)
        each = np.array([fitted("callaway_santanna", f).path.at(1).value for f in dealings(untreated)])
        own = abs(fitted("callaway_santanna", untreated).path.at(1).value)
        assert found[at].p_of(null) == pytest.approx(np.mean(np.abs(each) >= own * (1 - 1e-9)), abs=1e-12)


def test_whole_clusters_change_places():
    frame = drawn({2: 6, NEVER: 8}, 4, seed=5)
    units = frame.groupby("id")["g"].first()
    pairs = {u: f"{g}-{k // 2}" for g in units.unique() for k, u in enumerate(units.index[units == g])}
    frame["pair"] = frame["id"].map(pairs)
    found = judged("twfe", frame, design={"cluster": "pair"}, statistic="estimate")
    assert "all 35 assignments of the adoption dates to clusters (pair)" in found.words
    dates = frame.groupby("pair")["g"].first()
    each = []
    for dealt in sorted(set(permutations(dates))):
        again = frame.assign(g=frame["pair"].map(dict(zip(dates.index, dealt, strict=True))))
        each.append(fitted("twfe", again, cluster="pair").overall.value)
    assert found.p_value == pytest.approx(np.mean(np.abs(each) >= abs(found.value) * (1 - 1e-9)), abs=1e-12)


def test_clusters_of_unequal_size_are_estimated_anew():
    frame = drawn({2: 5, NEVER: 7}, 4, seed=5)
    units = frame.groupby("id")["g"].first()
    blocks = {u: f"{g}-{min(k // 2, 1)}" for g in units.unique() for k, u in enumerate(units.index[units == g])}
    frame["block"] = frame["id"].map(blocks)
    found = judged("twfe", frame, design={"cluster": "block"})
    assert "each estimated anew, because clusters are of unequal size" in found.words
    dates = frame.groupby("block")["g"].first()
    for null in (0.0, 0.5):
        untreated = frame.assign(y=frame["y"] - null * (frame["t"] >= frame["g"]))
        each = [
            fitted(
                "twfe", untreated.assign(g=frame["block"].map(dict(zip(dates.index, dealt, strict=True))))
            ).overall.value
            for dealt in sorted(set(permutations(dates)))
        ]
        expected = np.mean(np.abs(each) >= abs(found.value - null) * (1 - 1e-9))
        assert found.p_of(null) == pytest.approx(expected, abs=1e-12)


def test_an_estimator_that_is_not_linear_is_estimated_anew():
    frame = drawn({3: 2, NEVER: 4}, 5, seed=3)
    frame["x"] = frame["id"] % 3 + 0.1 * (frame["id"] ** 2 % 7)
    panel = panel_of(frame, covariates=["x"])
    design = si.Design.from_panel(panel, first_treated="g")
    again = refit("callaway_santanna", covariates=["x"], method="reg")
    found = overall(randomisation, panel, design, again, again(panel, design))
    assert "because the estimator is not linear" in found.words
    each = [
        si.estimate(
            "callaway_santanna",
            panel_of(f, covariates=["x"]),
            si.Design.from_panel(panel_of(f, covariates=["x"]), first_treated="g"),
            covariates=["x"],
            method="reg",
        ).overall.value
        for f in dealings(frame)
    ]
    assert found.p_value == pytest.approx(np.mean(np.abs(each) >= abs(found.value) * (1 - 1e-9)), abs=1e-12)
    assert found.interval(0.6)[0] < found.value < found.interval(0.6)[1]


def test_random_dealings_come_close_to_all_of_them():
    frame = drawn({3: 4, NEVER: 6}, 5, seed=3)
    every, some = judged("twfe", frame), judged("twfe", frame, draws=200)
    assert (every.every, some.every) == (True, False)
    assert "200 random assignments" in some.words
    # 200 draws: a standard error of at most 0.035
    assert some.p_value == pytest.approx(every.p_value, abs=0.12)
    assert judged("twfe", frame, draws=200).p_value == some.p_value


def test_of_noise_alone_p_values_are_no_smaller_than_they_say():
    """Exact: over all dealings as data, at most 10 % have a p-value of 10 % or less."""
    frame = drawn({2: 3, NEVER: 4}, 4, seed=11)
    found = [judged("twfe", f).p_value for f in dealings(frame)]
    assert np.mean(np.array(found) <= 0.1) <= 0.1
    assert np.mean(np.array(found) <= 0.5) <= 0.5


def test_levels_and_common_shocks_change_nothing():
    frame = drawn({2: 2, 4: 2, NEVER: 5}, 6, seed=8)
    shifted = frame.assign(y=frame["y"] + 1e5 * frame["id"] + frame["t"] ** 2)
    one, other = judged("callaway_santanna", frame), judged("callaway_santanna", shifted)
    assert one.p_value == other.p_value
    assert one.interval(0.9) == pytest.approx(other.interval(0.9), rel=1e-6)


def test_clusters_that_hold_several_dates_cannot_change_places():
    frame = drawn({2: 6, NEVER: 8}, 4, seed=5).assign(st=lambda f: f["id"] % 5)
    with pytest.raises(DesignError, match=r"of 5 clusters \(st\) hold units of different adoption dates"):
        judged("twfe", frame, design={"cluster": "st"})


def test_observations_that_stand_for_themselves_cannot_change_places(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    with pytest.raises(DesignError, match="each observation stands for itself"):
        si.estimate("did_2x2", panel, design, inference="randomisation")


def test_the_panel_and_the_design_stay_as_they_were():
    design = design_of(drawn({2: 3, NEVER: 5}, 4, seed=7))
    before = (design._panel.digest, design.cohort_codes.copy())
    again = refit("efficient")
    overall(randomisation, design._panel, design, again, again(design._panel, design), refits=50)
    assert design._panel.digest == before[0]
    np.testing.assert_array_equal(design.cohort_codes, before[1])


@pytest.mark.parametrize("linear", [True, False])
def test_dates_dealt_within_strata_are_dealt_again_within_them(linear):
    frame = drawn({2: 2, 3: 1, NEVER: 3}, 4, seed=5)
    part = dict(zip(frame.groupby("id")["g"].first().sort_values().index, "aababb", strict=True))  # 2, 2, 3, never
    frame = frame.assign(part=frame["id"].map(part))
    if not linear:  # clusters of unequal size are estimated again one by one
        more = frame[frame["id"] == 0].assign(id=10, y=lambda f: f["y"] + np.arange(4) ** 2)
        frame = pd.concat([frame, more]).assign(c=lambda f: f["id"] % 10)
    options = {} if linear else {"design": {"cluster": "c"}}
    statistic = {"statistic": "estimate"} if linear else {}
    found = judged("twfe", frame, strata=["part"], **statistic, **options)
    assert "within part" in found.words
    cluster = "id" if linear else "c"
    dates = frame.groupby(cluster)["g"].first()
    parts = frame.groupby(cluster)["part"].first()
    each = []
    for dealt in set(permutations(dates)):
        same = [sorted(np.array(dealt)[parts == p]) == sorted(dates[parts == p]) for p in "ab"]
        if all(same):
            again = frame.assign(g=frame[cluster].map(dict(zip(dates.index, dealt, strict=True))))
            each.append(abs(fitted("twfe", again).overall.value))
    own = abs(fitted("twfe", frame).overall.value)
    assert len(each) < 60
    assert found.p_value == pytest.approx(np.mean(np.array(each) >= own * (1 - 1e-9)))


def test_strata_that_cut_a_cluster_are_refused():
    frame = drawn({2: 2, NEVER: 4}, 4, seed=5).assign(part=lambda f: f["id"] % 2, c=lambda f: f["id"] // 2)
    frame["g"] = frame.groupby("c")["g"].transform("first")
    with pytest.raises(DesignError, match="strata: part differ within 3 clusters"):
        judged("twfe", frame, design={"cluster": "c"}, strata=["part"])
