"""Names by a file, and boundaries that were redrawn: arithmetic by hand."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.building.crosswalk import INCOMPLETE, NOBODY, VALUELESS, crossed, named, units_by_name
from scale_impact.core.building.recipe import Crosswalk, Names
from scale_impact.errors import DataError


def write(folder, text, name="lines.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def frame(rows, columns=("people", "jobless")):
    return pd.DataFrame(rows, columns=["u", "t", *columns])


HOW = {"file": "lines.csv", "counts": ["people"], "rates": {"jobless": "people"}}


def cross(folder, rows, text, columns=("people", "jobless"), **more):
    path = write(folder, text)
    return crossed(frame(rows, columns), "u", "t", path, Crosswalk(**{**HOW, **more}))


def problem(folder, rows, text, columns=("people", "jobless"), **more):
    with pytest.raises(DataError) as caught:
        cross(folder, rows, text, columns, **more)
    return "\n".join(caught.value.problems)


SPLIT = "from,to,weight\nA,X,0.25\nA,Y,0.75\nB,Y,1\n"
ROWS = [("A", 2000, 400.0, 10.0), ("B", 2000, 100.0, 30.0)]


def test_counts_are_shared_out_and_rates_averaged_by_weight_and_count(tmp_path):
    found = cross(tmp_path, ROWS, SPLIT).frame
    # Y: 300 people at 10 % and 100 at 30 %
    assert found.to_numpy().tolist() == [["X", 2000, 100.0, 10.0], ["Y", 2000, 400.0, 15.0]]
    assert found["people"].sum() == 500


def test_a_rate_of_one_old_unit_stays_to_the_last_digit_and_without_people(tmp_path):
    rows = [("A", 2000, 0.0, 0.1), ("B", 2000, 3.0, 0.1 + 0.2)]
    found = cross(tmp_path, rows, "from,to,weight\nA,X,1\nB,Y,1\n").frame
    assert found["jobless"].tolist() == [0.1, 0.1 + 0.2]


def test_a_count_of_which_a_part_is_missing_is_missing(tmp_path):
    rows = [("A", 2000, float("nan"), 10.0), ("B", 2000, 100.0, 30.0)]
    found = cross(tmp_path, rows, SPLIT)
    assert found.frame["people"].isna().all()
    assert found.frame["jobless"].isna().tolist() == [False, True]
    assert found.gaps.to_numpy().tolist() == [["Y", 2000, "people", VALUELESS], ["Y", 2000, "jobless", VALUELESS]]


def test_a_rate_of_nobody_takes_nothing_away(tmp_path):
    both = "from,to,weight\nA,Y,1\nB,Y,1\n"
    rows = [("A", 2000, 0.0, float("nan")), ("B", 2000, 100.0, 5.0)]
    found = cross(tmp_path, rows, both)
    assert found.frame.to_numpy().tolist() == [["Y", 2000, 100.0, 5.0]]
    assert found.gaps.empty
    nobody = cross(tmp_path, [("A", 2000, 0.0, float("nan")), ("B", 2000, 0.0, 5.0)], both)
    assert nobody.gaps.to_numpy().tolist() == [["Y", 2000, "jobless", NOBODY]]


def test_weights_that_do_not_add_up_to_one_are_refused_unless_that_is_said(tmp_path):
    text = "from,to,weight\nA,X,0.5\nB,X,1\n"
    said = problem(tmp_path, ROWS, text)
    assert "the weights of 'A' add up to 0.5 (in 2000), not to 1" in said
    assert "complete: false" in said
    assert cross(tmp_path, ROWS, text, complete=False).frame["people"].tolist() == [300.0]
    assert "'A' add up to 1.2" in problem(tmp_path, ROWS, "from,to,weight\nA,X,0.6\nA,Y,0.6\nB,X,1\n", complete=False)


def test_weights_that_were_rounded_need_a_tolerance(tmp_path):
    text = "from,to,weight\nA,X,0.333\nA,Y,0.333\nA,Z,0.333\nB,X,1\n"
    assert "add up to 0.999" in problem(tmp_path, ROWS, text)
    assert len(cross(tmp_path, ROWS, text, tolerance=0.002).frame) == 3


def test_units_that_the_file_does_not_name_are_refused_or_kept(tmp_path):
    text = "from,to,weight\nA,X,1\n"
    assert "'B' (in 2000) is not in lines.csv" in problem(tmp_path, ROWS, text)
    assert cross(tmp_path, ROWS, text, unlisted="keep").frame["u"].tolist() == ["B", "X"]


MERGER = "from,to,weight\nA,C,1\nB,C,1\n"
SPANS = {"valid_from": "since", "valid_until": "until"}
DATED = "from,to,weight,since,until\nA,C,1,,2000\nB,C,1,,2000\nC,C,1,2001,\n"


def test_two_units_that_became_a_new_one_are_that_one_in_all_years(tmp_path):
    rows = [("A", 2000, 4.0, 10.0), ("B", 2000, 1.0, 20.0), ("C", 2001, 6.0, 11.0)]
    found = cross(tmp_path, rows, DATED, **SPANS)
    assert found.frame.to_numpy().tolist() == [["C", 2000, 5.0, 12.0], ["C", 2001, 6.0, 11.0]]
    assert found.gaps.empty
    assert found.notes == ()


def test_a_unit_that_swallowed_another_is_the_sum_before(tmp_path):
    rows = [("A", 2000, 4.0, 10.0), ("B", 2000, 1.0, 20.0), ("A", 2001, 6.0, 11.0)]
    text = "from,to,weight,until\nB,A,1,2000\n"
    found = cross(tmp_path, rows, text, unlisted="keep", valid_until="until")
    assert found.frame["people"].tolist() == [5.0, 6.0]
    assert found.gaps.empty


@pytest.mark.parametrize("absent", [2016, 2018, 2020])
@pytest.mark.parametrize("unit", ["A", "B"])
def test_a_unit_that_reports_late_is_no_loss_at_the_start_in_the_middle_or_at_the_end(tmp_path, unit, absent):
    amounts = {"A": 50.0, "B": 100.0}
    rows = [(u, t, n, 1.0) for u, n in amounts.items() for t in range(2016, 2021) if (u, t) != (unit, absent)]
    for text, more in (("A,B,1\nB,B,1\n", {}), ("A,B,1\n", {"unlisted": "keep"})):
        found = cross(tmp_path, rows, "from,to,weight\n" + text, **more)
        people = found.frame.set_index("t")["people"]
        assert pd.isna(people.pop(absent))
        assert people.tolist() == [150.0] * 4
        assert set(found.gaps["reason"]) == {INCOMPLETE}
        assert set(found.gaps["period"]) == {absent}
        assert "1 new unit and period is missing because old units have no row where" in found.notes[0]
        assert f"line in lines.csv holds: {unit} in {absent}. " in found.notes[0]
        assert "valid_until, valid_from" in found.notes[0]


def test_a_unit_of_which_the_file_says_that_it_ended_or_had_not_begun_is_not_missed(tmp_path):
    rows = [("A", t, 50.0, 1.0) for t in (2016, 2017)] + [("B", t, 100.0, 1.0) for t in (2017, 2018)]
    text = "from,to,weight,since,until\nA,B,1,,2017\nB,B,1,2017,\n"
    found = cross(tmp_path, rows, text, **SPANS)
    assert found.frame["people"].tolist() == [50.0, 150.0, 100.0]
    assert found.gaps.empty


REFORMS = """from,to,weight,since,until
A,E,1,,2017
B,E,0.5,,2017
B,F,0.5,,2017
C,E,1,2018,2020
D,F,1,,2020
B,F,1,2018,2020
E,E,1,2021,
F,F,1,2021,
"""


def reform_rows(leave_out=()):
    """2018: A and half of B become C, the other half stays B. 2021: C becomes E; B and D become F."""
    amounts = {
        "A": (30.0, 2016, 2017), "B": (20.0, 2016, 2017), "b": (10.0, 2018, 2020), "C": (40.0, 2018, 2020),
        "D": (5.0, 2016, 2020), "E": (40.0, 2021, 2022), "F": (15.0, 2021, 2022),
    }  # fmt: skip
    rows = [(u.upper(), t, n, 1.0) for u, (n, since, until) in amounts.items() for t in range(since, until + 1)]
    return [r for r in rows if r[:2] not in leave_out]


def test_two_reforms_in_a_row_give_the_units_after_the_last_one_in_all_years(tmp_path):
    found = cross(tmp_path, reform_rows(), REFORMS, **SPANS)
    people = found.frame.pivot(index="u", columns="t", values="people")
    assert people.index.tolist() == ["E", "F"]
    assert people.loc["E"].tolist() == [40.0] * 7
    assert people.loc["F"].tolist() == [15.0] * 7
    assert found.gaps.empty
    for unit, year, new in (("B", 2017, {"E", "F"}), ("D", 2020, {"F"}), ("B", 2018, {"F"})):
        late = cross(tmp_path, reform_rows({(unit, year)}), REFORMS, **SPANS)
        assert set(late.gaps["unit"]) == new
        assert set(late.gaps["period"]) == {year}


def test_a_merger_whose_result_was_merged_again_needs_lines_to_the_last_unit(tmp_path):
    text = "from,to,weight,since,until\nA,D,1,,2017\nB,D,1,,2017\nC,D,1,2018,2020\nD,D,1,,\n"
    spans = {"A": (2016, 2017), "B": (2016, 2017), "C": (2018, 2020), "D": (2016, 2022)}
    rows = [(u, t, 1.0 + (u == "C"), 1.0) for u, (a, b) in spans.items() for t in range(a, b + 1)]
    found = cross(tmp_path, rows, text, **SPANS)
    assert found.frame["people"].tolist() == [3.0] * 5 + [1.0] * 2
    assert found.gaps.empty


def test_lines_that_lead_from_one_reform_to_the_next_are_refused(tmp_path):
    text = REFORMS.replace("A,E,1,,2017\nB,E,0.5", "A,C,1,,2017\nB,C,0.5")
    said = problem(tmp_path, reform_rows(), text, **SPANS)
    assert "A, B become C (in 2016), which becomes E (in 2018). Lines are not followed" in said
    undated = [("A", 2016, 1.0, 1.0), ("C", 2018, 1.0, 1.0)]
    assert "A becomes C (in 2016), which becomes E" in problem(tmp_path, undated, "from,to,weight\nA,C,1\nC,E,1\n")


def test_codes_that_were_exchanged_or_used_again_are_no_chain(tmp_path):
    rows = [("A", 2016, 1.0, 1.0), ("B", 2016, 2.0, 1.0), ("A", 2017, 1.0, 1.0), ("B", 2017, 2.0, 1.0)]
    found = cross(tmp_path, rows, "from,to,weight\nA,B,1\nB,A,1\n").frame
    assert found["people"].tolist() == [2.0, 2.0, 1.0, 1.0]
    again = "from,to,weight,since,until\nA,X,1,,2016\nA,A,1,2017,\nB,B,1,,\n"
    found = cross(tmp_path, rows, again, **SPANS).frame
    assert found["u"].tolist() == ["A", "B", "B", "X"]


def test_a_new_unit_of_which_an_old_one_is_missing_is_missing_with_the_reason(tmp_path):
    rows = [
        ("A", 2000, 4.0, 10.0),
        ("B", 2000, 1.0, 20.0),
        ("A", 2001, 4.0, 10.0),
        ("A", 2002, 4.0, 10.0),
        ("B", 2002, 1.0, 20.0),
    ]
    found = cross(tmp_path, rows, MERGER)
    assert found.frame["people"].isna().tolist() == [False, True, False]
    assert found.gaps.to_dict("records")[0] == {"unit": "C", "period": 2001, "column": "people", "reason": INCOMPLETE}


def test_an_old_unit_whose_data_begin_later_leaves_the_new_one_incomplete(tmp_path):
    rows = [("A", 2000, 4.0, 10.0), ("A", 2001, 4.0, 10.0), ("B", 2001, 1.0, 20.0)]
    assert cross(tmp_path, rows, MERGER).frame["people"].isna().tolist() == [True, False]


def test_part_of_a_unit_that_moved_does_not_stand_for_a_unit_that_is_missing(tmp_path):
    text = "from,to,weight,until\nA,C,0.1,2001\nA,A,0.9,2001\n"
    rows = [(u, t, 100.0, 1.0) for u in "AC" for t in (2000, 2001, 2002) if (u, t) != ("C", 2001)]
    found = cross(tmp_path, rows, text, valid_until="until", unlisted="keep").frame
    people = found.pivot(index="u", columns="t", values="people")
    assert people.loc["A"].tolist() == [90.0, 90.0, 100.0]
    assert people.loc["C", 2000] == 110
    assert pd.isna(people.loc["C", 2001])
    assert people.loc["C", 2002] == 100


def test_lines_hold_from_and_until_the_period_that_they_say(tmp_path):
    text = "from,to,weight,since,until\nA,X,1,,2000\nA,Y,1,2001,\n"
    rows = [("A", "1999-12", 1.0, 1.0), ("A", "2000-12", 1.0, 1.0), ("A", "2001-01", 1.0, 1.0)]
    found = cross(tmp_path, rows, text, valid_from="since", valid_until="until").frame
    assert found[["u", "t"]].to_numpy().tolist() == [["X", "1999-12"], ["X", "2000-12"], ["Y", "2001-01"]]
    assert "cannot be compared" in problem(tmp_path, rows, text.replace("2001", "wave"), valid_from="since")


def test_text_is_the_same_or_refused(tmp_path):
    rows = [("A", 2000, "north"), ("B", 2000, "north")]
    how = {"counts": [], "rates": {}, "same": ["region"]}
    assert cross(tmp_path, rows, SPLIT, ("region",), **how).frame["region"].tolist() == ["north", "north"]
    rows[1] = ("B", 2000, "south")
    assert "old units of 'Y' do not agree in 'region' (in 2000: north, south" in problem(
        tmp_path, rows, SPLIT, ("region",), **how
    )


def test_what_is_wrong_with_the_recipe_is_said_at_once(tmp_path):
    said = problem(tmp_path, ROWS, SPLIT, counts=["peple"], rates={"jobless": "people"})
    assert "say of 'people' whether it is one of `counts`, `rates` or `same`" in said
    assert "there is no column 'peple'. Did you mean 'people'?" in said
    assert "crosswalk.rates.jobless is averaged by 'people', which is not among `counts`" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from,to,weight\nA,X,a half\nB,,1\n", "line 2: weight is 'a half'"),
        ("from,to,weight\nA,X,a half\nB,,1\n", "line 3: a unit is empty"),
        ("from,to,weight\nA,X,1.5\n", "line 2: weight is '1.5'"),
        ("from,to,weight\nA,X,0.5\nA,X,0.5\nB,X,1\n", "stand twice for one period: A to X (line 2), A to X (line 3)"),
        ("von,to,weight\nA,X,1\n", "There is no column 'from' in lines.csv"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_with_the_line(tmp_path, text, said):
    assert said in problem(tmp_path, ROWS, text)


def test_units_that_are_numbers_are_refused(tmp_path):
    assert "Units are numbers (1), those of a crosswalk are text" in problem(tmp_path, [(1, 2000, 1.0, 1.0)], SPLIT)


def test_a_source_without_periods_is_crossed_too(tmp_path):
    path = write(tmp_path, SPLIT)
    found = crossed(frame(ROWS).drop(columns="t"), "u", None, path, Crosswalk(**HOW))
    assert found.frame.to_numpy().tolist() == [["X", 100.0, 10.0], ["Y", 400.0, 15.0]]


def test_the_order_of_rows_and_lines_does_not_change_a_digit(tmp_path):
    rows = [(f"o{k}", 2000, 1.1 * k + 0.1, 0.3 * k) for k in range(50)]
    lines = [
        f"o{k},n{(k * j) % 7},{w}" for k in range(50) for j, w in ((1, 0.7), (3, 0.3)) if (k * 1) % 7 != (k * 3) % 7
    ]
    lines += [f"o{k},n{k % 7},1" for k in range(50) if (k * 1) % 7 == (k * 3) % 7]
    one = cross(tmp_path, rows, "\n".join(["from,to,weight", *lines]))
    other = cross(tmp_path, rows[::-1], "\n".join(["from,to,weight", *lines[::-1]]))
    pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)


def test_counts_add_up_to_what_they_were_and_rates_to_the_same_cases(tmp_path):
    rng = np.random.default_rng(4)
    weights = rng.dirichlet(np.ones(4), 30)
    lines = [f"o{k},n{(k + j * 7) % 12},{w!r}" for k, row in enumerate(weights.tolist()) for j, w in enumerate(row)]
    old = frame([(f"o{k}", t, *rng.uniform(1, 9, 2)) for k in range(30) for t in (2000, 2001)])
    path = write(tmp_path, "\n".join(["from,to,weight", *lines]))
    new = crossed(old, "u", "t", path, Crosswalk(**HOW)).frame
    for table in (old, new):
        table["cases"] = table["people"] * table["jobless"]
    pd.testing.assert_frame_equal(
        new.groupby("t")[["people", "cases"]].sum(), old.groupby("t")[["people", "cases"]].sum()
    )


# ---- names ---------------------------------------------------------------------------------------------

NAMES = "name,unit\nZürich,261\nSt. Gallen,3203\nAusland,\n"


def test_names_stand_for_units_by_the_file_only(tmp_path):
    found = units_by_name(write(tmp_path, NAMES), Names(file="x"), ["Zürich", "Ausland"])
    assert found == {"Zürich": "261", "Ausland": None}
    table = named(pd.DataFrame({"city": ["Ausland", "Zürich"], "x": [1, 2]}), "city", found)
    assert table.to_numpy().tolist() == [["261", 2]]


def test_all_names_that_are_not_in_the_file_are_listed_with_near_ones_and_none_is_matched(tmp_path):
    with pytest.raises(DataError) as caught:
        units_by_name(write(tmp_path, NAMES), Names(file="x"), ["Sankt Gallen", "Zurich", "Bern", "Zürich"])
    assert caught.value.problems == (
        "'Bern' is not in lines.csv. Add a line for it.",
        "'Sankt Gallen' is not in lines.csv. Near: 'St. Gallen' (3203). Add a line for it.",
        "'Zurich' is not in lines.csv. Near: 'Zürich' (261). Add a line for it.",
    )


def test_a_name_of_two_units_is_refused(tmp_path):
    with pytest.raises(DataError, match="'Springfield' stands for 17, 25"):
        units_by_name(write(tmp_path, "name,unit\nSpringfield,17\nSpringfield,25\n"), Names(file="x"), ["Springfield"])


# ---- rows that are given ----------------------------------------------------------------------------------

INNER = [
    "complete",
    "there",
    "weight",
    "new",
    "old",
    "line",
    "since",
    "until",
    "p",
    "_p",
    "_complete",
    "lost",
    "several",
    "v0",
    "v1",
]


@pytest.mark.parametrize("name", INNER)
def test_columns_may_be_called_anything(tmp_path, name):
    found = cross(tmp_path, ROWS, SPLIT, (name, "v1x"), counts=[name], rates={"v1x": name}).frame
    assert list(found) == ["u", "t", name, "v1x"]
    assert found.to_numpy().tolist() == [["X", 2000, 100.0, 10.0], ["Y", 2000, 400.0, 15.0]]
    rows = [("A", 2000, "north", 4.0), ("B", 2000, "north", 1.0)]
    same = cross(tmp_path, rows, SPLIT, (name, "people"), rates={}, same=[name]).frame
    assert same.to_numpy().tolist() == [["X", 2000, "north", 1.0], ["Y", 2000, "north", 4.0]]


@pytest.mark.parametrize("period", INNER)
@pytest.mark.parametrize("unit", ["p", "new", "v0"])
def test_units_and_periods_may_be_called_anything(tmp_path, unit, period):
    if unit == period:
        period = "u"
    rows = frame(ROWS).rename(columns={"u": unit, "t": period})
    found = crossed(rows, unit, period, write(tmp_path, SPLIT), Crosswalk(**HOW)).frame
    assert list(found) == [unit, period, "people", "jobless"]
    assert found.to_numpy().tolist() == [["X", 2000, 100.0, 10.0], ["Y", 2000, 400.0, 15.0]]


def test_rows_that_stand_twice_are_refused_before_they_are_summed(tmp_path):
    said = problem(tmp_path, [*ROWS, ROWS[0]], SPLIT)
    assert "'u' and 't' stand twice: A/2000 (rows 1, 3). Leave one out" in said
    quarters = [("A", "2019Q1", 1.0, 1.0), ("A", "2019-Q1", 1.0, 1.0)]
    assert "A/2019Q1 (rows 1, 2)" in problem(tmp_path, quarters, SPLIT)
    path = write(tmp_path, SPLIT)
    constant = frame([ROWS[0], ROWS[0]]).drop(columns="t")
    with pytest.raises(DataError, match="'u' stands twice: A"):
        crossed(constant, "u", None, path, Crosswalk(**HOW))


def test_months_are_crossed_as_the_panel_writes_them(tmp_path):
    rows = [
        ("A", "2019M12", 1.0, 1.0),
        ("B", "2019-12", 1.0, 1.0),
        ("A", "2020-M01", 1.0, 1.0),
        ("B", "2020-01", 1.0, 1.0),
    ]
    found = cross(tmp_path, rows, SPLIT)
    assert found.frame["t"].tolist() == ["2019-12", "2020-01"] * 2
    assert found.gaps.empty


def test_no_rows_and_rows_without_unit_or_period_are_refused(tmp_path):
    assert problem(tmp_path, [], SPLIT) == "There are no rows."
    said = problem(tmp_path, [(None, 2000, 1.0, 1.0), ("B", None, 1.0, 1.0)], SPLIT, counts=["people", "none"])
    assert "'u' is empty in 1 row. Leave these rows out" in said
    assert "'t' is empty in 1 row" in said
    assert "there is no column 'none'" in said
    assert "'u' mixes labels of different kinds ('A' and 7)" in problem(tmp_path, [ROWS[0], (7, 2000, 1.0, 1.0)], SPLIT)


def test_lines_that_hold_for_days_do_not_meet_moments_with_a_time_zone(tmp_path):
    rows = [("A", pd.Timestamp("2000-01-01", tz="UTC"), 1.0, 1.0)]
    text = "from,to,weight,until\nA,X,1,2000-06-30\n"
    assert "moments with a time zone (2000-01-01T00:00:00+00:00), until of lines.csv" in problem(
        tmp_path, rows, text, valid_until="until"
    )


def test_rows_without_a_name_are_refused_and_rows_keep_their_numbers(tmp_path):
    names = units_by_name(write(tmp_path, NAMES), Names(file="x"), ["Zürich", "Ausland"])
    with pytest.raises(DataError, match="'city' is empty in 1 row"):
        named(pd.DataFrame({"city": ["Zürich", None], "x": [1, 2]}), "city", names)
    assert named(pd.DataFrame({"city": ["Ausland", "Zürich"]}), "city", names).index.tolist() == [1]
