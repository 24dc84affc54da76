"""Parquet of any size and order comes down to the moments of the same data in memory, or is refused as they are."""

import duckdb
import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core import keys, streams_parquet
from scale_impact.core.cohorts import cohort_moments
from scale_impact.core.streams_parquet import without_progress
from scale_impact.errors import DataError, DesignError, StreamedError, UsageError
from tests.panels import NEVER, drawn
from tests.streamed import adopters, assert_same, in_memory, same_moments, scattered, with_gaps, write_parquet

FIRST = {"first_treated": "g", "control": "not_yet"}


@pytest.fixture
def few_rows(monkeypatch):
    """Parts of some 100 rows."""
    monkeypatch.setattr(streams_parquet, "BYTES_A_ROW", streams_parquet.bytes_of("1GB") / 100)


def streamed(path, *, unit="id", period="t", outcome="y", **more):
    return si.stream_parquet(path, unit=unit, period=period, outcome=outcome, **more)


def problem(kind, path, **more):
    with pytest.raises(kind) as caught:
        streamed(path, **more)
    return "\n".join(caught.value.problems)


# ---- equal to the data in memory -------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", [None, "state", "id"])
@pytest.mark.parametrize("order", ["by unit", "by period", "in none"])
def test_files_in_any_order_give_the_moments_of_the_frame(tmp_path, few_rows, order, cluster):
    frame = adopters()
    path = scattered(frame, tmp_path / "data", order=order)
    assert_same(streamed(path, cluster=cluster, **FIRST), in_memory(frame, cluster=cluster, **FIRST))


@pytest.mark.parametrize(
    ("ids", "order"), [("decimal", "in none"), ("text", "in none"), ("text", "by unit"), ("date", "by unit")]
)
def test_units_may_be_numbers_texts_or_dates(tmp_path, few_rows, ids, order):
    frame = adopters(1, ids=ids)
    assert_same(streamed(scattered(frame, tmp_path / "data", order=order), **FIRST), in_memory(frame, **FIRST))


@pytest.mark.parametrize("cluster", [None, "state"])
@pytest.mark.parametrize("balance", ["drop", "repeated_cross_sections"])
@pytest.mark.parametrize(("ids", "order"), [("whole", "in none"), ("text", "by unit")])
def test_units_with_gaps_are_treated_as_balance_says(tmp_path, few_rows, ids, order, balance, cluster):
    frame = with_gaps(adopters(2, ids=ids))
    options = {"balance": balance, "cluster": cluster, **FIRST}
    assert_same(streamed(scattered(frame, tmp_path / "data", order=order), **options), in_memory(frame, **options))


@pytest.mark.parametrize("balance", ["drop", "repeated_cross_sections"])
@pytest.mark.parametrize("missing", ["rows", "outcomes"])
def test_a_column_of_zeros_and_ones_says_who_is_treated(tmp_path, few_rows, balance, missing):
    frame = adopters(3)
    options = {"treated": "treated", "control": "not_yet", "balance": balance}
    if missing == "rows":
        frame = with_gaps(frame)
    else:
        options["missing"] = "drop"
        frame.loc[np.random.default_rng(1).choice(len(frame), 25, replace=False), "y"] = np.nan
    assert_same(streamed(scattered(frame, tmp_path / "data", order="in none"), **options), in_memory(frame, **options))


def test_rows_without_an_outcome_are_left_out_where_that_is_asked(tmp_path, few_rows):
    frame = adopters(4)
    frame.loc[[3, 50, 51, 200], "y"] = np.nan
    options = {"missing": "drop", "balance": "drop", **FIRST}
    assert_same(streamed(scattered(frame, tmp_path / "data", order="in none"), **options), in_memory(frame, **options))


def test_periods_may_be_dates(tmp_path, few_rows):
    frame = adopters(5, dates=True)
    assert_same(streamed(scattered(frame, tmp_path / "data", order="in none"), **FIRST), in_memory(frame, **FIRST))


def test_periods_may_be_texts(tmp_path, few_rows):
    frame = adopters(5)
    frame = frame.assign(t="Q" + frame["t"].astype(str), g=frame["g"].map({2002: "Q2002", 2003: "Q2003"}))
    assert_same(streamed(scattered(frame, tmp_path / "data", order="in none"), **FIRST), in_memory(frame, **FIRST))


@pytest.mark.parametrize("ids", ["whole", "decimal", "text"])
def test_a_mapping_of_units_says_who_is_treated(tmp_path, few_rows, ids):
    frame = adopters(6, ids=ids)
    units = sorted(frame["id"].unique())
    options = {"cohorts": {units[3]: 2002, units[20]: 2002, units[30]: 2004}}
    assert_same(streamed(scattered(frame, tmp_path / "data", order="in none"), **options), in_memory(frame, **options))


def test_a_group_and_a_date_say_who_is_treated(tmp_path, few_rows):
    frame = adopters(7).assign(near=lambda f: (f["state"] < 4).astype(int))
    options = {"group": "near", "starts": 2003}
    assert_same(streamed(scattered(frame, tmp_path / "data", order="in none"), **options), in_memory(frame, **options))


@pytest.mark.parametrize("cluster", [None, "state"])
def test_repeated_cross_sections_without_units(tmp_path, monkeypatch, cluster):
    monkeypatch.setattr(streams_parquet, "VECTORS", 1)
    frame = pd.concat([adopters(k, n=200) for k in range(3)], ignore_index=True).drop(columns="id")
    frame = frame.sample(frac=0.9, random_state=1, ignore_index=True)
    path = write_parquet(frame, tmp_path / "all.parquet")
    options = {"unit": None, "cluster": cluster, **FIRST}
    assert_same(streamed(path, **options), in_memory(frame, **options))


@pytest.mark.parametrize("anticipation", [0, 1, 5])
def test_units_treated_after_the_data_are_read_as_in_memory(tmp_path, few_rows, anticipation):
    frame = adopters(8).assign(g=lambda f: f["g"].replace(2010, 2006))
    options = {**FIRST, "anticipation": anticipation}
    assert_same(streamed(scattered(frame, tmp_path / "data", order="in none"), **options), in_memory(frame, **options))


def test_levels_of_a_thousand_million_cost_no_digits(tmp_path, few_rows):
    frame = adopters(9)
    frame["y"] = np.round(frame["y"] * 2**18) / 2**18 + 2.0**30  # exact in 64 bits
    streamed_, whole = streamed(scattered(frame, tmp_path / "d", order="in none"), **FIRST), in_memory(frame, **FIRST)
    same_moments(cohort_moments(*streamed_), cohort_moments(*whole), rel=1e-9)


@pytest.mark.parametrize("order", ["by unit", "in none"])
def test_moments_do_not_depend_on_the_number_of_threads(tmp_path, few_rows, monkeypatch, order):
    path = scattered(adopters(), tmp_path / "data", order=order)
    found = []
    for number in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", number)
        found.append(si.Cohorts.from_parquet(path, unit="id", period="t", outcome="y", first_treated="g"))
    assert np.array_equal(found[0].scatter, found[1].scatter)
    assert np.array_equal(found[0].centres, found[1].centres)


# ---- how files are found and read ------------------------------------------------------------------------


def moments_of(path):
    return si.Cohorts.from_parquet(path, unit="id", period="t", outcome="y", first_treated="g")


def test_a_file_a_list_a_pattern_and_a_folder_are_all_taken(tmp_path):
    frame = adopters()
    folder = scattered(frame, tmp_path / "data")
    whole = write_parquet(frame, tmp_path / "whole.parquet")
    expected = moments_of(whole)
    for path in (folder, str(folder), folder / "*.parquet", sorted(folder.glob("*")), [str(folder / "part-*.parquet")]):
        same_moments(moments_of(path), expected)


def test_columns_may_lie_in_another_order_in_another_file(tmp_path):
    frame = adopters()
    write_parquet(frame.iloc[:100], tmp_path / "data/a.parquet")
    write_parquet(frame.iloc[100:, ::-1], tmp_path / "data/b.parquet")
    same_moments(moments_of(tmp_path / "data"), cohort_moments(*in_memory(frame, **FIRST)))


def test_files_in_order_of_the_unit_are_read_where_they_lie(tmp_path, few_rows, monkeypatch):
    monkeypatch.setattr(streams_parquet._Reader, "_by_hash", None)
    frame = adopters()
    same_moments(moments_of(scattered(frame, tmp_path / "data")), cohort_moments(*in_memory(frame, **FIRST)))


def test_temporary_files_are_removed(tmp_path, few_rows, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    moments_of(scattered(adopters(), tmp_path / "data", order="in none"))
    assert list(scratch.iterdir()) == []


def test_row_groups_within_a_file_are_cut_too(tmp_path, monkeypatch):
    monkeypatch.setattr(streams_parquet, "BYTES_A_ROW", streams_parquet.bytes_of("1GB") / 3000)
    monkeypatch.setattr(streams_parquet._Reader, "_by_hash", None)
    frame = drawn({2: 800, 3: 700, NEVER: 1500}, 4, seed=1).sort_values(["id", "t"])
    path = write_parquet(frame, tmp_path / "whole.parquet", row_group=2048)
    same_moments(moments_of(path), cohort_moments(*in_memory(frame, first_treated="g")))


def test_names_of_columns_may_be_anything(tmp_path, few_rows):
    names = {"id": "label", "t": "the 'period'", "y": 'y"s', "g": "code", "state": "unit"}
    frame = adopters().rename(columns=names)
    path = write_parquet(frame.sample(frac=1, random_state=1), tmp_path / "it's odd.parquet")
    columns = {"unit": "label", "period": "the 'period'", "outcome": 'y"s', "cluster": "unit"}
    options = {**columns, **FIRST, "first_treated": "code"}
    assert_same(streamed(path, **options), in_memory(frame, **options))


# ---- refused, with what and where ------------------------------------------------------------------------


def as_in_memory(path, frame, **options):
    """The problem of the files, which is that of the frame word by word."""
    with pytest.raises((DataError, DesignError)) as known:
        in_memory(frame, **{**FIRST, **options})
    found = problem(type(known.value), path, **{**FIRST, **options})
    assert found == "\n".join(known.value.problems)
    return found


@pytest.mark.parametrize("ids", ["whole", "text"])
def test_rows_that_are_there_twice_are_named(tmp_path, few_rows, ids):
    frame = adopters(ids=ids)
    frame = pd.concat([frame, frame.iloc[[3, 100, 101, 7]]], ignore_index=True)
    found = as_in_memory(scattered(frame, tmp_path / "data", order="in none"), frame)
    assert found.startswith("4 pairs of id and t have more than one row:")


@pytest.mark.parametrize("lost", [1, 40])
def test_incomplete_units_are_refused_with_what_they_lack(tmp_path, few_rows, lost):
    frame = with_gaps(adopters(), lost)
    found = as_in_memory(scattered(frame, tmp_path / "data", order="in none"), frame)
    assert "not observed in each period" in found


@pytest.mark.parametrize("order", ["by unit", "in none"])
def test_treatment_that_varies_within_a_unit_is_named(tmp_path, few_rows, order):
    frame = adopters()
    frame.loc[[8, 77], "g"] = 2001.0
    found = as_in_memory(scattered(frame, tmp_path / "data", order=order), frame)
    assert found.startswith("Column 'g' varies within 2 units: id 1 has")


def test_a_cluster_that_varies_within_a_unit_is_named(tmp_path, few_rows):
    frame = adopters()
    frame.loc[8, "state"] = 99
    found = as_in_memory(scattered(frame, tmp_path / "data", order="in none"), frame, cluster="state")
    assert "Column 'state' varies within 1 unit: id 1 has" in found


def test_one_cluster_is_refused(tmp_path):
    frame = adopters().assign(state=3)
    as_in_memory(scattered(frame, tmp_path / "data"), frame, cluster="state")


def test_missing_outcomes_are_refused_with_where_they_are(tmp_path):
    frame = adopters()
    frame.loc[[3, 9], "y"] = np.nan
    as_in_memory(scattered(frame, tmp_path / "data"), frame)
    frame.loc[[20, 30], "y"] = np.inf
    as_in_memory(scattered(frame, tmp_path / "more"), frame)
    frame.loc[40, "y"] = 1e200
    assert "beyond 1e+100" in as_in_memory(scattered(frame, tmp_path / "most"), frame)


def test_missing_labels_are_refused_with_file_and_row(tmp_path):
    frame = adopters(ids="text")
    frame.loc[[100, 101], "id"] = None
    path = write_parquet(frame, tmp_path / "all.parquet")
    assert problem(DataError, path, **FIRST) == (
        "Column 'id' is missing in 2 rows, first at row 100 of all.parquet. Fill it or drop these rows."
    )


def test_treatment_that_switches_off_is_refused_with_who_and_when(tmp_path, few_rows):
    frame = adopters()
    frame.loc[frame["t"] == 2005, "treated"] = 0
    found = problem(DesignError, scattered(frame, tmp_path / "data", order="in none"), treated="treated")
    assert "Treatment 'treated' switches off in " in found
    assert "chaisemartin_dhaultfoeuille" in found


@pytest.mark.parametrize("way", [{"treated": "state"}, {"group": "state", "starts": 2003}])
def test_a_column_that_is_not_zero_or_one_is_refused(tmp_path, way):
    path = scattered(adopters().assign(state=lambda f: f["state"] % 9), tmp_path / "data")
    assert problem(DesignError, path, **way) == "state has to be 0 or 1; it holds 2, 3, 4 and 4 more."


def test_nobody_treated_is_refused(tmp_path):
    frame = adopters().assign(g=np.nan)
    as_in_memory(scattered(frame, tmp_path / "data"), frame)


def test_a_unit_that_is_not_there_is_refused(tmp_path):
    path = scattered(adopters(), tmp_path / "data")
    assert "cohorts names '4711', which is no id in the data." in problem(DesignError, path, cohorts={4711: 2002})


def test_columns_and_options_that_are_not_there_are_named(tmp_path):
    path = scattered(adopters(), tmp_path / "data")
    assert problem(DataError, path, first_treated="gg") == "There is no column 'gg' in the data. Did you mean 'g'?"
    assert (
        problem(UsageError, path, first_treatd="g")
        == "There is no option 'first_treatd'. Did you mean 'first_treated'?"
    )
    assert "in exactly one way" in problem(UsageError, path)


def test_an_outcome_that_is_text_is_refused(tmp_path):
    path = write_parquet(adopters().assign(y="1,5"), tmp_path / "all.parquet")
    assert "Outcome 'y' is of type VARCHAR, not a number." in problem(DataError, path, **FIRST)


def test_a_file_that_is_none_or_no_parquet_is_refused(tmp_path):
    assert "There is no Parquet file" in problem(DataError, tmp_path / "none.parquet", **FIRST)
    (tmp_path / "text.parquet").write_text("id,t,y")
    assert "text.parquet cannot be read as Parquet" in problem(DataError, tmp_path / "text.parquet", **FIRST)


@pytest.mark.parametrize("memory", ["much", "10MB", "1"])
def test_memory_is_a_size(tmp_path, memory):
    path = scattered(adopters(), tmp_path / "data")
    assert f"memory is '{memory}'; write a size" in problem(DataError, path, memory=memory, **FIRST)


# ---- what can be done with a streamed panel --------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Streamed and whole, for each way to deal with gaps."""
    frame = with_gaps(adopters(n=120, periods=7), 40)
    path = scattered(frame, tmp_path_factory.mktemp("data"), order="in none")
    options = {b: {"balance": b, "first_treated": "g"} for b in ("drop", "repeated_cross_sections")}
    return {b: (streamed(path, **o), in_memory(frame, **o)) for b, o in options.items()}


@pytest.mark.parametrize("balance", ["drop", "repeated_cross_sections"])
@pytest.mark.parametrize(
    "name", [n for n in keys.names("estimators") if not keys.missing_options("estimators", n, "fit", {})]
)
def test_estimates_from_streamed_data_are_those_from_the_frame(pairs, name, balance):
    found, whole = pairs[balance]
    try:
        known = si.estimate(name, *whole)
    except (DesignError, UsageError) as error:
        with pytest.raises((type(error), StreamedError)):
            si.estimate(name, *found)
        return
    by_row = known.adjusted is not None or name == "randomised_rollout"
    if known.counterfactual is not None or by_row:  # donors and rows are single units
        with pytest.raises(StreamedError, match="stream: false"):
            si.estimate(name, *found)
        return
    effect = si.estimate(name, *found)
    assert effect.sample == known.sample
    assert effect.notes == known.notes
    for row, expected in zip(effect.rows(), known.rows(), strict=True):
        numbers = {k for k, v in expected.items() if isinstance(v, float)}
        assert {k: row[k] for k in numbers} == pytest.approx({k: expected[k] for k in numbers}, rel=1e-9, abs=1e-10)
        assert {k: v for k, v in row.items() if k not in numbers} == {
            k: v for k, v in expected.items() if k not in numbers
        }


def test_whoever_asks_for_single_units_is_refused(tmp_path):
    panel, design = streamed(scattered(adopters(), tmp_path / "data"), cluster="state", **FIRST)
    asks = [
        lambda: panel.matrix, lambda: panel.column("state"), lambda: panel.unit_name(0), lambda: panel.unit_codes[0],
        lambda: np.asarray(panel.values), lambda: design.cohort_codes == 1, lambda: design.members(0), lambda: panel.digest,
        lambda: np.flatnonzero(design.cohort_codes), lambda: design.without(np.array([0])), lambda: design.cluster_codes[0],
        lambda: np.arange(60)[design.cohort_codes], lambda: design.cohort_codes + 1, lambda: list(panel.units),
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(StreamedError, match="are streamed"):
            ask()


def test_a_check_that_needs_single_units_is_inapplicable(tmp_path):
    panel, design = streamed(scattered(adopters(), tmp_path / "data"), **FIRST)
    found = si.check("leave_one_out", panel, design, lambda p, d: si.estimate("callaway_santanna", p, d))
    assert found.verdict == "inapplicable"
    assert "streamed" in found.reason


def test_a_progress_bar_that_is_off_is_left_alone():
    """A kernel without widgets refuses that the bar is set at all, off included; here the settings are locked."""
    with duckdb.connect() as con:
        without_progress(con)
        con.execute("SET lock_configuration = true")
        without_progress(con)
        assert con.execute("SELECT current_setting('enable_progress_bar')").fetchone() == (False,)
