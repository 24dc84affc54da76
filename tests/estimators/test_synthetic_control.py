"""Synthetic control: California against reference numbers, invariances, several pilots, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, EstimationError, UsageError
from tests.panels import california, long, reference, shared
from tests.pilots import cities, two_factors

ADH = (
    {"lnincome": [1980, 1988]}, {"age15to24": [1980, 1988]}, {"retprice": [1980, 1988]}, {"beer": [1984, 1988]},
    {"cigsale": 1975}, {"cigsale": 1980}, {"cigsale": 1988},
)  # fmt: skip


@pytest.fixture(scope="module", name="california")
def _california():
    return california()


@pytest.fixture(scope="module")
def adh():
    """With the predictors of the authors' own file, which no package has."""
    frame = pd.read_csv(shared("reference/data/smoking_adh2010.csv"))
    panel = si.Panel.from_frame(frame, unit="state", period="year", outcome="cigsale")
    return panel, si.Design.from_panel(panel, cohorts={"California": 1989})


def test_california_on_outcomes_alone_is_the_references_exact_solution(california):
    stored = reference("synthdid_prop99", "sc_outcome_only_exact_simplex")
    effect = si.estimate("synthetic_control", *california)
    found = effect.counterfactual
    np.testing.assert_allclose(found.donors.loc[stored["main"]["pool"], "California"], stored["main"]["w"], atol=1e-7)
    np.testing.assert_allclose(found.gaps[0], stored["main"]["gap"], atol=1e-5)
    assert effect.overall.value == pytest.approx(stored["main"]["avg_post_gap"], abs=1e-5)
    assert found.pre_rmspe[0] == pytest.approx(stored["main"]["pre_rmspe"], abs=1e-6)
    assert found.unique == (True,)
    assert found.predictors is None


def test_all_placebo_states_are_those_of_the_reference(california):
    """Each other state as if it had passed the law, California no donor: post over pre RMSPE."""
    stored = reference("synthdid_prop99", "sc_outcome_only_exact_simplex")
    found = si.estimate("synthetic_control", *california).counterfactual
    names = ["California", *found.donors.index]
    worlds = found.worlds.take(np.zeros(38, dtype=int))
    others = np.eye(39)[1:]
    worlds = type(worlds)(
        worlds.outcomes, others, worlds.donors & ~(others > 0), worlds.fit, worlds.after, None, worlds.units
    )
    gaps = found.again(worlds)
    order = [names.index(s) - 1 for s in stored["placebo_units"]]
    np.testing.assert_allclose(gaps.mean(axis=1, where=worlds.after)[order], stored["placebo_avg_post_gap"], atol=1e-4)
    before = np.sqrt((gaps[:, :19] ** 2).mean(axis=1))
    np.testing.assert_allclose(before[order], stored["placebo_pre_rmspe"], atol=1e-5)


def test_californias_nested_weights_are_not_worse_than_the_global_optimum(adh):
    """MSCMT's bound, a mean squared error of 3.0767; R's Synth stops at 3.2091."""
    effect = si.estimate("synthetic_control", *adh, predictors=ADH)
    found = effect.counterfactual
    assert found.pre_rmspe[0] ** 2 <= 3.0767 * 1.0001
    assert found.pre_rmspe[0] ** 2 < reference("synth_prop99", "main_synth")["loss_v"]
    published = {"Utah": 0.334, "Nevada": 0.234, "Montana": 0.199, "Colorado": 0.164, "Connecticut": 0.069}
    weights = found.donors["California"]
    np.testing.assert_allclose(weights[list(published)], list(published.values()), atol=0.01)  # ADH (2010), table 2
    assert weights.drop(list(published)).max() < 0.005
    assert effect.overall.value == pytest.approx(-18.98, abs=0.05)


def test_the_balance_of_predictors_is_that_of_r(adh):
    stored = reference("synth_prop99", "main_synth")
    table = si.estimate("synthetic_control", *adh, predictors=ADH, v="equal").counterfactual.predictors
    np.testing.assert_allclose(table["observed"], stored["X1"], rtol=1e-9)
    assert table["predictor"].tolist()[3:5] == ["beer (1984 to 1988)", "cigsale (1975)"]


def test_given_weights_of_predictors_match_them_no_worse_than_r(adh):
    """Synth's inner loss with equal V; its own weights come from an interior point method that stops early."""
    stored = reference("synth_prop99", "main_synth_equalV")
    found = si.estimate("synthetic_control", *adh, predictors=ADH, v="equal").counterfactual
    d = pd.read_csv(shared("reference/data/smoking_adh2010.csv"))

    def mean(column, first, last):
        return d[d["year"].between(first, last)].groupby("state")[column].mean()

    spans = [(c, *(w if isinstance(w, list) else (w, w))) for item in ADH for c, w in item.items()]
    x = pd.concat([mean(*s) for s in spans], axis=1)
    x = x / x.std(ddof=1)
    left = x.loc["California"] - x.loc[found.donors.index].T @ found.donors["California"]
    assert (left.to_numpy() ** 2).mean() <= stored["loss_w"] * (1 + 1e-9)
    np.testing.assert_allclose(found.gaps[0], stored["gap"], atol=0.05)
    again = si.estimate("synthetic_control", *adh, predictors=ADH, v=[2.0] * 7).counterfactual
    np.testing.assert_allclose(again.gaps, found.gaps, atol=1e-9)


def test_cross_validation_takes_predictors_of_the_second_half(adh):
    columns = ["lnincome", "age15to24", "retprice", "cigsale"]
    found = si.estimate("synthetic_control", *adh, predictors=columns, v="cross_validation").counterfactual
    assert found.predictors["weight"].sum() == pytest.approx(1)
    with pytest.raises(DesignError, match=r"both halves.*cigsale \(1975\)"):
        si.estimate("synthetic_control", *adh, predictors=["cigsale", {"cigsale": 1975}], v="cross_validation")


@pytest.mark.parametrize(
    ("data", "options"), [("california", {}), ("adh", {"predictors": ADH}), ("california", {"fitted_on": [1975, 1985]})]
)
def test_asking_the_studys_own_question_again_gives_its_gaps(request, data, options):
    found = si.estimate("synthetic_control", *request.getfixturevalue(data), **options).counterfactual
    np.testing.assert_allclose(found.again(found.worlds), found.gaps, atol=1e-10)


def test_a_window_explains_these_periods_alone(california):
    cut = si.estimate("synthetic_control", *california, fitted_on=[1980, 1988]).counterfactual
    full = si.estimate("synthetic_control", *california).counterfactual
    inside, outside = slice(10, 19), slice(0, 10)
    assert (cut.gaps[0, inside] ** 2).sum() < (full.gaps[0, inside] ** 2).sum()
    assert (cut.gaps[0, outside] ** 2).sum() > (full.gaps[0, outside] ** 2).sum()


def test_an_exact_mix_of_donors_gives_its_weights_and_the_effect_that_was_put_in():
    paths = two_factors()
    mix = 0.7 * paths["city 01"] + 0.3 * paths["city 02"]
    paths["city 00"] = mix + 5.0 * (np.arange(20) >= 15)
    effect = si.estimate("synthetic_control", *cities(paths, {"city 00": 2016}))
    weights = effect.counterfactual.donors["city 00"]
    assert weights["city 01"] == pytest.approx(0.7, abs=1e-8)
    assert effect.overall.value == pytest.approx(5.0, abs=1e-8)
    assert effect.path.at(0).value == pytest.approx(5.0, abs=1e-8)
    assert effect.path.at(-1).value == pytest.approx(0.0, abs=1e-8)
    assert (effect.sample.n_units, effect.sample.n_treated, effect.sample.n_periods) == (12, 1, 20)
    assert effect.overall.std_error is None
    assert "by placebo cities" in effect.overall.reason


@pytest.mark.parametrize("name", ["synthetic_control", "demeaned_synthetic_control"])
def test_a_level_and_a_unit_of_measurement_common_to_all_change_nothing_else(name):
    paths = two_factors()
    once = si.estimate(name, *cities(paths, {"city 03": 2014}))
    moved = si.estimate(name, *cities({k: 1e3 + 7 * v for k, v in paths.items()}, {"city 03": 2014}))
    assert moved.overall.value == pytest.approx(7 * once.overall.value, rel=1e-6)
    np.testing.assert_allclose(moved.counterfactual.donors, once.counterfactual.donors, atol=1e-6)


def test_several_pilots_are_explained_one_by_one_by_those_never_treated():
    paths = two_factors()
    both = si.estimate("synthetic_control", *cities(paths, {"city 03": 2014, "city 05": 2011}))
    others = {k: v for k, v in paths.items() if k not in ("city 03", "city 05")}
    alone = {
        k: si.estimate("synthetic_control", *cities(others | {k: paths[k]}, {k: start}))
        for k, start in {"city 05": 2011, "city 03": 2014}.items()
    }
    assert list(both.counterfactual.names) == ["city 05", "city 03"]
    assert "city 03" not in both.counterfactual.donors.index
    units = both.curves["units"]
    for k, name in enumerate(alone):
        assert units.values[k] == pytest.approx(alone[name].overall.value, abs=1e-9)
    pooled = np.concatenate(
        [alone["city 05"].counterfactual.gaps[0, 10:], alone["city 03"].counterfactual.gaps[0, 13:]]
    )
    assert both.overall.value == pytest.approx(pooled.mean(), abs=1e-9)  # each treated cell counts once
    zero = [alone["city 05"].path.at(0).value, alone["city 03"].path.at(0).value]
    assert both.path.at(0).value == pytest.approx(np.mean(zero), abs=1e-9)
    assert (both.counterfactual.donors.sum() - 1).abs().max() < 1e-9


def test_anticipated_periods_are_not_fitted_on():
    paths = two_factors()
    paths["city 03"] = paths["city 03"] + 3 * (np.arange(20) >= 11)
    late = si.estimate("synthetic_control", *cities(paths, {"city 03": 2014}, anticipation=2))
    assert late.counterfactual.fitted == (11,)
    assert late.counterfactual.starts == (13,)
    first = si.estimate("synthetic_control", *cities({k: v[:11] for k, v in paths.items()} | {
        k: np.append(v[:11], v[13:]) for k, v in paths.items()}, {"city 03": 2012}))  # fmt: skip
    np.testing.assert_allclose(late.counterfactual.donors, first.counterfactual.donors, atol=1e-9)


def test_donors_can_be_named_and_barred():
    paths = two_factors()
    panel, design = cities(paths, {"city 03": 2014, "city 05": 2018})
    few = si.estimate("synthetic_control", panel, design, donors=["city 01", "city 02", "city 04"])
    assert few.counterfactual.donors.index.tolist() == ["city 01", "city 02", "city 04"]
    barred = si.estimate("synthetic_control", panel, design, without=["city 01"])
    assert "city 01" not in barred.counterfactual.donors.index


def test_a_largest_weight_spreads_the_donors():
    effect = si.estimate("synthetic_control", *cities(two_factors(), {"city 03": 2014}), largest=0.3)
    weights = effect.counterfactual.donors["city 03"]
    assert weights.max() <= 0.3 + 1e-9
    assert weights.sum() == pytest.approx(1)


def test_demeaned_finds_a_city_that_moves_alike_on_another_level():
    paths = two_factors()
    paths["city 00"] = 40 + 0.5 * paths["city 01"] + 0.5 * paths["city 02"] - 2.0 * (np.arange(20) >= 15)
    panel, design = cities(paths, {"city 00": 2016})
    effect = si.estimate("demeaned_synthetic_control", panel, design)
    assert effect.overall.value == pytest.approx(-2.0, abs=1e-7)
    plain = si.estimate("synthetic_control", panel, design)
    assert plain.counterfactual.pre_rmspe[0] > 10
    assert any("lies above all donors in 15 of 15 periods" in n for n in plain.notes)
    assert not any("lies above" in n for n in effect.notes)


# ---- what is refused, and what is said ----------------------------------------------------------


def test_without_a_donor_it_says_what_would_do():
    paths = dict(list(two_factors().items())[:2])
    panel, design = cities(paths, {"city 00": 2010, "city 01": 2015}, control="not_yet")
    with pytest.raises(DesignError, match=r"no donor: all other units adopt.*last_period.*interrupted_time_series"):
        si.estimate("synthetic_control", panel, design)


def test_a_donor_that_adopts_later_is_named_with_its_date():
    panel, design = cities(two_factors(), {"city 03": 2014, "city 05": 2018})
    with pytest.raises(DesignError) as error:
        si.estimate("synthetic_control", panel, design, donors=["city 05", "city 1", "city 02"])
    assert "donor city 05 adopts the measure itself in 2018" in str(error.value)
    assert "'city 1', which is no city" in str(error.value)


def test_fewer_than_three_periods_before_are_refused_for_each_pilot():
    with pytest.raises(DesignError, match=r"needs 3 periods before.*city 03 \(from 2003: 2\).*did_2x2"):
        si.estimate("synthetic_control", *cities(two_factors(), {"city 03": 2003, "city 05": 2012}))


def test_missing_months_name_city_and_period():
    d = long(two_factors(), {"city 03": 2014})
    d = d[~((d["id"] == "city 04") & (d["t"] == 2007))]
    panel = si.Panel.from_frame(d, unit="id", period="t", outcome="y")
    with pytest.raises(DesignError, match="city 04 lacks 2007"):
        si.Design.from_panel(panel, first_treated="g")
    with pytest.raises(DesignError, match=r"balance: drop.*matrix_completion"):
        si.estimate("synthetic_control", panel, si.Design.from_panel(panel, first_treated="g", balance="pairwise"))
    dropped = si.estimate("synthetic_control", panel, si.Design.from_panel(panel, first_treated="g", balance="drop"))
    assert "city 04" not in dropped.counterfactual.donors.index


def test_missing_months_of_the_pilot_itself_are_named():
    d = long(two_factors(), {"city 03": 2014})
    d = d[~((d["id"] == "city 03") & d["t"].isin([2007, 2016]))]
    panel = si.Panel.from_frame(d, unit="id", period="t", outcome="y")
    with pytest.raises(DesignError, match=r"No treated unit is left: city 03 \(lacks 2007, 2016\).*matrix_completion"):
        si.Design.from_panel(panel, first_treated="g", balance="drop")


def test_an_outcome_that_never_varies_is_refused():
    with pytest.raises(EstimationError, match="'y' is 4 in each unit and period"):
        si.estimate("synthetic_control", *cities({k: np.full(20, 4.0) for k in two_factors()}, {"city 03": 2014}))


def test_two_donors_with_one_path_are_said_and_weights_are_not_unique():
    paths = two_factors()
    paths["twin"] = paths["city 01"]
    paths["city 00"] = 0.6 * paths["city 01"] + 0.4 * paths["city 02"]
    effect = si.estimate("synthetic_control", *cities(paths, {"city 00": 2016}))
    assert effect.counterfactual.unique == (False,)
    assert any("very same outcomes: twin as city 01" in n for n in effect.notes)
    assert any("not unique" in n for n in effect.notes)


def with_predictors(k=4):
    d = long(two_factors(), {"city 03": 2014})
    rng = np.random.default_rng(3)
    others = pd.DataFrame({f"x{i}": rng.normal(size=len(d)) + d["y"] for i in range(k)})
    d = pd.concat([d, others], axis=1)
    d["text"], d["same"] = "a", 1.0
    d["gone"] = np.where(d["id"] == "city 07", np.nan, 2.0 + d["t"] % 3)
    panel = si.Panel.from_frame(d, unit="id", period="t", outcome="y")
    return panel, si.Design.from_panel(panel, first_treated="g")


def test_a_hundred_predictors_for_ten_periods_are_refused():
    panel, design = with_predictors(100)
    names = [f"x{i}" for i in range(100)]
    with pytest.raises(DesignError, match=r"100 predictors for 13 periods.*at most 13.*`v: equal`"):
        si.estimate("synthetic_control", panel, design, predictors=names)
    found = si.estimate("synthetic_control", panel, design, predictors=names, v="equal").counterfactual
    assert found.predictors["weight"].to_numpy() == pytest.approx(np.full(100, 0.01))
    assert found.donors.sum().tolist() == pytest.approx([1.0])


def test_all_problems_of_predictors_come_at_once():
    panel, design = with_predictors()
    with pytest.raises(DesignError) as error:
        si.estimate(
            "synthetic_control", panel, design, predictors=["x9", "text", {"x0": 2014}, {"x1": [2009, 2003]}, {"x2": 1990}]
        )  # fmt: skip
    said = str(error.value)
    for part in ("'x9' is no column", "'text' is not numeric", "x0 (2014) reaches into the measure", "first period comes first",
                 "'x2' is over 1990, which is not among the periods 2001 to 2020"):  # fmt: skip
        assert part in said
    with pytest.raises(DesignError) as error:
        si.estimate("synthetic_control", panel, design, predictors=["same", "gone", "x0"])
    assert "same is 1 for each unit" in str(error.value)
    assert "gone has no value for city 07" in str(error.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"v": "best"}, "v is 'best'"),
        ({"v": [1.0]}, "that needs predictors"),
        ({"v": [1.0], "predictors": ["x0", "x1"]}, "v has 1 numbers for 2 predictors"),
        ({"largest": 1.5}, "largest is 1.5"),
        ({"largest": 0.5, "predictors": ["x0"]}, "leave it out, or the predictors"),
        ({"largest": 0.01}, "11 donors need `largest` of at least 0.091 for weights that sum to one"),
    ],
)
def test_options_that_cannot_be_are_refused(options, said):
    panel, design = with_predictors()
    with pytest.raises(UsageError, match=said):
        si.estimate("synthetic_control", panel, design, **options)


def test_a_window_without_a_period_before_is_refused():
    panel, design = with_predictors()
    with pytest.raises(DesignError, match="fitted_on is 1990, 1995"):
        si.estimate("synthetic_control", panel, design, fitted_on=[1990, 1995])
    with pytest.raises(DesignError, match="no period before the measure"):
        si.estimate("synthetic_control", panel, design, fitted_on=[2015, 2018])


@pytest.mark.parametrize("window", [5, "2003", [2003]])
def test_a_window_that_is_no_pair_is_refused_in_words(window):
    panel, design = with_predictors()
    with pytest.raises(DesignError, match=r"fitted_on is .*; write \[first, last\]"):
        si.estimate("synthetic_control", panel, design, fitted_on=window)


def test_a_window_that_goes_on_after_the_start_is_cut_and_said(california):
    cut = si.estimate("synthetic_control", *california, fitted_on=[1980, 1995])
    same = si.estimate("synthetic_control", *california, fitted_on=[1980, 1988])
    np.testing.assert_array_equal(cut.counterfactual.gaps, same.counterfactual.gaps)
    said = "fitted_on ends at 1995, when the measure had begun or was anticipated in California"
    assert [n for n in cut.notes if n not in same.notes] == [f"{said}: only periods before are fitted on."]


@pytest.mark.parametrize(("v", "columns"), [("equal", ["x0"]), ([2.0, 0.0], ["x0", "x1"])])
def test_of_mixes_that_match_the_predictors_exactly_the_one_that_follows_the_outcome_is_taken(v, columns):
    panel, design = cities(two_factors(), {"city 00": 2015})
    rng = np.random.default_rng(3)
    x = pd.DataFrame(rng.normal(size=(12, 2)), index=sorted(panel.frame["city"].unique()), columns=["x0", "x1"])
    x.loc["city 00", "x0"] = x["x0"].iloc[1:].mean()  # so that many mixes match it
    frame = panel.frame.merge(x, left_on="city", right_index=True)
    panel = si.Panel.from_frame(frame, unit="city", period="year", outcome="y")
    design = si.Design.from_panel(panel, cohorts={"city 00": 2015})
    found = si.estimate("synthetic_control", panel, design, predictors=columns, v=v).counterfactual
    table = found.predictors.set_index("predictor")
    assert table["synthetic"].iloc[0] == pytest.approx(table["observed"].iloc[0], abs=1e-6)
    best = si.estimate("synthetic_control", panel, design, predictors=["x0"]).counterfactual  # V has no part with one
    np.testing.assert_allclose(found.donors.to_numpy(), best.donors.to_numpy(), atol=1e-9)
    assert found.unique == best.unique == (True,)


def test_cross_sections_are_refused():
    d = pd.DataFrame({"t": [1, 2] * 4, "y": np.arange(8.0), "group": [0, 0, 1, 1] * 2})
    panel = si.Panel.from_frame(d, unit=None, period="t", outcome="y")
    with pytest.raises(DesignError, match="follows units over time"):
        si.estimate("synthetic_control", panel, si.Design.from_panel(panel, group="group", starts=2))


@pytest.mark.parametrize("v", ["nested", "cross_validation"])
def test_worlds_asked_together_have_the_weights_of_each_asked_alone(v):
    """Placebo cities, each with as many donors but one with fewer, and the same question twice."""
    panel, design = with_predictors()
    columns = ["x0", "x1", "x2"]
    found = si.estimate("synthetic_control", panel, design, predictors=columns, v=v).counterfactual
    worlds = found.worlds.take([0, 0, 0, 0])
    treated = np.eye(worlds.treated.shape[1])[[1, 2, 3, 1]]
    donors = worlds.donors & ~(treated > 0)
    donors[2, 5] = False
    worlds = replace(worlds, treated=treated, donors=donors)
    together = found.again(worlds)
    assert together[0].tolist() == together[3].tolist()
    for b in range(3):
        fresh = si.estimate("synthetic_control", panel, design, predictors=columns, v=v).counterfactual
        np.testing.assert_allclose(fresh.again(worlds.take(b))[0], together[b], atol=1e-12)  # sums of products round


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"x0": 2003, "x1": 2004},
            "predictors has x0, x1 in one entry; write one column an entry, with a dash before x1.",
        ),
        (
            {"x0": 2003, "x1": 2004, "zzz": 2005},
            "predictors has x0, x1, zzz in one entry; write one column an entry, with dashes before x1, zzz.",
        ),
        ({}, "predictors has an empty entry. Name a column, or leave the entry out."),
    ],
)
def test_an_entry_of_predictors_has_one_column(entry, said):
    data = with_predictors()
    with pytest.raises(DesignError) as refused:
        si.estimate("synthetic_control", *data, predictors=["x2", entry])
    assert refused.value.problems == (f"synthetic_control: {said}",)


@pytest.mark.parametrize("v", [[1.0, np.inf], [1.0, np.nan], [1.0, -1.0], [0.0, 0.0]])
def test_weights_of_predictors_are_finite_and_not_negative(v):
    with pytest.raises(UsageError, match="finite numbers that are not negative and not all 0"):
        si.estimate("synthetic_control", *with_predictors(), predictors=["x0", "x1"], v=v)


def test_a_largest_weight_that_cannot_sum_to_one_says_what_would():
    data = cities(two_factors(), {"city 00": 2014})
    with pytest.raises(UsageError, match=r"11 donors need `largest` of at least 0\.091 for weights"):
        si.estimate("synthetic_control", *data, largest=0.05)
    assert si.estimate("synthetic_control", *data, largest=0.091).overall.value is not None
