"""A design says who is treated from when; what it cannot answer it refuses, and says what can."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.errors import DataError, DesignError, UsageError
from tests.panels import NEVER, design_of, drawn, fitted, long, panel_of

PATHS = {
    "Gary": [3, 4, 5, 9],
    "Hobart": [1, 1, 2, 2],
    "Muncie": [6, 5, 7, 8],
    "Peru": [2, 2, 3, 3],
    "Wabash": [4, 4, 4, 5],
}
DATES = {"Gary": 2003, "Hobart": 2003, "Muncie": 2004}


def cities(dates=DATES):
    """Five cities, 2001 to 2004; Peru and Wabash are never treated."""
    frame = long(PATHS, dates)
    return frame.assign(
        treated=(frame["t"] >= frame["g"]).astype(int),
        county=frame["id"].map(lambda n: n[0] < "N").map({True: "a", False: "b"}),
    )


def refused(frame, error=DesignError, panel=None, **options):
    with pytest.raises(error) as caught:
        si.Design.from_panel(panel or panel_of(frame), **options)
    return str(caught.value)


def cohorts_of(design):
    return {design.cohort_name(g): design.members(g) for g in range(len(design.starts))}


EXPECTED = {"2003": ["Gary", "Hobart"], "2004": ["Muncie"], "never treated": ["Peru", "Wabash"]}

# ---- four ways to say who is treated ---------------------------------------------------------------


def test_cohorts_from_a_column_with_the_first_treated_period():
    design = design_of(cities())
    assert cohorts_of(design) == EXPECTED
    assert design.first_treated == (2003, 2004, np.inf)
    assert design.starts.tolist() == [2, 3, 4]
    assert design.cohort_codes.tolist() == [0, 0, 1, 2, 2]
    assert (design.never_treated, design.adopting.tolist(), design.always_treated.tolist()) == (2, [0, 1], [])


@pytest.mark.parametrize("kind", [int, bool, float, "boolean", "Int8", "category", object])
def test_cohorts_from_a_column_of_zeros_and_ones(kind):
    frame = cities()
    design = design_of(frame.assign(treated=frame["treated"].astype(kind)), first_treated=None, treated="treated")
    assert cohorts_of(design) == EXPECTED


def test_cohorts_from_a_mapping_of_units():
    assert cohorts_of(design_of(cities(), first_treated=None, cohorts=DATES)) == EXPECTED


def test_cohorts_from_a_group_and_one_date():
    frame = cities().assign(near=lambda f: f["id"].isin(["Gary", "Peru"]).astype(int))
    design = design_of(frame, first_treated=None, group="near", starts=2002)
    assert cohorts_of(design) == {"2002": ["Gary", "Peru"], "never treated": ["Hobart", "Muncie", "Wabash"]}


@pytest.mark.parametrize("never", [np.nan, np.inf, 0, None, pd.NA])
def test_never_treated_is_missing_infinite_or_zero(never):
    frame = cities()
    frame["g"] = frame["g"].astype(object).where(np.isfinite(frame["g"]), never)
    design = design_of(frame)
    assert cohorts_of(design) == EXPECTED
    assert ("g is 0 for 2 units: read as never treated." in design.notes) == isinstance(never, int)


@pytest.mark.parametrize("kind", ["float32", "float64", "Float64", "Int64"])
@pytest.mark.parametrize("anticipation", [0, 1])
def test_never_treated_is_the_same_in_any_kind_of_number(kind, anticipation):
    frame = cities()
    never = pd.NA if kind == "Int64" else np.inf
    frame["g"] = frame["g"].astype(object).where(np.isfinite(frame["g"]), never).astype(kind)
    design = design_of(frame, anticipation=anticipation)
    assert cohorts_of(design) == EXPECTED
    assert not any("after the last period" in note for note in design.notes)


def test_zero_is_never_treated_also_where_periods_are_dates():
    frame = cities().assign(t=lambda f: pd.to_datetime(f["t"].astype(str)))
    frame["g"] = (
        frame["g"].map({2003: pd.Timestamp("2003-01-01"), 2004: pd.Timestamp("2004-01-01"), NEVER: 0}).astype(object)
    )
    assert [len(m) for m in cohorts_of(design_of(frame)).values()] == [2, 1, 2]


def test_zero_is_refused_where_it_could_be_a_period_or_mean_never():
    frame = cities()
    frame["t"], frame["g"] = frame["t"] - 2003, frame["g"] - 2003
    assert "g is 0, which could be the period 0 or mean never treated" in refused(frame, first_treated="g")
    treated = design_of(frame, first_treated=None, treated="treated")
    assert list(cohorts_of(treated)) == ["0", "1", "never treated"]


def test_years_do_not_pass_for_dates():
    frame = cities().assign(t=lambda f: pd.to_datetime(f["t"].astype(str)))
    assert "g holds 2003" in refused(frame, first_treated="g")


def test_text_that_is_no_period_is_not_a_date():
    frame = cities().assign(
        t=lambda f: f["t"].astype(str), g=lambda f: f["g"].map({2003: "2003", 2004: "2004", NEVER: "none"})
    )
    message = refused(frame, first_treated="g")
    assert message.startswith("g holds 'none', which is not among the periods 2001 to 2004.")


def test_a_date_between_two_periods_counts_from_the_next():
    frame = cities().assign(t=lambda f: f["t"] * 2 - 2000)  # 2002, 2004, 2006, 2008
    frame["g"] = frame["g"].replace({2003: 2005, 2004: 2008})
    design = design_of(frame)
    assert design.starts.tolist() == [2, 3, 4]
    assert design.notes[0] == "g 2005 is no observed period: treatment counts from 2006."


def test_a_date_after_the_last_period_is_not_treated_yet_and_this_is_said():
    design = design_of(cities({**DATES, "Peru": 2010}))
    assert cohorts_of(design) == EXPECTED
    assert (
        "1 unit first treated after the last period (2004): not treated in these data, so counted as never treated."
        in design.notes
    )


def test_with_anticipation_a_date_after_the_last_period_is_left_out():
    design = design_of(cities({**DATES, "Peru": 2005}), anticipation=1)
    assert cohorts_of(design)["never treated"] == ["Wabash"]
    assert any("1 unit first treated after the last period (2004): left out" in note for note in design.notes)


def test_a_cohort_of_the_first_period_is_left_out_of_the_effect_and_this_is_said():
    frame = cities({**DATES, "Peru": 2001})
    design = design_of(frame)
    note = "1 unit treated in the first period (2001) already left out: there is no period before treatment to compare with."
    assert note in design.notes
    effect = fitted("callaway_santanna", frame)
    assert note in effect.notes
    assert effect.sample.n_units == 4
    without = fitted("callaway_santanna", frame[frame["id"] != "Peru"])
    assert effect.overall == without.overall


# ---- treatment that cannot be read -------------------------------------------------------------------


def switching():
    """Gary's treatment ends in 2004; Wabash is treated at first and until 2002."""
    frame = cities()
    frame.loc[(frame["id"] == "Gary") & (frame["t"] == 2004), "treated"] = 0
    frame.loc[(frame["id"] == "Wabash") & (frame["t"] < 2003), "treated"] = 1
    return frame


def test_cohorts_of_treatment_that_switches_off_are_by_its_first_change():
    design = design_of(switching(), first_treated=None, treated="treated")
    assert cohorts_of(design) == {
        "2003": ["Gary", "Hobart"], "off in 2003": ["Wabash"], "2004": ["Muncie"], "never treated": ["Peru"],
    }  # fmt: skip
    assert (design.starts.tolist(), design.leaving.tolist()) == ([2, 2, 3, 4], [False, True, False, False])
    assert design.treatment[0].tolist() == [False, False, True, False]
    assert (
        "Treatment 'treated' switches off in 2 units (Gary in 2004, Wabash in 2003): cohorts are by the first change "
        "of treatment." in design.notes
    )


def test_units_that_are_always_treated_start_at_the_first_period_beside_treatment_that_switches_off():
    frame = switching()
    frame.loc[frame["id"] == "Peru", "treated"] = 1
    design = design_of(frame, first_treated=None, treated="treated")
    assert cohorts_of(design)["2001"] == ["Peru"]
    assert (design.never_treated, design.always_treated.tolist()) == (None, [0])


@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe", "event_study", "did_2x2"])
def test_treatment_that_switches_off_is_refused_with_who_and_when_and_what_takes_it(estimator):
    with pytest.raises(DesignError) as caught:
        fitted(estimator, switching(), first_treated=None, treated="treated")
    message = str(caught.value)
    assert "Treatment 'treated' switches off in 2 units (Gary in 2004, Wabash in 2003)." in message
    assert "These designs need treatment that stays on. Use chaisemartin_dhaultfoeuille, or " in message


def test_treatment_that_switches_off_only_in_units_that_are_dropped_is_no_obstacle():
    frame = cities()
    frame.loc[(frame["id"] == "Gary") & (frame["t"] == 2004), "treated"] = 0
    design = design_of(frame.drop(index=0), first_treated=None, treated="treated", balance="drop")
    assert design.reversals is None
    assert cohorts_of(design) == {"2003": ["Hobart"], "2004": ["Muncie"], "never treated": ["Peru", "Wabash"]}


@pytest.mark.parametrize(("value", "shown"), [(2, "2"), (0.5, "0.5"), (-1, "-1")])
def test_treatment_other_than_zero_and_one_is_refused(value, shown):
    frame = cities().astype({"treated": float})
    frame.loc[7, "treated"] = value
    assert f"treated has to be 0 or 1; it holds {shown}." in refused(frame, treated="treated")


def test_treatment_in_words_is_refused():
    frame = cities().assign(treated=lambda f: f["treated"].map({0: "no", 1: "yes"}))
    assert "treated has to be 0 or 1; it holds 'no', 'yes'." in refused(frame, treated="treated")


@pytest.mark.parametrize("kind", [float, object, "boolean", "Int64"])
def test_treatment_that_is_missing_is_refused(kind):
    frame = cities().astype({"treated": float})
    frame.loc[[2, 7], "treated"] = np.nan
    frame["treated"] = frame["treated"].astype(kind)
    assert "treated is missing in 2 rows" in refused(frame, treated="treated")


def test_a_first_treated_period_that_varies_within_a_unit_is_refused():
    frame = cities()
    frame.loc[3, "g"] = 2004
    message = refused(frame, error=DataError, first_treated="g")
    assert "'g' varies within 1 unit: id Gary has 2003 in its first period and 2004 in 2004" in message


def test_a_first_treated_period_in_words_is_refused():
    frame = cities().assign(g=lambda f: f["g"].map({2003: "in 2003", 2004: "later", NEVER: np.nan}))
    assert "g holds 'in 2003', which cannot be compared with the periods 2001 to 2004" in refused(
        frame, first_treated="g"
    )


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ({"first_treated": "gg"}, "There is no column 'gg' in the data. Did you mean 'g'?"),
        ({"treated": "treatd"}, "There is no column 'treatd' in the data. Did you mean 'treated'?"),
        ({"group": "treatd", "starts": 2003}, "There is no column 'treatd' in the data. Did you mean 'treated'?"),
        (
            {"first_treated": "g", "cluster": "contry"},
            "There is no column 'contry' in the data. Did you mean 'county'?",
        ),
    ],
)
def test_a_column_that_is_not_there_is_named_with_the_nearest(way, words):
    assert refused(cities(), error=DataError, **way) == words


@pytest.mark.parametrize(
    "ways",
    [
        {},
        {"first_treated": "g", "treated": "treated"},
        {"group": "treated"},
        {"first_treated": "g", "starts": 2003},
        {"starts": 2003},
    ],
)
def test_treatment_is_said_in_exactly_one_way(ways):
    assert (
        "exactly one way" in (message := refused(cities(), error=UsageError, **ways))
        or "group and starts go together" in message
    )


def test_a_mapping_with_an_unknown_unit_names_the_nearest():
    message = refused(cities(), cohorts={"Garry": 2003, "Hobart": 2003})
    assert message == "cohorts names 'Garry', which is no id in the data. Did you mean 'Gary'?"


def test_all_unknown_units_of_a_mapping_are_named_at_once():
    with pytest.raises(DesignError) as caught:
        design_of(cities(), first_treated=None, cohorts={"Garry": 2003, "Hobbart": 2003, "Muncie": 2004})
    assert len(caught.value.problems) == 2


def test_a_mapping_to_a_date_after_the_data_is_refused():
    message = refused(cities(), cohorts={"Gary": 2031})
    assert "cohorts.Gary starts in 2031, after the last period (2004)." in message


def test_a_mapping_finds_units_that_are_numbers():
    frame = drawn({3: 1, NEVER: 4}, 5, seed=1)
    design = design_of(frame, first_treated=None, cohorts={0: 2, "3": 3})
    assert cohorts_of(design) == {"2": ["0"], "3": ["3"], "never treated": ["1", "2", "4"]}


@pytest.mark.parametrize("starts", [2001, 1990, 2005, np.nan])
def test_a_group_starts_after_the_first_and_not_after_the_last_period(starts):
    frame = cities().assign(near=lambda f: (f["county"] == "a") * 1)
    message = refused(frame, group="near", starts=starts)
    assert "has to lie after the first period (2001) and not after the last (2004)" in message


@pytest.mark.parametrize("way", [{"treated": "treated"}, {"cohorts": {"Gary": 2003}}])
def test_cross_sections_do_not_take_ways_that_need_units(way):
    message = refused(cities(), panel=panel_of(cities(), unit=None), **way)
    assert "repeated cross-sections" in message
    assert "group and starts" in message


def test_a_group_that_varies_within_a_unit_is_refused():
    assert "varies within" in refused(cities(), error=DataError, group="treated", starts=2003)


# ---- nobody left to compare --------------------------------------------------------------------------


def test_no_unit_treated_is_refused():
    assert "No unit is treated within the data." in refused(cities({}), first_treated="g")


def test_everyone_treated_at_once_is_refused():
    message = refused(cities(dict.fromkeys(PATHS, 2003)), first_treated="g", control="not_yet")
    assert message == (
        "Everyone is treated, all from 2003 on: nobody is left to compare with. Add units that are not treated, or say "
        "`control: none` to compare each with its own course before (interrupted_time_series, structural_time_series)."
    )


def test_no_never_treated_unit_is_refused_where_controls_are_never_treated():
    everyone = {**DATES, "Peru": 2004, "Wabash": 2004}
    message = refused(cities(everyone), first_treated="g")
    assert "No unit is never treated, and `control: never` needs some." in message
    assert "`control: not_yet` to compare with units that are treated later (up to 2004)" in message
    assert design_of(cities(everyone), control="not_yet").never_treated is None


def test_everyone_treated_before_the_data_begin_is_refused():
    message = refused(cities(dict.fromkeys(["Gary", "Hobart"], 2001)), first_treated="g")
    assert "No unit starts treatment after the first period: the treated ones are treated in 2001 already." in message


def test_a_cohort_of_one_unit_is_named():
    (note,) = design_of(cities()).notes
    assert (
        note
        == "Cohort 2004 is one unit (Muncie): its own variation cannot be seen, so no standard error rests on it alone."
    )


# ---- balance ---------------------------------------------------------------------------------------


def test_an_unbalanced_panel_is_refused_with_how_many_and_which():
    message = refused(cities().drop(index=[1, 2, 9]), first_treated="g")
    assert "2 units of 5 are not observed in each period (Gary lacks 2002, 2003; Muncie lacks 2002)" in message
    assert "`balance: drop`" in message
    assert "`balance: repeated_cross_sections`" in message


def test_one_unbalanced_unit_is_spoken_of_in_the_singular():
    assert "1 unit of 5 is not observed in each period" in refused(cities().drop(index=[1]), first_treated="g")
    for balance, words in (("drop", "1 unit not observed"), ("repeated_cross_sections", "1 unit is not observed")):
        assert any(words in note for note in design_of(cities().drop(index=[1]), balance=balance).notes)


def test_of_many_unbalanced_units_five_are_named():
    frame = drawn({2: 10, NEVER: 10}, 4, seed=1)
    message = refused(frame[~((frame["t"] == 1) & (frame["id"] < 9))], first_treated="g")
    assert (
        "9 units of 20 are not observed in each period (0 lacks 1; 1 lacks 1; 2 lacks 1; 3 lacks 1; 4 lacks 1 and 4 more units)"
        in message
    )


def test_dropping_leaves_out_the_incomplete_units_and_names_them():
    frame = drawn({2: 5, 3: 5, NEVER: 5}, 5, seed=1)
    holes = frame.drop(index=[0, 1, 72])
    gone = sorted({frame.loc[0, "id"], frame.loc[72, "id"]})
    effect = fitted("callaway_santanna", holes, balance="drop")
    assert effect.overall == fitted("callaway_santanna", frame[~frame["id"].isin(gone)]).overall
    assert f"2 units not observed in each period left out ({', '.join(map(str, gone))})." in effect.notes


def test_a_cohort_that_balancing_empties_is_gone():
    frame = cities()
    design = design_of(frame.drop(index=frame.index[frame["id"] == "Muncie"][0]), balance="drop")
    assert list(cohorts_of(design)) == ["2003", "never treated"]


def test_rows_without_an_outcome_are_counted():
    frame = cities()
    frame.loc[[4, 5], "y"] = np.nan
    design = si.Design.from_panel(panel_of(frame, missing="drop"), first_treated="g", balance="drop")
    assert design.notes[:2] == (
        "2 rows without an outcome left out.",
        "1 unit not observed in each period left out (Hobart).",
    )


def test_treatment_that_may_have_begun_unobserved_is_said():
    frame = cities()
    gone = frame.index[(frame["id"] == "Gary") & (frame["t"] == 2003)]  # Gary's first treated year
    design = design_of(frame.drop(index=gone), first_treated=None, treated="treated", balance="repeated_cross_sections")
    assert "Gary" in cohorts_of(design)["2004"]
    note = "treated: treatment counts from the first treated row, and there is no row of the period before it for Gary."
    assert note in design.notes


def test_a_row_without_an_outcome_still_says_when_treatment_began():
    frame = cities()
    frame.loc[(frame["id"] == "Gary") & (frame["t"] == 2003), "y"] = None  # Gary's first treated year
    panel = si.Panel.from_frame(frame, unit="id", period="t", outcome="y", missing="drop")
    design = si.Design.from_panel(panel, treated="treated", balance="repeated_cross_sections")
    assert "Gary" in cohorts_of(design)["2003"]
    assert not any("no row" in note for note in design.notes)


def test_a_design_that_leaves_out_many_units_says_whom_the_answer_is_about():
    design = design_of(cities().drop(index=[1, 18]), balance="drop")  # a year of Gary and one of Wabash
    assert "That is 40% of all units: the answer is about the 3 units that remain." in design.notes


def test_pairwise_keeps_incomplete_units_and_says_how_they_count():
    design = design_of(cities().drop(index=[1]), balance="pairwise")
    assert design.incomplete
    assert design.cohort_codes.tolist() == [0, 0, 1, 2, 2]
    assert design.cluster_codes is None
    assert (
        "1 unit is not observed in each period; two periods are compared by the units observed in both." in design.notes
    )


def test_pairwise_is_for_estimators_that_pick_the_units_they_can_compare():
    panel = panel_of(cities().drop(index=[1]))
    design = si.Design.from_panel(panel, first_treated="g", balance="pairwise")
    for estimator in ("twfe", "event_study", "sun_abraham"):
        with pytest.raises(DesignError, match="`balance: pairwise` is for callaway_santanna"):
            si.estimate(estimator, panel, design)


def test_pairwise_changes_nothing_in_a_complete_panel():
    assert not design_of(cities(), balance="pairwise").incomplete


def test_each_observation_is_used_where_the_panel_is_read_as_cross_sections():
    design = design_of(cities().drop(index=[1, 2]), balance="repeated_cross_sections")
    assert design.cross_sections
    assert design.cohort_codes.tolist() == [0, 0, 1, 2, 2]
    assert design.cluster_codes.tolist() == [0, 1, 2, 3, 4]


# ---- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"control": "nver"}, "control is 'nver'; it has to be one of never, not_yet, none. Did you mean 'never'?"),
        (
            {"base_period": "universel"},
            "base_period is 'universel'; it has to be one of varying, universal. Did you mean 'universal'?",
        ),
        (
            {"balance": "dropp"},
            "balance is 'dropp'; it has to be one of strict, drop, pairwise, repeated_cross_sections. Did you mean 'drop'?",
        ),
        ({"anticipation": -1}, "anticipation is -1; it has to be a whole number of periods, 0 or more."),
        ({"anticipation": 0.5}, "anticipation is 0.5; it has to be a whole number"),
        ({"anticipation": True}, "anticipation is True; it has to be a whole number"),
        ({"anticipation": "1"}, "anticipation is '1'; it has to be a whole number"),
    ],
)
def test_a_bad_option_is_refused_with_those_there_are(option, words):
    assert words in refused(cities(), first_treated="g", **option)


def test_all_bad_options_are_named_at_once():
    message = refused(cities(), first_treated="g", control="nver", base_period="x", balance="y", anticipation=-1)
    assert message.startswith("4 problems")


# ---- clusters --------------------------------------------------------------------------------------


def test_clusters_are_read_from_a_column():
    assert design_of(cities(), cluster="county").cluster_codes.tolist() == [0, 0, 0, 1, 1]


def test_clusters_of_rows_do_not_depend_on_the_rows_order():
    frame = pd.DataFrame({"t": 1, "y": np.arange(6.0), "d": [0, 1] * 3, "place": ["c", "c", "a", "a", "b", "b"]})
    for rows in (np.arange(6), np.arange(6)[::-1], np.array([2, 0, 4, 1, 5, 3])):
        some = frame.iloc[rows]
        panel = si.Panel.from_frame(some, unit=None, period="t", outcome="y")
        codes = si.Design.from_panel(panel, exposure="d", cluster="place").cluster_codes
        assert list(codes) == ["abc".index(p) for p in some["place"]]


def test_clustering_by_the_unit_is_the_default():
    assert design_of(cities(), cluster="id").cluster_codes is None


def test_a_cluster_that_varies_within_a_unit_is_refused():
    frame = cities()
    frame.loc[2, "county"] = "z"
    message = refused(frame, error=DataError, first_treated="g", cluster="county")
    assert "'county' varies within 1 unit: id Gary has a in its first period and z in 2003" in message


@pytest.mark.parametrize("gone", [None, np.nan, pd.NA])
def test_a_missing_cluster_is_refused(gone):
    frame = cities()
    frame["county"] = frame["county"].astype(object).where(frame["id"] != "Peru", gone)
    assert "Cluster column 'county' is missing for 1 unit" in refused(frame, first_treated="g", cluster="county")


def test_one_cluster_is_refused():
    message = refused(cities().assign(county="Lake"), first_treated="g", cluster="county")
    assert "Cluster column 'county' has one value (Lake); a standard error needs at least two clusters." in message


def test_one_cluster_left_after_dropping_units_is_refused():
    frame = cities().assign(county=lambda f: (f["id"] == "Wabash").map({True: "a", False: "b"}))
    frame = frame.drop(index=frame.index[frame["id"] == "Wabash"][0])
    assert "at least two clusters" in refused(frame, first_treated="g", cluster="county", balance="drop")


# ---- leaving units out -------------------------------------------------------------------------------


def test_a_design_without_a_unit_leaves_the_first_design_as_it_was():
    design = design_of(cities())
    reduced = design.without(np.array([0]))
    assert reduced.cohort_codes.tolist() == [-1, 0, 1, 2, 2]
    assert design.cohort_codes.tolist() == [0, 0, 1, 2, 2]


def test_anticipation_leaves_out_only_units_that_are_treated_soon_after_the_data():
    frame = long(PATHS, {**DATES, "Peru": 2005, "Wabash": 2030})  # the data end in 2004
    design = design_of(frame, anticipation=1)
    assert cohorts_of(design)["never treated"] == ["Wabash"]
    assert any("left out, because they may anticipate it" in note for note in design.notes)
    assert any("counted as never treated" in note for note in design.notes)
