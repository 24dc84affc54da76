"""Formats of files beyond CSV, Excel and Parquet: Stata and JSON."""

import json

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.source import Source
from scale_impact.errors import SourceError
from scale_impact.sources._reading import formats


def source(columns, **keys):
    types = {name: {"unit": "1", "meaning": name, **({"type": t} if t else {})} for name, t in columns.items()}
    return Source(title="x", origin="x", licence="CC0", kind="package", file="x", columns=types, **keys)


def read(path, columns, **keys):
    return formats.parse(path, source(columns, **keys))


def problem(path, columns=None, **keys):
    with pytest.raises(SourceError) as caught:
        read(path, columns or {"a": None}, **keys)
    (found,) = caught.value.problems
    return found


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("a.csv", "csv"), ("a.csv.bz2", "csv"), ("a.2019.TSV", "csv"), ("a.xlsx", "excel"), ("a.dta", "stata"), ("a.parquet", "parquet"),
        ("a.geojson", "json"), ("a", None), ("csv", None), ("a.gz", None), ("a.pdf", None),
    ],
)  # fmt: skip
def test_the_ending_names_the_format(name, known):
    assert formats.format_of(name) == known


def test_a_format_that_nobody_knows_is_refused(tmp_path):
    assert "does not say which format it has. Add `format`: csv, excel, parquet, json" in problem(tmp_path / "17")
    assert "format is 'exel'. Did you mean 'excel'?" in problem(tmp_path / "17", format="exel")


# ---- Stata -----------------------------------------------------------------------------------------------


@pytest.fixture
def stata(tmp_path):
    path = tmp_path / "towns.dta"
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical.from_codes([0, 1, 0], ["city", "village"]), "code": ["01", "", "03"], "n": [1.5, np.nan, 3.0],
            "year": np.int16([2019, 2020, 2021]), "day": pd.to_datetime(["2020-01-01", None, "2020-02-29"]),
        }
    )  # fmt: skip
    frame.to_stata(path, write_index=False, convert_dates={"day": "td"})
    return path


def test_stata_gives_numbers_as_stored_and_labels_as_text(stata):
    coded = read(stata, {"kind": None, "code": "text", "n": None, "year": None, "day": "date"})
    assert coded["kind"].tolist() == [0, 1, 0]
    assert coded["year"].dtype == "int64"
    np.testing.assert_array_equal(coded["n"], [1.5, np.nan, 3])
    assert coded["code"][0] == "01"
    assert pd.isna(coded["code"][1])
    assert coded["day"][2] == pd.Timestamp(2020, 2, 29)
    assert read(stata, {"kind": "text"})["kind"].tolist() == ["city", "village", "city"]


def test_what_is_no_stata_file_is_refused(tmp_path):
    (tmp_path / "a.dta").write_bytes(b"nothing of the kind")
    assert "cannot be read as a Stata file" in problem(tmp_path / "a.dta")


def test_the_water_supply_of_london_is_read_as_its_package_ships_it():
    # deaths per 10,000 of 1851's people, causaldata's `snow`; Stata keeps single precision
    from importlib.util import find_spec
    from pathlib import Path

    folder = Path(find_spec("causaldata").submodule_search_locations[0])
    frame = read(folder / "snow/snow.dta", {"year": None, "supplier": "text", "deathrate": None})
    assert frame["year"].tolist() == [1849, 1849, 1854, 1854]
    assert frame["supplier"].tolist() == ["Non-Lambeth Only", "Lambeth + Others"] * 2
    np.testing.assert_allclose(frame["deathrate"], [134.9, 130.1, 146.6, 84.9], rtol=1e-7)


# ---- JSON ------------------------------------------------------------------------------------------------


def written(tmp_path, content, name="a.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


ROWS = [{"a": "01", "b": 1.5}, {"a": "02", "b": "2.5"}, {"a": None, "b": "NA"}]


@pytest.mark.parametrize("content", [ROWS, {"result": {"records": ROWS}, "success": True}])
def test_records_are_found_where_they_are(tmp_path, content):
    frame = read(written(tmp_path, content), {"a": "text", "b": None})
    assert frame["a"].tolist()[:2] == ["01", "02"]
    np.testing.assert_array_equal(frame["b"], [1.5, 2.5, np.nan])


def test_of_several_lists_the_card_names_one(tmp_path):
    path = written(tmp_path, {"x": ROWS, "y": {"z": ROWS[:1]}})
    assert "several lists of records: x, y.z. Name one in `query`" in problem(path)
    assert len(read(path, {"a": "text"}, query="y.z")) == 1
    assert "no list of records at 'y.zz'. Did you mean 'y.z'?" in problem(path, query="y.zz")


def test_the_properties_of_geojson_are_the_rows(tmp_path):
    features = [{"type": "Feature", "geometry": None, "properties": r} for r in ROWS]
    path = written(tmp_path, {"type": "FeatureCollection", "features": features}, "a.geojson")
    assert read(path, {"a": "text"})["a"].tolist()[:2] == ["01", "02"]


def test_texts_among_numbers_of_json_are_named_with_their_row(tmp_path):
    assert "'few' (row 2)" in problem(written(tmp_path, [{"a": 1}, {"a": "few"}, {"a": 3}]), {"a": "number"})


def test_lists_within_records_are_no_values(tmp_path):
    path = written(tmp_path, [{"a": [1], "b": 1}])
    assert "column 'a' holds lists or records" in problem(path)
    assert read(path, {"b": None})["b"].tolist() == [1]


@pytest.mark.parametrize(("content", "said"), [("{", "cannot be read as JSON"), ({"a": 1}, "holds no list of records")])
def test_what_holds_no_records_is_refused(tmp_path, content, said):
    assert said in problem(written(tmp_path, content))


# ---- numbers that mean no value -----------------------------------------------------------------------------


def test_numbers_that_mean_no_value_are_none_in_files_with_types(tmp_path):
    frame = pd.DataFrame({"a": [-999.0, 1.5], "f": np.float32([-99.9, 2]), "n": [-999, 7], "code": ["NA", "x"]})
    frame.to_stata(tmp_path / "a.dta", write_index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.json").write_text(json.dumps(frame.astype({"f": float}).round(1).to_dict("records")))
    columns = {"a": "number", "f": None, "n": None, "code": "text"}
    for name in ("a.dta", "a.parquet", "a.json"):
        found = read(tmp_path / name, columns, missing=("-999", "-99.9"))
        assert found[["a", "f", "n"]].isna().to_numpy().tolist() == [[True] * 3, [False] * 3], name
        assert found["code"][0] == "NA", name
    for name in ("a.dta", "a.parquet"):  # what a card does not name is as it is stored
        assert read(tmp_path / name, columns)["code"][0] == "NA"
        assert read(tmp_path / name, columns)["n"].tolist() == [-999, 7]
        assert pd.isna(read(tmp_path / name, columns, missing=("NA",))["code"][0])


def test_what_is_infinite_is_refused_with_its_row(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1.0}, {"a": 1e400}]')
    assert "(row 2)" in problem(tmp_path / "a.json")
