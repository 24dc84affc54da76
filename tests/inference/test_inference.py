"""Which method a design gets, and how an effect carries it."""

from dataclasses import replace

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import DesignError, UsageError
from scale_impact.inference import judged, names, opinions, overall_judge, placebo
from tests.panels import NEVER, design_of, drawn, fitted, framed, panel_of
from tests.pilots import effect_by, mean_of_donors, world


def auto(sizes, estimator="twfe", *, periods=6, **design):
    return fitted(estimator, drawn(sizes, periods, seed=3), options={"inference": "auto"}, **design)


def method(effect):
    words = "" if effect.overall.judged is None else effect.overall.judged.words
    known = {
        "wild cluster bootstrap": "wild_bootstrap", "randomisation": "randomisation", "jackknife": "jackknife",
        "normal noise": "conley_taber",
    }  # fmt: skip
    return next((key for text, key in known.items() if text in words), None)


def test_the_room_holds_these_methods():
    few = {"conley_taber", "jackknife", "randomisation", "wild_bootstrap", "bootstrap"}
    assert set(names()) == few | {"placebo", "conformal", "prediction_interval"}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({3: 20, NEVER: 20}, None),
        ({3: 10, NEVER: 30}, None),
        ({2: 7, 3: 7, 4: 7, NEVER: 30}, "wild_bootstrap"),
        ({2: 20, 3: 4, NEVER: 20}, None),
        ({3: 19, NEVER: 20}, "wild_bootstrap"),
        ({3: 9, NEVER: 40}, "wild_bootstrap"),
        ({3: 40, NEVER: 9}, "wild_bootstrap"),
        ({3: 6, NEVER: 6}, "wild_bootstrap"),
        ({3: 5, NEVER: 40}, "randomisation"),
        ({3: 20, NEVER: 5}, "randomisation"),
        ({3: 1, NEVER: 19}, "randomisation"),
        ({2: 1, 3: 1, 4: 1, NEVER: 3}, "randomisation"),
        ({3: 1, NEVER: 18}, "conley_taber"),
        ({3: 2, NEVER: 3}, "conley_taber"),
        ({3: 3, NEVER: 3}, "wild_bootstrap"),
        ({3: 2, NEVER: 2}, "wild_bootstrap"),
    ],
)
def test_the_design_decides_on_the_method(sizes, expected):
    assert method(auto(sizes)) == expected


def test_units_treated_later_are_controls_where_the_design_says_so():
    sizes = {2: 10, 4: 20, NEVER: 12}
    assert method(auto(sizes, "callaway_santanna")) is None
    sizes = {2: 10, 4: 26, NEVER: 4}
    assert method(auto(sizes, "callaway_santanna")) == "randomisation"
    assert method(auto(sizes, "callaway_santanna", control="not_yet")) is None


def test_clusters_count_not_units():
    frame = drawn({3: 60, NEVER: 60}, 4, seed=3)
    frame["st"] = frame["id"] % 15
    effect = fitted("twfe", frame, cluster="st", options={"inference": "auto"})
    assert method(effect) == "wild_bootstrap"
    assert "there are 15 clusters (st), 15 treated and 15 to compare with" in effect.notes[-1]


def test_an_estimator_that_is_not_linear_gets_the_jackknife():
    frame = drawn({3: 8, NEVER: 9}, 5, seed=3).assign(x=lambda f: f["id"] % 5 + 0.1 * (f["id"] ** 2 % 7))
    panel = panel_of(frame, covariates=["x"])
    design = si.Design.from_panel(panel, first_treated="g")
    effect = si.estimate("callaway_santanna", panel, design, covariates=["x"], inference="auto")
    assert method(effect) == "jackknife"


def test_each_observation_for_itself_stays_analytic(kielmc):
    panel = si.Panel.from_frame(kielmc, unit=None, period="year", outcome="lrprice")
    design = si.Design.from_panel(panel, group="nearinc", starts=1981)
    assert si.estimate("did_2x2", panel, design, inference="auto").overall.judged is None


def test_notes_say_which_method_and_why_and_no_longer_that_intervals_are_rough():
    plain, effect = fitted("twfe", drawn({3: 7, NEVER: 8}, 6, seed=3)), auto({3: 7, NEVER: 8})
    assert any("intervals are rough" in n for n in plain.notes)
    assert not any("intervals are rough" in n for n in effect.notes)
    assert effect.notes[-1] == (
        "Interval and p-value are by wild_bootstrap, because there are 15 units (id), 7 treated and 8 to compare with, too few "
        "for the normal approximation (used from 40, 10 and 10 on, and 10 in most cohorts)."
    )
    assert "That assumes that treated and untreated vary alike." in auto({3: 2, NEVER: 19}).notes[-1]


@pytest.mark.parametrize("name", ["callaway_santanna", "event_study", "imputation", "sun_abraham"])
@pytest.mark.parametrize("inference", ["wild_bootstrap", "randomisation", "conley_taber", "jackknife"])
def test_every_estimate_of_an_effect_is_judged_and_its_row_says_how(name, inference):
    frame = drawn({2: 3, 4: 3, NEVER: 8}, 6, seed=5)
    effect = fitted(name, frame, options={"inference": {inference: {"draws": 199} if inference != "jackknife" else {}}})
    plain = fitted(name, frame)
    rows = [r for r in effect.rows() if "reference period" not in r["inference"]]
    assert len(rows) >= 8
    assert all("p-value by" in r["inference"] for r in rows)
    assert [r["estimate"] for r in effect.rows()] == [r["estimate"] for r in plain.rows()]
    k = effect.path.event_times.index(1)
    assert effect.path[k].interval(0.9) == effect.path.judged[k].interval(0.9)
    assert effect.path.select([k])[0].interval(0.9) == effect.path.judged[k].interval(0.9)


def test_the_summary_that_is_the_overall_effect_is_judged_too():
    effect = auto({2: 3, 4: 4, NEVER: 8}, "callaway_santanna")
    assert effect.summaries["simple"] is effect.overall
    assert effect.summaries["cohort"].judged is None


def test_a_method_and_its_options_are_checked():
    frame = drawn({3: 4, NEVER: 5}, 5, seed=3)
    for inference, says in {
        "wild_bootstrp": "Did you mean 'wild_bootstrap'",
        "bayes": "there is no method 'bayes'",
    }.items():
        with pytest.raises(UsageError, match=says):
            fitted("twfe", frame, options={"inference": inference})
    with pytest.raises(UsageError, match=r"wild_bootstrap takes no option 'drws'\. Did you mean 'draws'"):
        fitted("twfe", frame, options={"inference": {"wild_bootstrap": {"drws": 99}}})
    with pytest.raises(UsageError, match="wild_bootstrap: draws is 0"):
        fitted("twfe", frame, options={"inference": {"wild_bootstrap": {"draws": 0}}})
    with pytest.raises(UsageError, match=r"auto takes no options \(draws given\)"):
        fitted("twfe", frame, options={"inference": {"auto": {"draws": 9}}})
    with pytest.raises(UsageError, match="write a method or"):
        fitted("twfe", frame, options={"inference": ["wild_bootstrap"]})


def test_a_method_that_does_not_suit_refuses_for_the_primary_estimate_and_is_left_for_others():
    design = design_of(drawn({3: 4, NEVER: 2}, 5, seed=3))

    def again(p, d):
        return si.estimate("twfe", p, d)

    effect = again(design._panel, design)
    with pytest.raises(DesignError, match="conley_taber learns from never-treated units"):
        judged(effect, design._panel, design, again, "conley_taber")
    other = judged(effect, design._panel, design, again, "conley_taber", primary=False)
    assert other.overall.judged is None
    assert other.notes[-1].startswith("Intervals stay analytic: conley_taber learns")


def test_a_judge_of_the_overall_effect_is_chosen_once_and_used_on_other_data():
    design = design_of(drawn({3: 7, NEVER: 8}, 5, seed=3))
    panel = design._panel

    def again(p, d):
        return si.estimate("callaway_santanna", p, d)

    judge = overall_judge(again(panel, design), panel, design, again, "auto", seed=5)
    other = design_of(drawn({3: 7, NEVER: 8}, 5, seed=4))
    found = judge(again(other._panel, other), other._panel, other, again)
    direct = judged(
        again(other._panel, other), other._panel, other, again, {"wild_bootstrap": {"draws": 999, "seed": 5}}
    )
    assert found.overall.interval(0.95) == direct.overall.interval(0.95)
    assert found.path.judged == ()


def test_opinions_stand_side_by_side_with_the_reason_where_there_is_none():
    design = design_of(drawn({3: 4, NEVER: 2}, 5, seed=3))

    def again(p, d):
        return si.estimate("twfe", p, d)

    found = {
        o.method: o for o in opinions(again(design._panel, design), design._panel, design, again, seed=1, draws=99)
    }
    assert set(found) == {"conley_taber", "jackknife", "randomisation", "wild_bootstrap"}
    assert found["conley_taber"].judgement is None
    assert "here are 2" in found["conley_taber"].reason
    assert [m for m, o in found.items() if o.valid] == ["wild_bootstrap"]


def test_intervals_hold_the_truth_as_often_as_they_say():
    """200 small worlds of noise without effect; binomial standard error 1.5 points. The full table: benchmarks/few_clusters.py."""
    rng = np.random.default_rng(7)
    first = np.repeat([2.0, NEVER], [4, 6])
    held = 0
    for _ in range(200):
        y = rng.normal(size=(10, 4)).cumsum(axis=1)
        low, high = fitted(
            "twfe", framed(y, first), options={"inference": {"randomisation": {"draws": 299}}}
        ).overall.interval()
        held += low <= 0 <= high
    assert 0.91 <= held / 200 <= 0.99


def test_many_units_in_small_cohorts_are_few():
    small, large = {3: 7, 5: 7, 7: 7, NEVER: 25}, {3: 12, 5: 12, 7: 12, NEVER: 25}
    words = []
    for sizes in (small, large):
        frame = drawn(sizes, 9, seed=1)
        design = design_of(frame)
        words.append(
            si.estimate("callaway_santanna", design._panel, design, inference="auto").to_frame()["inference"][0]
        )
    assert "wild cluster bootstrap" in words[0]
    assert "bootstrap" not in words[1]


def test_an_estimate_of_a_small_cohort_is_judged_by_randomisation_beside_a_bootstrap():
    effect = auto({2: 2, 3: 8, NEVER: 14}, "callaway_santanna")
    words = {
        c: "" if e.judged is None else e.judged.words
        for c, e in zip(effect.by_cohort.cohorts, effect.by_cohort, strict=True)
    }
    assert "randomisation" in words[2]
    assert "wild cluster bootstrap" in words[3]
    assert "wild cluster bootstrap" in effect.overall.judged.words
    low, high = effect.by_cohort[0].interval(0.95)
    assert low < effect.by_cohort.values[0] < high
    assert any("five treated clusters of their own" in note for note in effect.notes)


def test_a_named_method_judges_every_estimate():
    effect = fitted(
        "callaway_santanna", drawn({2: 2, 3: 8, NEVER: 14}, 6, seed=3), options={"inference": "wild_bootstrap"}
    )
    assert all("wild cluster bootstrap" in e.judged.words for e in effect.by_cohort)


# ---- effects that say what would have been ------------------------------------------------------------------------------


def never(*_):
    raise AssertionError("estimated again")


def pilot(**changes):
    panel, design = world([6], 24, 10, seed=4)
    return replace(effect_by(mean_of_donors, panel, design), **changes), panel, design


def test_an_effect_that_names_its_method_gets_it_and_the_note_says_why():
    effect, panel, design = pilot()
    done = judged(effect, panel, design, never)
    assert isinstance(done.overall.judged, placebo.Ranked)
    assert done.notes[-1] == (
        "Interval and p-value are by placebo, because one treated unit shows no variation to learn a standard error from."
    )
    assert done.overall.std_error is None
    assert done.rows()[0]["p_value"] == done.overall.p_value


def test_an_effect_that_brings_its_own_interval_keeps_it():
    effect, panel, design = pilot(judged_by="analytic")
    assert judged(effect, panel, design, never) is effect
    assert overall_judge(effect, panel, design, never)(effect, panel, design, never) is effect


def test_a_method_that_fails_for_it_is_a_note_and_no_interval():
    panel, design = world([4], 1, 7)
    effect = effect_by(mean_of_donors, panel, design)
    done = judged(effect, panel, design, never)
    assert done.overall.judged is None
    assert done.notes[-1].startswith("There is no interval: placebo: 1 donor cannot play 1 treated unit")


def test_its_overall_effect_is_judged_the_same_way_on_other_data():
    effect, panel, design = pilot()
    judge = overall_judge(effect, panel, design, never)
    other_panel, other_design = world([5], 24, 10, seed=9)
    other = effect_by(mean_of_donors, other_panel, other_design)
    found = judge(other, other_panel, other_design, never)
    assert found.overall.p_value == judged(other, other_panel, other_design, never).overall.p_value


def test_where_placebos_would_have_to_be_estimated_one_by_one_other_data_are_not_judged():
    effect, panel, design = pilot()
    slow = replace(effect, counterfactual=replace(effect.counterfactual, again=None))
    assert overall_judge(slow, panel, design, never)(slow, panel, design, never) is slow
    assert judged(slow, panel, design, never, primary=False) is slow


def test_opinions_of_it_are_by_the_methods_of_its_family():
    effect, panel, design = pilot()
    found = {o.method: o for o in opinions(effect, panel, design, never, seed=1, draws=99)}
    assert set(found) == {"placebo", "conformal", "prediction_interval", "bootstrap"}
    assert [m for m, o in found.items() if o.valid] == ["placebo"]
    assert found["placebo"].judgement.p_value == judged(effect, panel, design, never).overall.p_value
    assert found["bootstrap"].judgement is None


def test_numbers_of_treated_units_are_judged_with_the_others():
    panel, design = world([6, 6], 24, 10, seed=4)
    done = judged(effect_by(mean_of_donors, panel, design), panel, design, never)
    assert [j.p_value for j in done.curves["units"].judged] == [e.p_value for e in done.curves["units"]]
    assert all(e.p_value is not None for e in done.curves["units"])
    assert done.notes[-1].startswith("Interval and p-value are by placebo, because 2 treated units show no variation")


def test_clusters_decide_for_an_effect_that_names_no_method():
    assert method(auto({3: 5, NEVER: 40})) == "randomisation"
    assert judged(*pilot(judged_by=None), lambda p, d: effect_by(mean_of_donors, p, d)).overall.judged is not None
