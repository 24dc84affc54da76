"""Which values there are, and why others are missing."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.building.coverage import coverage
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.errors import DataError

NA = float("nan")


def frame():
    """A: complete. B: from 2001 on, with a hole in 2002. C: until 2001. D: no x at all. Row D/2003 is not there."""
    x = {"A": [1, 1, 1, 1], "B": [NA, 1, NA, 1], "C": [1, 1, NA, NA], "D": [NA, NA, NA]}
    rows = [(u, 2000 + k, v, 1.0) for u, values in x.items() for k, v in enumerate(values)]
    return pd.DataFrame(rows, columns=["u", "t", "x", "y"]).sample(frac=1, random_state=1)


def test_cells_are_counted_by_column_with_the_reason_of_those_that_are_missing():
    table = coverage(frame(), "u", "t").to_frame().set_index("column")
    assert table.loc["x", ["observed", "missing", "first", "last"]].tolist() == [8, 8, 2000, 2003]
    assert table.loc["x", ["never observed", "not yet started", "ended", "gap"]].tolist() == [4, 1, 2, 1]
    assert table.loc["y", ["observed", "missing", "ended"]].tolist() == [15, 1, 1]


def test_the_share_of_a_cell_is_that_of_its_columns():
    found = coverage(frame(), "u", "t")
    assert (found.units, found.periods) == (("A", "B", "C", "D"), (2000, 2001, 2002, 2003))
    assert found.share.tolist() == [[1, 1, 1, 1], [0.5, 1, 0.5, 1], [1, 1, 0.5, 0.5], [0.5, 0.5, 0.5, 0]]


def test_missing_values_are_listed_as_stretches():
    found = coverage(frame(), "u", "t", ["x"]).missing
    assert found[["unit", "from", "to", "periods", "reason"]].to_numpy().tolist() == [
        ["B", 2000, 2000, 1, "not yet started"], ["B", 2002, 2002, 1, "gap"], ["C", 2002, 2003, 2, "ended"], ["D", 2000, 2003, 4, "never observed"],
    ]  # fmt: skip


def test_reasons_that_are_known_stand_before_those_that_are_inferred():
    gaps = pd.DataFrame(
        {"unit": ["B", "A", "Z"], "period": [2002, 2000, 2002], "column": "x", "reason": "confidential"}
    )
    found = coverage(frame(), "u", "t", ["x"], gaps)
    table = found.to_frame().iloc[0]
    assert (table["confidential"], table["gap"], table["observed"]) == (1, 0, 8)
    assert found.missing.set_index(["unit", "from"]).at[("B", 2002), "reason"] == "confidential"


def test_it_is_said_in_sentences():
    said = coverage(frame(), "u", "t").sentences()
    assert said[0] == "4 units x 4 periods (2000 to 2003), 2 columns: 71.9 % of all values are there; 1 unit complete."
    assert said[1] == "Not complete: x (50.0 %), y (93.8 %)."
    assert said[2] == "Missing: 4 never observed, 3 ended, 1 not yet started, 1 gap."


def test_nearly_all_is_not_called_all():
    big = pd.DataFrame({"u": np.repeat(np.arange(200), 10), "t": np.tile(np.arange(10), 200), "x": 1.0})
    assert "100 % of all values" in coverage(big, "u", "t").sentences()[0]
    big.loc[5, "x"] = NA
    assert "99.9 % of all values" in coverage(big, "u", "t").sentences()[0]


def test_rows_that_repeat_count_once():
    twice = pd.concat([frame(), frame().assign(x=NA)])
    assert coverage(twice, "u", "t").share.tolist() == coverage(frame(), "u", "t").share.tolist()


def test_parquet_files_have_the_coverage_of_their_frame(tmp_path):
    frame().to_parquet(tmp_path / "a.parquet", index=False)
    one, other = coverage(ParquetTable.of(tmp_path), "u", "t"), coverage(frame(), "u", "t")
    assert one.share.tolist() == other.share.tolist()
    pd.testing.assert_frame_equal(one.missing, other.missing)


def test_a_column_that_is_not_there_is_an_error_with_the_nearest():
    with pytest.raises(DataError, match="There is no column 'z'"):
        coverage(frame(), "u", "t", ["z"])
