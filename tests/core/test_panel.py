"""A panel is checked once: what it takes, what it refuses, and that it changes nothing."""

import gc

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import scale_impact as si
from scale_impact.errors import DataError, UsageError
from tests.panels import drawn, fitted, long, panel_of

CITIES = {"Gary": [3, 4, 5], "Hobart": [1, 1, 2], "Muncie": [6, 5, 7]}


def cities():
    return long(CITIES, {"Gary": 2002})


def refused(frame, **more):
    with pytest.raises(DataError) as caught:
        panel_of(frame, **more)
    return caught.value


# ---- what it holds ---------------------------------------------------------------------------------


def test_a_balanced_panel_is_a_matrix_of_units_and_periods():
    panel = panel_of(cities())
    assert list(panel.units) == ["Gary", "Hobart", "Muncie"]
    assert list(panel.periods) == [2001, 2002, 2003]
    assert panel.matrix.tolist() == [[3, 4, 5], [1, 1, 2], [6, 5, 7]]
    assert (panel.n_units, panel.n_periods, panel.n_obs, panel.missing) == (3, 3, 9, 0)


def test_rows_come_in_any_order():
    panel = panel_of(cities().sample(frac=1, random_state=4))
    assert panel.matrix.tolist() == [[3, 4, 5], [1, 1, 2], [6, 5, 7]]
    assert panel.unit_codes.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert panel.period_codes.tolist() == [0, 1, 2] * 3


def test_a_panel_with_gaps_keeps_its_observations_in_order():
    panel = panel_of(cities().drop(index=[4]).iloc[::-1])
    assert not panel.balanced
    assert panel.values.tolist() == [3, 4, 5, 1, 2, 6, 5, 7]
    assert panel.unit_codes.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert panel.period_codes.tolist() == [0, 1, 2, 0, 2, 0, 1, 2]
    assert panel.cell_counts().tolist() == [3, 2, 3]
    with pytest.raises(DataError, match="not balanced"):
        _ = panel.matrix


def test_repeated_cross_sections_have_no_units():
    panel = panel_of(cities(), unit=None)
    assert not panel.followed
    assert not panel.balanced
    assert panel.n_units == panel.n_obs == 9
    assert panel.values.tolist() == [3, 4, 5, 1, 1, 2, 6, 5, 7]


def test_other_columns_are_read_in_the_panels_order():
    frame = cities().assign(inhabitants=lambda f: f["id"].map({"Gary": 70, "Hobart": 29, "Muncie": 65}), k=range(9))
    panel = panel_of(frame.iloc[::-1])
    assert panel.column("k").tolist() == list(range(9))
    assert panel.unit_column("inhabitants").tolist() == [70, 29, 65]


def test_a_column_that_varies_within_a_unit_is_no_unit_column():
    frame = cities().assign(state=["IN", "IN", "OH", *["IN"] * 6])
    with pytest.raises(
        DataError, match=r"'state' varies within 1 unit: id Gary has IN in its first period and OH in 2003"
    ):
        panel_of(frame).unit_column("state")


def test_missing_values_of_a_unit_column_are_equal_to_each_other():
    frame = cities().assign(since=[np.nan] * 3 + [2002.0] * 6)
    assert np.isnan(panel_of(frame).unit_column("since")[0])


def test_a_unit_column_that_is_missing_in_some_rows_varies():
    frame = cities().assign(since=[np.nan, 2002.0, 2002.0, *[2002.0] * 6])
    with pytest.raises(DataError, match="varies within 1 unit: id Gary has nan in its first period and 2002 in 2002"):
        panel_of(frame).unit_column("since")


def test_the_digest_knows_the_data_and_not_the_order_of_rows():
    frame = cities()
    digest = panel_of(frame).digest
    assert panel_of(frame.sample(frac=1, random_state=0)).digest == digest
    assert panel_of(frame.assign(y=frame["y"] + (frame.index == 0) * 1e-9)).digest != digest
    assert panel_of(frame.assign(id=frame["id"].replace("Gary", "East Chicago"))).digest != digest
    assert panel_of(frame.assign(t=frame["t"] + 1)).digest != digest


def test_the_digest_of_cross_sections_does_not_know_the_order_of_rows_either():
    frame = cities()
    assert panel_of(frame.iloc[::-1], unit=None).digest == panel_of(frame, unit=None).digest


# ---- the frame is left alone -----------------------------------------------------------------------


@pytest.mark.parametrize("rows", ["in order", "shuffled", "with a gap"])
def test_a_frame_is_never_changed(rows):
    frame = drawn({2: 4, 3: 5, np.inf: 6}, 5, seed=1)
    frame = {"in order": frame, "shuffled": frame.sample(frac=1, random_state=2), "with a gap": frame.drop(index=7)}[
        rows
    ]
    before = frame.copy(deep=True)
    for name in ("callaway_santanna", "twfe", "event_study"):
        fitted(name, frame, balance="drop")
    assert_frame_equal(frame, before)


def test_a_panel_does_not_follow_later_changes_of_the_frame():
    frame = drawn({2: 4, np.inf: 6}, 4, seed=1).sort_values(["id", "t"], ignore_index=True)
    panel = panel_of(frame)
    as_it_was = frame.copy(deep=True)
    frame.loc[:, "y"] = 0.0
    frame["g"] = 1
    assert panel.values.tolist() == as_it_was["y"].tolist()
    assert panel.column("g").tolist() == as_it_was["g"].tolist()
    assert panel.digest == panel_of(as_it_was).digest


def test_the_outcomes_of_a_panel_cannot_be_written():
    panel = panel_of(cities())
    with pytest.raises(ValueError, match="read-only"):
        panel.values[0] = 9
    with pytest.raises(ValueError, match="read-only"):
        panel.matrix[0, 0] = 9


def test_moments_of_a_panel_that_is_gone_are_forgotten():
    from scale_impact.core import cohorts

    before = len(cohorts._MEMO)
    fitted("callaway_santanna", drawn({2: 4, np.inf: 6}, 4, seed=1))
    gc.collect()
    assert len(cohorts._MEMO) <= before


# ---- kinds of labels and outcomes -------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [str, lambda i: f"c{i:03d}", float, lambda i: i if i % 2 else str(i), lambda i: (i, "town")],
    ids=["text", "padded text", "float", "text and numbers mixed", "tuples"],
)
def test_units_are_named_by_anything(convert):
    frame = drawn({2: 4, 3: 5, np.inf: 6}, 5, seed=3)
    named = frame.assign(id=pd.Series([convert(i) for i in frame["id"]], index=frame.index))
    a, b = fitted("callaway_santanna", frame).overall, fitted("callaway_santanna", named).overall
    # the same sums in another order: a few units in the last place
    assert b.value == pytest.approx(a.value, rel=1e-12)
    assert b.std_error == pytest.approx(a.std_error, rel=1e-12)


def test_units_may_be_a_categorical():
    frame = drawn({2: 4, 3: 5, np.inf: 6}, 5, seed=3)
    named = frame.assign(id=frame["id"].astype(str).astype("category"))
    assert fitted("twfe", named).overall.value == pytest.approx(
        fitted("twfe", frame).overall.value, rel=1e-12
    )  # order of sums


YEARS = range(2001, 2006)
PERIODS = {
    "text": lambda: [str(y) for y in YEARS],
    "dates": lambda: list(pd.to_datetime([f"{y}-01-01" for y in YEARS])),
    "dates in nanoseconds": lambda: list(pd.to_datetime([f"{y}-01-01" for y in YEARS]).as_unit("ns")),
    "dates with a time zone": lambda: list(pd.to_datetime([f"{y}-01-01" for y in YEARS]).tz_localize("Europe/Zurich")),
    "pandas periods": lambda: list(pd.period_range("2001", "2005", freq="Y")),
    "uneven years": lambda: [1990, 1995, 2001, 2002, 2020],
}


@pytest.mark.parametrize("kind", PERIODS)
def test_periods_are_numbers_dates_or_texts(kind):
    frame = drawn({2: 4, 3: 5, np.inf: 6}, 5, seed=3)
    labels = dict(enumerate(PERIODS[kind]()))
    dated = frame.assign(t=frame["t"].map(labels), g=frame["g"].map(labels))
    a, b = fitted("callaway_santanna", frame), fitted("callaway_santanna", dated.sample(frac=1, random_state=1))
    # the same matrix: a few units in the last place
    assert b.overall.value == pytest.approx(a.overall.value, rel=1e-12)
    assert b.overall.std_error == pytest.approx(a.overall.std_error, rel=1e-12)
    assert list(b.by_cohort.cohorts) == [labels[2], labels[3]]


def test_periods_may_be_an_ordered_categorical():
    frame = drawn({2: 4, 3: 5, np.inf: 6}, 5, seed=3)
    months = dict(enumerate(["jan", "feb", "mar", "apr", "may"]))
    dated = frame.assign(
        t=pd.Categorical(frame["t"].map(months), months.values(), ordered=True), g=frame["g"].map(months)
    )
    effect = fitted("callaway_santanna", dated)
    assert list(effect.by_cohort.cohorts) == ["mar", "apr"]
    assert effect.overall.value == pytest.approx(
        fitted("callaway_santanna", frame).overall.value, rel=1e-12
    )  # the same matrix


@pytest.mark.parametrize("kind", ["Float64", "float32", "Int64", "int8", "boolean", "bool"])
def test_outcomes_are_any_kind_of_number(kind):
    frame = drawn({2: 4, 3: 5, np.inf: 6}, 5, seed=3).assign(y=lambda f: (f["y"] > 0).astype(float))
    a, b = (fitted("callaway_santanna", f).overall for f in (frame, frame.assign(y=frame["y"].astype(kind))))
    assert (a.value, a.std_error) == (b.value, b.std_error)


def test_all_columns_may_be_nullable():
    frame = drawn({2: 4, 3: 5, np.inf: 6}, 5, seed=3)
    years = frame.assign(g=frame["g"].replace(np.inf, np.nan), treated=frame["t"] >= frame["g"])
    nullable = years.astype({"id": "Int64", "t": "Int64", "g": "Int64", "y": "Float64", "treated": "boolean"})
    a = fitted("callaway_santanna", frame).overall
    assert fitted("callaway_santanna", nullable).overall == a
    assert fitted("callaway_santanna", nullable, first_treated=None, treated="treated").overall == a


# ---- what it refuses ------------------------------------------------------------------------------


def test_a_column_that_is_not_there_is_named_with_the_nearest_that_is():
    problems = refused(cities().rename(columns={"y": "unemployment"}), outcome="unemploymnt").problems
    assert problems == ("There is no column 'unemploymnt' in the data. Did you mean 'unemployment'?",)


def test_a_column_unlike_any_other_lists_them_all():
    assert "Known: g, id, t, y." in str(refused(cities(), outcome="claims_per_head"))


def test_all_columns_that_are_not_there_are_named_at_once():
    problems = refused(cities(), unit="idd", period="time", outcome="yy", covariates=["lpop"]).problems
    assert len(problems) == 4


def test_all_problems_of_the_rows_are_named_at_once():
    frame = cities()
    frame.loc[0, "y"], frame.loc[1, "y"], frame.loc[4, "id"], frame["t"] = (
        np.inf,
        np.nan,
        None,
        frame["t"].where(frame.index != 8),
    )
    problems = refused(frame).problems
    assert [p.split(" ")[:2] for p in problems] == [
        ["Column", "'id'"],
        ["Column", "'t'"],
        ["Outcome", "'y'"],
        ["Outcome", "'y'"],
    ]


def test_duplicate_rows_are_named():
    frame = pd.concat([cities(), cities().iloc[[1, 5]]])
    message = str(refused(frame))
    assert "2 pairs of id and t have more than one row: Gary in 2002, Hobart in 2003." in message


def test_of_many_duplicates_five_are_named():
    frame = pd.concat([cities(), cities()])
    assert "9 pairs of id and t have more than one row: Gary in 2001, Gary in 2002" in str(refused(frame))
    assert "and 4 more" in str(refused(frame))


def test_a_duplicate_in_place_of_a_missing_period_is_seen():
    frame = cities()
    frame.loc[1, "t"] = 2001  # the count of rows is right, the periods are not
    assert "Gary in 2001" in str(refused(frame))


def test_text_in_the_outcome_is_shown_with_its_place():
    frame = cities().astype({"y": object})
    frame.loc[4, "y"] = "n.a."
    assert "Outcome 'y' is not a number in 1 row (Hobart/2002): 'n.a.'." in str(refused(frame))


def test_numbers_written_as_text_say_how_to_convert_them():
    assert "Convert it with pandas.to_numeric" in str(refused(cities().astype({"y": str})))


@pytest.mark.parametrize("kind", ["datetime64[ns]", "complex128"])
def test_an_outcome_that_is_no_number_is_refused(kind):
    assert "is not a number" in str(refused(cities().astype({"y": kind})))


def test_an_infinite_outcome_is_shown_with_its_place():
    frame = cities()
    frame.loc[4, "y"] = -np.inf  # the log of no claims
    assert "Outcome 'y' is infinite in 1 row (Hobart/2002)" in str(refused(frame))


def test_a_missing_outcome_is_shown_with_its_place():
    frame = cities()
    frame.loc[[0, 1, 4, 8], "y"] = np.nan
    assert "Outcome 'y' is missing in 4 rows (Gary/2001, Gary/2002, Hobart/2002, ...)" in str(refused(frame))


def test_missing_outcomes_are_cells_not_observed_where_the_caller_says_so():
    frame = cities()
    frame.loc[4, "y"] = np.nan
    panel = panel_of(frame, missing="drop")
    assert (panel.missing, panel.n_obs, panel.balanced) == (1, 8, False)


def test_infinite_outcomes_are_refused_also_where_missing_ones_are_dropped():
    frame = cities()
    frame.loc[4, "y"] = np.inf
    assert "infinite" in str(refused(frame, missing="drop"))


def test_data_whose_outcomes_are_all_missing_are_refused():
    assert "y" in str(refused(cities().assign(y=np.nan), missing="drop"))


def test_an_unknown_way_with_missing_outcomes_is_refused():
    frame = cities()
    frame.loc[4, "y"] = np.nan
    with pytest.raises((UsageError, DataError), match="missing"):
        panel_of(frame, missing="ignore")


@pytest.mark.parametrize("column", ["id", "t"])
def test_a_missing_label_is_named_with_its_row(column):
    frame = cities()
    frame[column] = frame[column].astype(object).where(frame.index != 5, None)
    assert f"Column {column!r} is missing in 1 row, first at row 5" in str(refused(frame))


def test_labels_that_do_not_sort_are_refused():
    frame = cities()
    frame["id"] = [("a", 1) if i == "Gary" else {"Hobart": 2.5, "Muncie": "x"}[i] for i in frame["id"]]
    assert "mixes" in str(refused(frame))


def test_no_rows_are_refused():
    assert "have no rows" in str(refused(cities().iloc[:0]))


def test_two_columns_of_one_name_are_refused():
    frame = cities()
    frame = pd.concat([frame, frame[["y"]]], axis=1)
    assert "'y'" in str(refused(frame))


def test_dates_in_messages_are_dates_whatever_their_resolution():
    frame = cities()
    frame["t"] = pd.to_datetime(frame["t"].astype(str)).astype("datetime64[ns]")
    panel = panel_of(frame.drop(index=4))
    with pytest.raises(si.errors.DesignError, match="Hobart lacks 2002-01-01"):
        si.Design.from_panel(panel, cohorts={"Gary": "2002-01-01"})


def test_outcomes_that_cannot_be_squared_are_refused():
    frame = long({"Gary": [1.0, 1e200], "Muncie": [2.0, 3.0]}, {"Gary": 2002, "Muncie": np.inf})
    with pytest.raises(DataError, match=r"beyond 1e\+100 in 1 row"):
        panel_of(frame)
