"""The joint test of a curve against making the whole curve again for each dealing of the dates."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.joint_test import Trial, deal, estimates, joint_test
from scale_impact.errors import DesignError, EstimationError, StreamedError, UsageError
from scale_impact.inference import randomisation
from tests.inference import overall
from tests.panels import NEVER, drawn, panel_of
from tests.streamed import scattered


def specify(
    frame, estimator="callaway_santanna", *, without=(), first=None, last=None, covariates=(), options=None, **design
):
    """A specification of a frame: an estimator on the units and periods that are left."""
    inside = frame[
        frame["t"].between(frame["t"].min() if first is None else first, frame["t"].max() if last is None else last)
    ]
    whole = panel_of(inside, covariates=list(covariates))
    begin = si.Design.from_panel(whole, **{"first_treated": "g", **design}).begin
    panel = panel_of(inside[~inside["id"].isin(without)], covariates=list(covariates))
    chosen = si.Design.from_panel(panel, **{"first_treated": "g", **design})
    given = {**(options or {}), **({"covariates": list(covariates)} if covariates else {})}

    def fit(p, d):
        return si.estimate(estimator, p, d, **given)

    starts = dict(zip(whole.units.tolist(), begin.tolist(), strict=True))
    name = f"{estimator} without {list(without)} {first} {last}"
    return Trial(name, panel, chosen, fit, fit(panel, chosen), starts)


def dealings(frame, unit="id"):
    """The frame with each different dealing of the dates to its units, the data among them."""
    dates = frame.groupby(unit)["g"].first()
    for dealt in sorted(set(permutations(dates))):
        yield frame.assign(g=frame[unit].map(dict(zip(dates.index, dealt, strict=True))))


def by_hand(frame, specifications, alpha, unit="id"):
    """Statistics and p-values from making each specification again; rows of `curves` are dealings."""

    def value(f, s):
        try:
            return specify(f, **s).effect.overall.value
        except (DesignError, EstimationError):
            return np.nan

    own = np.array([value(frame, s) for s in specifications])
    curves = np.array([[value(f, s) for s in specifications] for f in dealings(frame, unit)])

    def statistics(curve):
        known = np.isfinite(curve)
        p = np.array(
            [
                np.nanmean(np.where(np.isfinite(c), np.abs(c) >= abs(v) - 1e-12, np.nan))
                for v, c in zip(curve, curves.T, strict=True)
            ]
        )
        up, down = (curve > 0).sum(), (curve < 0).sum()
        agreeing = curve > 0 if up >= down else curve < 0
        z = curve / np.sqrt(np.nanmean(curves**2, axis=0))
        share = max(up, down) / known.sum(), (agreeing & (p <= alpha + 1e-12)).sum() / known.sum()
        return {
            "median": abs(np.nanmedian(curve)),
            "dominant_sign": share[0],
            "significant": share[1],
            "average_z": abs(np.nanmean(z)),
        }

    mine, each = statistics(own), [statistics(c) for c in curves]
    return {name: (mine[name], np.mean([e[name] >= mine[name] - 1e-12 for e in each])) for name in mine}


SMALL = drawn({2: 2, 3: 1, NEVER: 3}, 5, seed=3)

TWO_SAMPLES = [
    {"estimator": "callaway_santanna"},
    {"estimator": "imputation"},
    {"estimator": "callaway_santanna", "without": (int(SMALL["id"].unique()[0]),)},
    {"estimator": "twfe", "last": 3},
    {"estimator": "callaway_santanna", "first": 1, "control": "not_yet", "without": (int(SMALL["id"].unique()[2]),)},
]


# ---- against estimating again ---------------------------------------------------------------------------


def test_every_statistic_is_what_making_the_curve_again_for_each_dealing_gives():
    found = joint_test([specify(SMALL, **s) for s in TWO_SAMPLES], alpha=0.2, draws=500)
    assert found.every
    assert "all 60 dealings" in found.words
    for name, (value, p) in by_hand(SMALL, TWO_SAMPLES, 0.2).items():
        assert abs(found.statistic(name).value) == pytest.approx(value, abs=1e-10), name
        assert found.statistic(name).p_value == pytest.approx(p, abs=1e-12), name


def test_weights_made_once_for_cohort_sizes_give_what_each_fit_gives():
    trials = [specify(SMALL, **s) for s in TWO_SAMPLES]
    dealing = deal(trials, draws=500, seed=1)
    for trial, s in zip(trials, TWO_SAMPLES, strict=True):
        again = []
        for row in dealing.source:
            dates = SMALL.groupby("id")["g"].first()
            moved = dict(zip(dealing.units, (dates[dealing.units[k]] for k in row), strict=True))
            again.append(specify(SMALL.assign(g=SMALL["id"].map(moved)), **s).effect.overall.value)
        np.testing.assert_allclose(estimates(trial, dealing), again, atol=1e-12)


@pytest.mark.parametrize("draws", [500, 150], ids=["all dealings", "drawn"])
@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe", "stacked"])
def test_of_one_specification_the_p_value_is_that_of_randomisation_inference(estimator, draws):
    frame = drawn({2: 2, 3: 3, NEVER: 4} if draws == 150 else {2: 2, 3: 1, NEVER: 4}, 6, seed=8)
    trial = specify(frame, estimator)
    found = joint_test([trial], draws=draws, seed=11)
    alone = overall(
        randomisation, trial.panel, trial.design, trial.fit, trial.effect, draws=draws, seed=11, statistic="estimate"
    )
    assert found.every == alone.every == (draws == 500)
    assert found.p_value == alone.p_value
    assert found.p_values == (alone.p_value,)


def test_estimators_that_are_not_linear_are_fitted_again():
    frame = drawn({3: 2, NEVER: 3}, 5, seed=3)
    frame["x"] = frame["id"] % 3 + 0.1 * (frame["id"] ** 2 % 7)
    specifications = [{"covariates": ["x"], "options": {"method": "reg"}}, {"estimator": "efficient"}, {}]
    found = joint_test([specify(frame, **s) for s in specifications], alpha=0.2)
    for name, (value, p) in by_hand(frame, specifications, 0.2).items():
        assert abs(found.statistic(name).value) == pytest.approx(value, abs=1e-10), name
        assert found.statistic(name).p_value == pytest.approx(p, abs=1e-12), name


def test_whole_clusters_change_places():
    frame = drawn({2: 4, NEVER: 6}, 4, seed=5)
    units = frame.groupby("id")["g"].first()
    pairs = {u: f"{g}-{k // 2}" for g in units.unique() for k, u in enumerate(units.index[units == g])}
    frame["pair"] = frame["id"].map(pairs)
    specifications = [{"estimator": "twfe"}, {"without": (int(units.index[0]),)}]
    found = joint_test([specify(frame, **s) for s in specifications], pairs, alpha=0.2, thing="clusters (pair)")
    assert "all 10 dealings of the adoption dates to 5 clusters (pair)" in found.words
    for name, (_, p) in by_hand(frame, specifications, 0.2, unit="pair").items():
        assert found.statistic(name).p_value == pytest.approx(p, abs=1e-12), name


def test_a_unit_that_one_specification_leaves_out_is_dealt_its_date_too():
    gone = int(SMALL.loc[SMALL["g"] == 3, "id"].iloc[0])
    trials = [specify(SMALL), specify(SMALL, without=(gone,))]
    dealing = deal(trials, draws=500, seed=1)
    at = dealing.units.index(gone)
    assert len(dealing.source) == 61
    dates = SMALL.groupby("id")["g"].first()
    assert {dates[dealing.units[k]] for k in dealing.source[:, at]} == {2, 3, NEVER}


def test_units_that_no_specification_uses_keep_their_dates():
    gone = int(SMALL.loc[SMALL["g"] == 3, "id"].iloc[0])
    dealing = deal([specify(SMALL, without=(gone,)), specify(SMALL, "imputation", without=(gone,))], draws=500, seed=1)
    at = dealing.units.index(gone)
    assert set(dealing.source[:, at]) == {at}
    assert len(dealing.source) == 11  # 5 units, 2 of them treated: 10 dealings


def test_units_left_out_may_keep_their_dates():
    gone = int(SMALL.loc[SMALL["g"] == 3, "id"].iloc[0])
    trials = [specify(SMALL), specify(SMALL, without=(gone,))]
    found = joint_test(trials, left_out="kept")
    assert "all 10 dealings of the adoption dates to 5 units" in found.words
    assert found.notes[0] == f"{gone}, which some specifications leave out, keeps its date."
    others = SMALL[SMALL["id"] != gone]
    medians = []
    for dealt in dealings(others):
        again = pd.concat([dealt, SMALL[SMALL["id"] == gone]])
        medians.append(
            np.median([specify(again).effect.overall.value, specify(again, without=(gone,)).effect.overall.value])
        )
    own = np.median([t.effect.overall.value for t in trials])
    assert found.p_value == pytest.approx(np.mean(np.abs(medians) >= abs(own) - 1e-12), abs=1e-12)


def test_a_cluster_of_which_one_unit_is_left_out_keeps_its_dates_whole():
    frame = drawn({2: 4, NEVER: 8}, 4, seed=5)
    units = frame.groupby("id")["g"].first()
    pairs = {u: f"{g}-{k // 2}" for g in units.unique() for k, u in enumerate(units.index[units == g])}
    gone = int(units.index[units == 2][0])
    trials = [specify(frame), specify(frame, without=(gone,))]
    dealing = deal(trials, pairs, draws=500, seed=1, left_out="kept")
    mates = [k for k, u in enumerate(dealing.units) if pairs[u] == pairs[gone]]
    assert (dealing.source[:, mates] == mates).all()
    assert len(dealing.source) == 1 + 5  # of the other five clusters one is treated


def test_that_only_treated_units_are_left_out_is_said():
    gone = int(SMALL.loc[SMALL["g"] == 3, "id"].iloc[0])
    never = int(SMALL.loc[np.isinf(SMALL["g"]), "id"].iloc[0])
    found = joint_test([specify(SMALL), specify(SMALL, without=(gone,))])
    assert f"{gone}, which some specifications leave out, is treated" in found.notes[0]
    assert "`left_out: kept`" in found.notes[0]
    assert joint_test([specify(SMALL), specify(SMALL, without=(gone,)), specify(SMALL, without=(never,))]).notes == ()


def test_units_treated_from_the_start_of_a_shorter_window_are_dealt_by_their_date_elsewhere():
    frame = drawn({2: 2, 4: 2, NEVER: 3}, 7, seed=6)
    specifications = [{}, {"first": 3}]  # the cohort of 2 is left out of the second
    found = joint_test([specify(frame, **s) for s in specifications], alpha=0.2)
    for name, (_, p) in by_hand(frame, specifications, 0.2).items():
        assert found.statistic(name).p_value == pytest.approx(p, abs=1e-12), name


# ---- what it promises -------------------------------------------------------------------------------------


def test_of_noise_alone_the_test_rejects_no_more_often_than_it_says():
    """Exact: over all dealings as data, at most 10 % have a p-value of 10 % or less, of each statistic."""
    frame = drawn({2: 3, NEVER: 3}, 4, seed=11)
    some = tuple(int(u) for u in frame["id"].unique()[:1])
    found = [
        joint_test([specify(f), specify(f, "imputation"), specify(f, without=some)], alpha=0.2) for f in dealings(frame)
    ]
    for name in ("median", "dominant_sign", "significant", "average_z"):
        p = np.array([f.statistic(name).p_value for f in found])
        assert np.mean(p <= 0.1 + 1e-12) <= 0.1 + 1e-12, name
        assert np.mean(p <= 0.5 + 1e-12) <= 0.5 + 1e-12, name


def test_a_large_effect_in_all_specifications_has_the_smallest_p_value_there_is():
    frame = drawn({3: 4, NEVER: 5}, 6, seed=2)
    frame["y"] += 50 * (frame["t"] >= frame["g"])
    found = joint_test([specify(frame), specify(frame, "twfe")], draws=99, seed=4)
    assert not found.every
    assert found.p_value == 1 / 100
    assert found.statistic("significant").value == 1.0


def test_the_band_holds_the_sorted_curves_of_the_dealings():
    trials = [specify(SMALL, **s) for s in TWO_SAMPLES]
    found = joint_test(trials, draws=500)
    curves = np.sort(np.column_stack([estimates(t, deal(trials, draws=500, seed=1))[1:] for t in trials]), axis=1)
    for line, share in zip(found.band, (0.025, 0.5, 0.975), strict=True):
        np.testing.assert_allclose(line, np.quantile(curves, share, axis=0), atol=1e-12)


def test_levels_common_shocks_and_the_order_of_rows_change_nothing():
    shifted = SMALL.assign(y=SMALL["y"] + 1e6 * SMALL["id"] + SMALL["t"] ** 2).sample(frac=1, random_state=1)
    one, other = (joint_test([specify(f, **s) for s in TWO_SAMPLES]) for f in (SMALL, shifted))
    for a, b in zip(one.statistics, other.statistics, strict=True):
        assert b.p_value == a.p_value
        assert b.value == pytest.approx(a.value, abs=1e-6)  # of levels of 1e6, ten digits are left


def test_the_same_seed_gives_the_same_test_and_another_seed_another():
    frame = drawn({3: 4, NEVER: 6}, 5, seed=3)
    one, same, other = (joint_test([specify(frame)], draws=50, seed=s).band for s in (1, 1, 2))
    assert one == same
    assert one != other


# ---- what cannot be tested ----------------------------------------------------------------------------------


@pytest.mark.parametrize("draws", [0, -5, 2.5, True])
def test_draws_have_to_be_one_or_more(draws):
    with pytest.raises(UsageError, match=rf"draws is {draws!r}; it has to be a whole number, 1 or more"):
        joint_test([specify(SMALL)], draws=draws)


def test_alpha_has_to_lie_between_0_and_1():
    with pytest.raises(UsageError, match=r"alpha is 5; it has to lie between 0 and 1"):
        joint_test([specify(SMALL)], alpha=5)


def test_units_left_out_are_dealt_dates_or_keep_theirs_and_nothing_else():
    with pytest.raises(UsageError, match=r"left_out is 'dropped'; it has to be one of dealt, kept"):
        joint_test([specify(SMALL)], left_out="dropped")


def test_clusters_that_hold_several_dates_cannot_change_places():
    blocks = {u: int(u) % 2 for u in SMALL["id"].unique().tolist()}
    with pytest.raises(
        DesignError, match=r"moves whole clusters, and 2 of 2 \(0, 1\) hold units of different adoption dates"
    ):
        joint_test([specify(SMALL)], blocks)


def test_observations_that_are_not_followed_cannot_be_dealt_dates(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    trial = Trial("houses", panel, design, lambda p, d: None, si.estimate("did_2x2", panel, design), {})
    with pytest.raises(DesignError, match="no unit is followed over time"):
        joint_test([trial])


def test_streamed_data_have_no_units_to_deal_dates_to(tmp_path):
    folder = scattered(SMALL.assign(g=SMALL["g"].replace(NEVER, 0)), tmp_path / "data")
    panel, design = si.stream_parquet(folder, unit="id", period="t", outcome="y", first_treated="g")
    effect = si.estimate("callaway_santanna", panel, design)
    with pytest.raises(StreamedError, match="only moments are kept"):
        joint_test([Trial("streamed", panel, design, lambda p, d: effect, effect, {})])


def test_treatment_that_switches_off_is_refused():
    frame = SMALL.assign(on=(SMALL["t"] >= SMALL["g"]) & (SMALL["t"] < 4))
    panel = panel_of(frame.assign(on=frame["on"].astype(int)))
    design = si.Design.from_panel(panel, treated="on")
    effect = si.estimate("chaisemartin_dhaultfoeuille", panel, design)
    with pytest.raises(DesignError, match="switches off"):
        joint_test([Trial("on and off", panel, design, lambda p, d: effect, effect, {})])


def test_a_specification_that_takes_more_than_dates_from_the_treated_is_refused():
    frame = drawn({3: 5, NEVER: 6}, 5, seed=3)
    frame["dose"] = np.where(np.isfinite(frame["g"]), 1.0 + frame["id"] % 5, np.nan)
    dose = specify(frame, "dose_response", options={"dose": "dose", "degree": 1})
    with pytest.raises(
        EstimationError, match=r"cannot be estimated with the dates of others.*Leave them out of the grid"
    ):
        joint_test([dose, specify(frame)], draws=50)


def test_a_specification_whose_estimate_does_not_come_out_again_is_refused():
    trial = specify(SMALL)
    wrong = Trial(
        "moved", trial.panel, trial.design, trial.fit, trial.effect, {**trial.begin, int(SMALL["id"].iloc[0]): 1.0}
    )
    with pytest.raises(EstimationError, match=r"1 specification \(moved\) come out otherwise"):
        joint_test([wrong])


def test_panels_designs_and_frames_stay_as_they_were():
    trial = specify(SMALL, without=(int(SMALL["id"].iloc[0]),))
    frame, before = SMALL.copy(), (trial.panel.digest, trial.design.cohort_codes.copy())
    joint_test([trial])
    pd.testing.assert_frame_equal(frame, SMALL)
    assert trial.panel.digest == before[0]
    np.testing.assert_array_equal(trial.design.cohort_codes, before[1])
