"""Randomised roll-outs against every dealing estimated by itself, two-way fixed effects, statsmodels and published numbers."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import ROOT, shared
from tests.rollouts import NEVER, dealings, dummies, least_squares, lottery, trial, wedge

STARTS = [2, 2, 3, NEVER, NEVER, NEVER]


def fitted(data, **options):
    return si.estimate("randomised_rollout", *data, **options)


def by_dealings(frame, starts, strata=None, null=0.0, studentised=True, column="y"):
    """The p-value of a null by a regression on dummies for each dealing."""
    frame = frame.sort_values(["town", "t"])
    periods = frame["t"].nunique()
    cells = ("t",) if strata is None else ("part", "t")
    others = np.column_stack([dummies(frame, *cells), dummies(frame, "town")])
    y = (frame[column] - null * frame["z"]).to_numpy(float)

    def statistic(dealt):
        x = (frame["t"].to_numpy() >= np.repeat(dealt, periods)).astype(float)[:, None]
        value, spread = least_squares(y, x, others, np.ones(len(y)), frame["town"], np.ones(1))
        return abs(value) / (np.sqrt(spread) if studentised else 1)

    each = np.array([statistic(d) for d in dealings(starts, strata)])
    return np.mean(each >= statistic(starts) * (1 - 1e-9))


# ---- by the dealings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("studentised", [True, False])
@pytest.mark.parametrize("null", [0.0, 0.7, 2.5])
def test_p_values_are_shares_of_all_dealings_estimated_one_by_one(studentised, null):
    frame = wedge(STARTS)
    found = fitted(trial(frame), statistic="studentised" if studentised else "estimate").overall
    assert "all 60 dealings to 6 clusters (town)" in found.judged.words
    assert found.judged.p_of(null) == pytest.approx(by_dealings(frame, STARTS, None, null, studentised), abs=1e-12)


def test_within_strata_only_their_own_dates_are_dealt_and_compared():
    starts, strata = [2, 3, NEVER, 2, NEVER, NEVER], list("aaabbb")
    frame = wedge(starts, strata=strata)
    found = fitted(trial(frame), strata=["part"]).overall
    assert "all 18 dealings to 6 clusters (town) within 2 strata" in found.judged.words
    assert found.p_value == pytest.approx(by_dealings(frame, starts, strata), abs=1e-12)


def test_an_interval_holds_what_the_dealings_do_not_reject():
    found = fitted(trial(wedge([2, 2, 3, 3, NEVER, NEVER, NEVER], effect=2.0))).overall
    low, high = found.interval(0.95)
    step = 1e-5 * (high - low)
    assert found.judged.p_of(low + step) > 0.05 >= found.judged.p_of(low - step)
    assert found.judged.p_of(high - step) > 0.05 >= found.judged.p_of(high + step)


def test_the_number_and_its_standard_error_are_those_of_two_way_fixed_effects():
    data = trial(wedge([2, 2, 3, NEVER, NEVER, NEVER, 4], members=1))
    mine, other = fitted(data), si.estimate("twfe", *data)
    assert mine.overall.value == pytest.approx(other.overall.value, abs=1e-12)
    assert mine.overall.std_error == pytest.approx(other.overall.std_error, rel=1e-10)
    assert mine.overall.df == other.overall.df
    assert mine.sample == other.sample
    assert fitted(data, vcov="iid").overall.std_error == pytest.approx(
        si.estimate("twfe", *data, vcov="iid").overall.std_error, rel=1e-10
    )


def test_what_clusters_add_to_its_error_is_that_of_two_way_fixed_effects():
    data = trial(wedge([2, 2, 3, NEVER, NEVER, NEVER, 4]))
    mine, other = fitted(data), si.estimate("twfe", *data)
    assert mine.influence.by_cluster[:, 0] == pytest.approx(other.influence.by_cluster[:, 0], abs=1e-10)
    people = fitted(lottery(wedge([0, 0, 0, NEVER, NEVER, NEVER], periods=1, members=4), cluster="town"))
    assert np.sqrt(people.influence.covariance()[0, 0]) == pytest.approx(people.overall.std_error)


def test_single_people_are_dealt_to_in_a_cross_section():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"t": 1, "z": np.arange(9) % 3 == 0, "x": rng.normal(size=9)}).astype(float)
    frame["y"] = frame["z"] + rng.normal(size=9)
    found = fitted(lottery(frame), statistic="estimate")
    own = frame.loc[frame.z == 1, "y"].mean() - frame.loc[frame.z == 0, "y"].mean()
    from itertools import combinations

    each = np.array([frame["y"][list(c)].mean() - frame["y"].drop(list(c)).mean() for c in combinations(range(9), 3)])
    assert found.overall.value == pytest.approx(own)
    assert found.overall.p_value == pytest.approx(np.mean(np.abs(each) >= abs(own) - 1e-12))
    assert found.estimand == "ITT"
    assert (found.sample.n_treated, found.sample.n_clusters) == (3, 9)


def test_whole_clusters_are_dealt_in_a_cluster_trial():
    frame = wedge([0, 0, 0, NEVER, NEVER, NEVER], periods=1, members=4)
    found = fitted(lottery(frame, cluster="town"))
    assert "all 20 dealings to 6 clusters (town)" in found.overall.judged.words
    assert found.overall.df == 5


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    data = trial(wedge([2, 3, 4, NEVER] * 4))
    same = [fitted(data, draws=200, seed=s).overall.judged.p_of(0.8) for s in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_randomisation_named_by_a_study_keeps_the_experiment_s_own_dealings():
    data = trial(wedge(STARTS, strata=list("aabbab")))
    mine = fitted(data, strata=["part"])
    again = fitted(data, strata=["part"], inference="randomisation")
    auto = fitted(data, strata=["part"], inference="auto")
    assert again.overall.judged.words == auto.overall.judged.words == mine.overall.judged.words
    assert again.overall.interval() == mine.overall.interval()


def test_dealings_cover_as_they_say():
    misses = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        frame = wedge(rng.permutation([2, 2, 3, 3, NEVER, NEVER, NEVER, NEVER]).tolist(), seed=seed, effect=0.5)
        misses += fitted(trial(frame), draws=199).overall.judged.p_of(0.5) <= 0.05
    assert misses / 100 == pytest.approx(0.05, abs=0.05)


# ---- treatment received ----------------------------------------------------------------------------------


def test_the_effect_per_treatment_received_is_the_ratio_and_two_stage_least_squares():
    from linearmodels.iv import IV2SLS

    frame = wedge([2, 2, 3, NEVER, NEVER, NEVER, 4], members=1, seed=5)
    found = fitted(trial(frame), received="got", estimand="LATE", vcov="iid")
    s = found.summaries
    assert found.estimand == "LATE"
    assert found.overall.value == pytest.approx(s["ITT"].value / s["received"].value, abs=1e-12)
    effects = pd.get_dummies(frame[["town", "t"]].astype(str), drop_first=True, dtype=float).assign(one=1.0)
    other = IV2SLS(frame["y"], effects, frame["got"], frame["z"]).fit(cov_type="unadjusted", debiased=True)
    assert found.overall.value == pytest.approx(other.params["got"], abs=1e-8)
    assert found.overall.std_error == pytest.approx(other.std_errors["got"], abs=1e-8)


def test_its_interval_holds_effects_for_which_assignment_would_do_nothing():
    frame = wedge([2] * 4 + [NEVER] * 4, seed=7, effect=2.0)
    found = fitted(trial(frame), received="got").summaries["LATE"]
    for value in (-1.0, 3.0, 9.0):
        rest = frame.assign(y=frame["y"] - value * frame["got"])
        assert found.judged.p_of(value) == pytest.approx(fitted(trial(rest)).overall.p_value, abs=1e-12)
    low, high = found.interval(0.9)
    assert low < found.value < high


def test_where_assignment_may_have_moved_nobody_the_interval_is_the_whole_line():
    frame = wedge(STARTS, seed=2)
    frame["got"] = np.random.default_rng(4).integers(0, 2, len(frame)).astype(float)
    late = fitted(trial(frame), received="got").summaries["LATE"]
    assert late.interval(0.95) == (-np.inf, np.inf)
    frame["got"] = 1.0
    late = fitted(trial(frame), received="got").summaries["LATE"]
    assert late.value is None
    assert "changed nothing" in late.reason


# ---- models ----------------------------------------------------------------------------------------------


def test_vertical_is_the_mean_of_differences_within_periods_by_their_precision():
    frame = wedge([2, 2, 3, NEVER, NEVER, NEVER, 4, 4], members=3, seed=6)
    panel = si.Panel.from_frame(frame.reset_index(names="row"), unit=None, period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g", control="not_yet", cluster="town")
    found = fitted((panel, design), model="vertical")
    means = frame.groupby(["town", "t"])[["y", "z"]].mean().reset_index()
    top, bottom, each = 0.0, 0.0, []
    for _, rows in means[means.t.between(2, 4)].groupby("t"):
        one, zero = rows.loc[rows.z == 1, "y"], rows.loc[rows.z == 0, "y"]
        weight = len(one) * len(zero) / len(rows) / rows["y"].var(ddof=1)
        each.append(one.mean() - zero.mean())
        top, bottom = top + weight * each[-1], bottom + weight
    assert found.overall.value == pytest.approx(top / bottom, abs=1e-10)
    assert found.by_period.values == pytest.approx(each, abs=1e-10)
    assert found.by_period.periods == (2, 3, 4)


def test_the_mixed_model_is_hussey_and_hughes_as_statsmodels_fits_it():
    from statsmodels.formula.api import mixedlm

    frame = wedge([1, 1, 2, 2, 3, 3, NEVER, NEVER], members=4, seed=8)
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g", control="not_yet", cluster="town")
    found = fitted((panel, design), model="mixed", intervals="model")
    other = mixedlm("y ~ z + C(t)", frame, groups="town").fit(reml=True, method="nm")
    assert found.overall.value == pytest.approx(other.params["z"], abs=1e-4)
    assert found.overall.std_error == pytest.approx(other.bse["z"], rel=2e-3)
    variances = float(other.cov_re.iloc[0, 0]), other.scale
    icc = found.summaries["intra_cluster_correlation"].value
    assert icc == pytest.approx(variances[0] / sum(variances), abs=1e-3)
    assert found.overall.df == 6
    assert "Kenward" in found.inference
    dealt = fitted((panel, design), model="mixed").overall
    assert dealt.value == found.overall.value
    assert dealt.interval() != found.overall.interval()


def test_periods_of_clusters_may_have_intercepts_of_their_own():
    frame = wedge([1, 1, 2, 2, 3, 3, NEVER, NEVER], members=4, seed=9)
    frame["y"] += np.random.default_rng(1).normal(size=40)[frame["town"].str[1:].astype(int) * 5 + frame["t"]]
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    design = si.Design.from_panel(panel, first_treated="g", control="not_yet", cluster="town")
    plain, nested = (fitted((panel, design), model="mixed", random=r) for r in ("cluster", "cluster_period"))
    assert nested.overall.std_error > plain.overall.std_error


def test_effects_that_grow_with_time_are_seen_in_the_path_and_said():
    frame = wedge([1, 2, 3, 4] * 5, periods=6, seed=3, effect=0.0)
    since = (frame["t"] - frame["g"] + 1).clip(lower=0)
    frame["y"] = frame["y"] - frame["x"] - frame["noise"] + 0.05 * frame["noise"] + since
    found = fitted(trial(frame))
    assert found.path.event_times == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert found.path.values == pytest.approx([1, 2, 3, 4, 5], abs=0.4)
    assert found.overall.value < 2
    assert any("effect: exposure_time" in n for n in found.notes)
    timed = fitted(trial(frame), effect="exposure_time")
    assert timed.overall.value == pytest.approx(found.path.values.mean())
    assert timed.summaries["constant"].value == found.overall.value


def test_the_path_s_errors_are_those_of_two_way_regressions_on_its_times():
    frame = wedge([2, 2, 3, NEVER, NEVER, NEVER, 3], members=1, seed=4).sort_values(["town", "t"])
    found = fitted(trial(frame)).path
    since = (frame["t"] - frame["g"]).to_numpy()
    x = (since[:, None] == np.arange(3)).astype(float)
    others = np.column_stack([dummies(frame, "t"), dummies(frame, "town")])
    c, n, k = 7, len(frame), 3 + 5
    for j in range(3):
        value, spread = least_squares(frame["y"].to_numpy(), x, others, np.ones(n), frame["town"], np.eye(3)[j])
        assert found.values[j] == pytest.approx(value, abs=1e-10)
        assert found.variances[j] == pytest.approx(spread * c / (c - 1) * (n - 1) / (n - k), rel=1e-8)


# ---- published -------------------------------------------------------------------------------------------


def santa_clara():
    """The authors' rows: shares of fields filled, missing where nobody got one of the two kinds."""
    d = pd.read_csv(shared("data/santa_clara_digital_tracing/panel_data.csv"), dtype={"Zip": str})
    a, m = d["n_assigned_automated"], d["n_assigned_manual"]
    filled = d["mean_perc_filled_assigned_automated"] * a + d["mean_perc_filled_assigned_manual"] * m
    d = d.assign(people=a + m, share=a / (a + m), z=(d["condition"] == "Automated CICT") * 1, y=filled / (a + m))
    panel = si.Panel.from_frame(d, unit="Zip", period="week", outcome="y", missing="drop")
    return panel, si.Design.from_panel(panel, treated="z", control="not_yet", balance="pairwise")


def test_santa_clara_s_published_numbers():
    data = santa_clara()
    found = fitted(data, weights="people", received="share", vcov="iid")
    assert found.sample.n_obs == 193
    assert found.overall.value == pytest.approx(-0.017924339513689488, abs=1e-10)
    assert found.overall.std_error == pytest.approx(0.005575703823220702, abs=1e-10)
    assert found.summaries["LATE"].value == pytest.approx(-0.254789764540444, abs=1e-10)
    assert found.summaries["LATE"].std_error == pytest.approx(0.06792200038775006, abs=1e-9)
    low, high = found.overall.interval()  # by the dealings, not by rows as if they were independent
    assert low < found.overall.value < high < 0


def test_the_supported_work_experiment_has_its_published_effect_and_error():
    """Dehejia and Wahba (1999), table 3: 1,794 (633) dollars, 445 men."""
    from scale_impact.sources import read

    men = read(ROOT / "data/sources/us_supported_work.yaml", ROOT).assign(t=1978)
    panel = si.Panel.from_frame(men, unit=None, period="t", outcome="re78")
    found = fitted((panel, si.Design.from_panel(panel, exposure="train")), vcov="iid", draws=1999)
    assert (found.sample.n_obs, found.sample.n_treated) == (445, 185)
    assert found.overall.value == pytest.approx(1.794, abs=5e-4)
    assert found.overall.std_error == pytest.approx(0.633, abs=5e-4)
    assert 0.001 <= found.overall.p_value < 0.02
    low, high = found.overall.interval()
    assert (low, high) == pytest.approx((1.794 - 1.97 * 0.671, 1.794 + 1.97 * 0.671), abs=0.15)  # HC errors: 0.671


# ---- refusals --------------------------------------------------------------------------------------------


def test_a_cluster_that_holds_both_sides_is_named():
    frame = wedge([0, NEVER, 0, NEVER], periods=1, members=2)
    frame.loc[0, "z"] = 0
    with pytest.raises(DesignError, match=r"1 cluster of 4 \(town: t00\) hold rows that were dealt different things"):
        fitted(lottery(frame, cluster="town"))


def test_columns_that_do_not_fit_are_told_together():
    frame = wedge(STARTS)
    frame.loc[3, "got"] = np.nan
    frame["w"] = 0.0
    with pytest.raises(DesignError) as error:
        fitted(trial(frame), received="got", weights="w")
    assert len(error.value.problems) == 2
    assert "'got' is missing or infinite in 1 of 30 rows" in str(error.value)
    assert "it has to be positive" in str(error.value)


def test_options_that_do_not_go_together_are_told_together():
    with pytest.raises(UsageError) as error:
        fitted(trial(wedge(STARTS)), model="vertical", effects="unit", estimand="LATE", random="unit")
    assert len(error.value.problems) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(z=(f["z"] == 1) & (f["t"] < 4)).astype({"z": int}), "switches off"),
        (lambda f: f.assign(part=f["town"]), "no clusters of two arms|No stratum holds clusters of two arms"),
    ],
)
def test_no_lottery_is_refused(change, message):
    data = trial(change(wedge(STARTS)))
    with pytest.raises(DesignError, match=message):
        fitted(data, strata=["part"])


def test_strata_that_differ_within_a_cluster_are_refused():
    frame = wedge(STARTS)
    frame["part"] = np.where(frame["t"] > 2, "late", "early")
    with pytest.raises(DesignError, match="strata: part differ within 6 clusters"):
        fitted(trial(frame), strata=["part"])


def test_doses_and_thresholds_are_no_lottery():
    frame = wedge([0, NEVER, 0, NEVER], periods=1).assign(z=lambda f: f["z"] * 0.5)
    with pytest.raises(DesignError, match="has to be 0 or 1"):
        fitted(lottery(frame))
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    with pytest.raises(DesignError, match="regression_discontinuity"):
        fitted((panel, si.Design.from_panel(panel, running="x", threshold=0.0)))


def test_one_time_since_the_start_has_no_mean_over_times():
    data = trial(wedge([4, 4, NEVER, NEVER, NEVER]))
    assert fitted(data).path is None
    with pytest.raises(EstimationError, match="only one such time"):
        fitted(data, effect="exposure_time")


def test_covariates_that_say_nothing_beside_units_are_named():
    frame = wedge(STARTS)
    frame["size"] = frame["town"].str[1:].astype(float)
    found = fitted(trial(frame), covariates=["size", "x"])
    assert any("no part beside effects of units: size." in n for n in found.notes)
    assert found.overall.value == pytest.approx(fitted(trial(frame), covariates=["x"]).overall.value, abs=1e-10)


def test_few_dealings_are_said():
    found = fitted(trial(wedge([2, 2, NEVER, NEVER])))
    assert any("There are 6 dealings" in n for n in found.notes)
    assert found.overall.interval(0.95) == (-np.inf, np.inf)


def test_statsmodels_waits_until_a_mixed_model_asks():
    code = (
        "import sys, scale_impact as si; from tests.rollouts import trial, wedge;"
        "e = si.estimate('randomised_rollout', *trial(wedge([2, 2, 3, 99, 99, 99]))); e.rows();"
        "assert not {'statsmodels', 'econml', 'dowhy', 'sklearn', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- dealt by a recorded scheme --------------------------------------------------------------------------


def recorded(tmp_path, starts=20, **options):
    """A wedge whose dates `randomise` dealt, with the record of it."""
    towns = pd.DataFrame({"town": [f"t{k:02d}" for k in range(starts)], "size": np.arange(starts) % 7 * 1.0})
    towns["half"] = np.where(np.arange(starts) < starts // 2, "a", "b")
    dealt = si.randomise(towns, unit="town", seed=3, steps=[2, 3, None], **options)
    dealt.save(tmp_path / "wedge.csv")
    frame = wedge([NEVER if a is None else a for a in dealt.by_unit.values()], seed=4)
    return frame, dealt


def test_dealings_by_a_record_keep_its_balance_criterion(tmp_path):
    frame, dealt = recorded(tmp_path, balance=["size"], acceptance=0.05)
    found = fitted(trial(frame), scheme=str(tmp_path / "wedge.json"), draws=99, statistic="estimate").overall
    assert f"by the recorded scheme (hash {dealt.hash[:8]})" in found.judged.words
    starts = np.array([NEVER if a is None else a for a in dealt.arms])
    rows = frame.sort_values(["town", "t"])
    others = np.column_stack([dummies(rows, "t"), dummies(rows, "town")])

    def value(codes):
        x = (rows["t"].to_numpy() >= np.repeat(starts[codes], 5)).astype(float)[:, None]
        return least_squares(rows["y"].to_numpy(), x, others, np.ones(len(rows)), rows["town"], np.ones(1))[0]

    each = np.array([value(codes) for codes in dealt.draws(99, 20251122)])
    own = abs(value(dealt.codes))
    assert found.p_value == pytest.approx((1 + np.sum(np.abs(each) >= own * (1 - 1e-9))) / 100)


def test_data_that_differ_from_the_record_are_refused(tmp_path, monkeypatch):
    frame, _ = recorded(tmp_path)
    odd = frame["town"] == "t03"
    frame.loc[odd, "z"] = (frame.loc[odd, "t"] >= (3 if frame.loc[odd, "g"].iloc[0] == 2 else 2)).astype(int)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DesignError, match=r"1 cluster \(t03\) did not get in the data what was dealt"):
        fitted(trial(frame), scheme="wedge.csv")
    with pytest.raises(DesignError, match="not among the 20 units"):
        fitted(trial(frame.assign(town=frame["town"] + "x")), scheme="wedge.csv")
    with pytest.raises(UsageError, match=r"there is no other\.json"):
        fitted(trial(frame), scheme="other.csv")
