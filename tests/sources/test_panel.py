"""A card that joins other cards: what it gives, what it refuses, what its results depend on."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.building.crosswalk import INCOMPLETE
from scale_impact.core.source import load_source
from scale_impact.errors import SourceError
from scale_impact.sources import coverage_of, read
from scale_impact.sources._reading.material import digest
from tests.projects import Place, sha256, write_yaml

SENSORS = {"station": "text", "time": "date", "no2": None}
JOBS = {"town": "text", "year": None, "jobs": None, "rate": None}
LAND = {"code": "text", "area": None}


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    days = pd.date_range("2019-01-01", "2020-12-31")
    sensors = pd.concat([
        pd.DataFrame({"station": s, "time": days.strftime("%Y-%m-%d"), "no2": np.arange(len(days)) % 7 + 10.0 * k})
        for k, s in enumerate(("01", "02"))
    ])  # fmt: skip
    card(made, "sensors", sensors, SENSORS)
    jobs = pd.DataFrame(
        [("01", 2019, 100, 5.0), ("01", 2020, 110, 6.0), ("02", 2019, 200, 7.0), ("02", 2020, 220, 8.0)],
        columns=list(JOBS),
    )
    card(made, "jobs", jobs, JOBS, unit="town", period="year")
    card(made, "land", pd.DataFrame({"code": ["02", "01"], "area": [2.5, 1.5]}), LAND, unit="code")
    return made


def described(columns):
    return {c: {"unit": "none", "meaning": c, **({"type": kind} if kind else {})} for c, kind in columns.items()}


def card(place, name, frame, columns, **more):
    path = place.root / f"data/files/{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False)
    keys = {
        "title": name,
        "origin": "a test",
        "licence": "CC0",
        "kind": "csv",
        "file": f"data/files/{name}.csv",
        "sha256": sha256(path),
    }
    return write_yaml(place.root / f"data/sources/{name}.yaml", {**keys, "columns": described(columns), **more})


MEAN = {"to": "year", "rules": {"no2": "mean"}, "at_least": 0.75}
AIR = {"source": "sensors", "unit": "station", "period": "time", "aggregate": MEAN}
COLUMNS = {"town": "text", "year": None, "no2": None, "jobs": None, "area": None}


def panel(place, parts, columns=COLUMNS, **more):
    keys = {"title": "Panel", "origin": "a test", "licence": "CC0", "kind": "panel", "unit": "town", "period": "year"}
    return write_yaml(
        place.root / "data/sources/both.yaml", {**keys, "columns": described(columns), "parts": parts, **more}
    )


def problems(place, parts, columns=COLUMNS, **more):
    with pytest.raises(SourceError) as caught:
        read(panel(place, parts, columns, **more), place.root)
    assert caught.value.where == "data/sources/both.yaml"
    return "\n".join(caught.value.problems)


def lookup(place, text, name="lines"):
    path = place.root / f"data/files/{name}.csv"
    path.write_text(text, encoding="utf-8")
    return f"data/files/{name}.csv"


def test_days_years_and_what_does_not_change_become_one_panel(place):
    found = read(panel(place, [AIR, {"source": "jobs"}, {"source": "land", "period": None}]), place.root)
    assert list(found) == list(COLUMNS)
    assert found[["town", "year", "jobs", "area"]].to_numpy().tolist() == [
        ["01", 2019, 100, 1.5], ["01", 2020, 110, 1.5], ["02", 2019, 200, 2.5], ["02", 2020, 220, 2.5],
    ]  # fmt: skip
    by_hand = (np.arange(365) % 7).mean()
    assert found["no2"].iloc[0] == pytest.approx(by_hand, rel=1e-15)
    assert found["no2"].iloc[2] == pytest.approx(by_hand + 10, rel=1e-15)


def test_columns_can_be_renamed_and_one_column_can_give_several(place):
    rules = {"mean": "mean", "peak": "max", "over": {"share_above": 5}}
    part = {**AIR, "columns": dict.fromkeys(rules, "no2"), "aggregate": {"to": "year", "rules": rules}}
    second = {"source": "jobs", "columns": {"workers": "jobs"}}
    found = read(
        panel(place, [part, second], {"town": "text", "year": None, **dict.fromkeys(rules), "workers": None}),
        place.root,
    )
    assert found["peak"].tolist() == [6, 6, 16, 16]
    assert found["over"].iloc[0] == pytest.approx((np.arange(365) % 7 > 5).mean())
    assert found["workers"].tolist() == [100, 110, 200, 220]


@pytest.mark.parametrize(("keep", "towns"), [("first", ["01", "02"]), ("common", ["01"]), ("all", ["01", "02", "03"])])
def test_a_panel_has_the_rows_of_its_first_part_of_any_or_of_all(place, keep, towns):
    more = pd.DataFrame({"town": ["01", "03"], "year": [2019, 2019], "trees": [5, 6]})
    card(place, "trees", more, {"town": "text", "year": None, "trees": None}, unit="town", period="year")
    columns = {"town": "text", "year": None, "jobs": None, "trees": None}
    found = read(panel(place, [{"source": "jobs"}, {"source": "trees"}], columns, keep=keep), place.root)
    assert sorted(found["town"].unique()) == towns
    assert found.loc[(found["town"] == "01") & (found["year"] == 2019), "trees"].tolist() == [5]


def test_years_are_repeated_in_quarters_where_that_is_said(place):
    quarters = {**AIR, "aggregate": {"to": "quarter", "rules": {"no2": "mean"}}}
    columns = {"town": "text", "year": "text", "no2": None, "jobs": None}
    found = read(panel(place, [quarters, {"source": "jobs", "repeat": True}], columns), place.root)
    assert found.loc[found["year"] == "2020Q3", "jobs"].tolist() == [110, 220]
    assert "Say `repeat: true`" in problems(place, [quarters, {"source": "jobs"}], columns)


def test_boundaries_and_names_are_changed_by_files_of_the_project(place):
    lines = lookup(place, "from,to,weight\n01,X,1\n02,X,0.5\n02,Y,0.5\n")
    names = lookup(place, "name,unit\n01,Y\n02,X\n", "names")
    parts = [
        {
            "source": "jobs",
            "columns": ["jobs", "rate"],
            "crosswalk": {"file": lines, "counts": ["jobs"], "rates": {"rate": "jobs"}},
        },
        {"source": "land", "period": None, "names": {"file": names}},
    ]
    found = read(
        panel(place, parts, {"town": "text", "year": None, "jobs": None, "rate": None, "area": None}), place.root
    )
    assert found["town"].tolist() == ["X", "X", "Y", "Y"]
    assert found["jobs"].tolist() == [200, 220, 100, 110]
    assert found["rate"].tolist() == [6, 7, 7, 8]
    assert found["area"].tolist() == [2.5, 2.5, 1.5, 1.5]


def test_an_old_unit_without_a_row_is_named_in_the_coverage_of_the_panel(place):
    jobs = pd.DataFrame([("01", 2019, 100, 5.0), ("02", 2019, 200, 7.0), ("02", 2020, 220, 8.0)], columns=list(JOBS))
    card(place, "jobs", jobs, JOBS, unit="town", period="year")
    walk = {"file": lookup(place, "from,to,weight\n01,02,1\n02,02,1\n"), "counts": ["jobs"]}
    path = panel(
        place,
        [{"source": "jobs", "columns": ["jobs"], "crosswalk": walk}],
        {"town": "text", "year": None, "jobs": None},
    )
    found = coverage_of(path, place.root)
    assert found.by_column.set_index("column").at["jobs", INCOMPLETE] == 1
    assert any("jobs: 1 new unit and period is missing" in n and "01 in 2020" in n for n in found.notes)
    assert read(path, place.root)["jobs"].isna().tolist() == [False, True]


def test_a_part_can_be_a_panel_itself_and_rules_of_the_card_hold(place):
    inner = panel(place, [AIR], {"town": "text", "year": None, "no2": None})
    inner.rename(inner.with_name("air.yaml"))
    found = read(
        panel(
            place,
            [{"source": "jobs", "columns": ["jobs"]}, {"source": "air"}],
            {k: v for k, v in COLUMNS.items() if k != "area"},
        ),
        place.root,
    )
    assert found["no2"].notna().all()
    columns = described({"town": "text", "year": None, "jobs": None})
    columns["jobs"]["maximum"] = 150
    path = panel(place, [{"source": "jobs", "columns": ["jobs"]}])
    write_yaml(
        path,
        {
            **load_source(path).model_dump(mode="json", exclude_defaults=True, exclude={"columns", "folder"}),
            "columns": columns,
        },
    )
    with pytest.raises(SourceError, match="'jobs' is above its maximum 150 in 2 rows of the data of both"):
        read(path, place.root)


# ---- what is refused -----------------------------------------------------------------------------------


def test_all_that_is_wrong_with_a_recipe_is_said_before_data_are_read(place):
    (place.root / "data/files/sensors.csv").write_text("changed")
    parts = [
        {"source": "sensors", "aggregate": MEAN},
        {"source": "jobs", "columns": ["job", "rate"]},
        {"source": "land", "unit": "cod"},
    ]
    card(place, "sensors", pd.DataFrame(columns=list(SENSORS)), SENSORS)
    said = problems(place, parts)
    assert "parts.0.unit: say which column of sensors it is, here or in its card." in said
    assert "parts.0.period: say which column of sensors it is, here or in its card (or `period: null`" in said
    assert "parts.1.columns: jobs has no column 'job'. Did you mean 'jobs'?" in said
    assert "parts.1.columns: 'rate' is not described under `columns` of this card." in said
    assert "parts.2.unit: land has no column 'cod'. Did you mean 'code'?" in said


def test_a_panel_without_unit_is_refused(place):
    assert "unit: a card of kind panel has to name it." in problems(place, [AIR], unit=None)


def test_problems_of_all_parts_are_said_at_once_with_the_part(place):
    refusing = {**AIR, "aggregate": {**MEAN, "every": "week"}}
    names = lookup(place, "name,unit\n01,Y\n", "names")
    said = problems(place, [refusing, {"source": "jobs", "names": {"file": names}}])
    assert "parts.0 (sensors): " in said
    assert "have several rows" in said
    assert "parts.1 (jobs): '02' is not in names.csv. Add a line for it." in said


def test_keys_that_make_no_sense_together_are_refused_by_the_card(place):
    said = problems(place, [{**AIR, "period": None}, {"source": "jobs", "colums": ["jobs"]}])
    assert "parts.0: period is null, so there is nothing to aggregate or to repeat" in said
    assert "parts.1.colums: there is no such key. Did you mean 'columns'?" in said


def test_a_source_that_lost_its_zeros_is_refused_with_the_card_to_mend(place):
    card(place, "land", pd.DataFrame({"code": [2, 1], "area": [2.5, 1.5]}), {**LAND, "code": None}, unit="code")
    said = problems(place, [AIR, {"source": "jobs"}, {"source": "land", "period": None}])
    assert (
        "Units are numbers in land (2) and text in the other source (sensors with land). Give 'code' `type: text` in the card land."
        in said
    )


@pytest.mark.parametrize("walk", [True, False])
def test_two_names_of_a_unit_in_one_year_are_refused_with_and_without_a_crosswalk(place, walk):
    names = lookup(place, "name,unit\n01,Z\n02,Z\n", "names")
    lines = {"crosswalk": {"file": lookup(place, "from,to,weight\nZ,X,1\n"), "counts": ["jobs"]}} if walk else {}
    part = {"source": "jobs", "columns": ["jobs"], "names": {"file": names}, **lines}
    said = problems(place, [part], {"town": "text", "year": None, "jobs": None})
    assert "'town' and 'year' stand twice: Z/2019 (rows 1, 3); Z/2020 (rows 2, 4)." in said


def test_rows_without_a_name_are_refused_with_the_part(place):
    jobs = pd.DataFrame([("01", 2019, 100, 5.0), (None, 2019, 7, 5.0)], columns=list(JOBS))
    card(place, "jobs", jobs, JOBS)
    part = {"source": "jobs", "unit": "town", "period": "year", "columns": ["jobs"]}
    part["names"] = {"file": lookup(place, "name,unit\n01,Z\n")}
    columns = {"town": "text", "year": None, "jobs": None}
    assert "parts.0 (jobs): 'town' is empty in 1 row" in problems(place, [part], columns)
    summed = {**part, "aggregate": {"to": "year", "rules": {"jobs": "sum"}}}
    assert "parts.0 (jobs): Column 'town' is empty in 1 row" in problems(place, [summed], columns)


def test_a_column_cannot_take_the_place_of_its_units(place):
    part = {"source": "land", "period": None, "columns": {"code": "area"}}
    said = problems(place, [{"source": "jobs"}, part], {"town": "text", "year": None, "jobs": None, "code": None})
    assert "parts.1.columns: 'code' is the unit of land and cannot be 'area' too. Give it another name." in said


# ---- what results depend on ----------------------------------------------------------------------------


def hashed(place, path):
    return digest(load_source(path), place.root, "data/sources/both.yaml")


def test_the_files_of_a_recipe_are_among_what_results_depend_on(place):
    lines = lookup(place, "from,to,weight\n01,X,1\n02,X,1\n")
    part = {"source": "jobs", "columns": ["jobs"], "crosswalk": {"file": lines, "counts": ["jobs"]}}
    path = panel(place, [part], {"town": "text", "year": None, "jobs": None})
    before, found = hashed(place, path), read(path, place.root)
    assert found["jobs"].tolist() == [300, 330]
    lookup(place, "from,to,weight\n01,X,1\n02,Y,1\n")
    assert hashed(place, path) != before
    assert read(path, place.root)["town"].unique().tolist() == ["X", "Y"]


def test_a_file_of_a_recipe_with_a_hash_is_refused_when_it_changed(place):
    lines = lookup(place, "from,to,weight\n01,X,1\n02,X,1\n")
    sealed = {"file": lines, "counts": ["jobs"], "sha256": sha256(place.root / lines)}
    part = {"source": "jobs", "columns": ["jobs"], "crosswalk": sealed}
    columns = {"town": "text", "year": None, "jobs": None}
    assert len(read(panel(place, [part], columns), place.root)) == 2
    lookup(place, "from,to,weight\n01,X,1\n02,Y,1\n")
    assert "lines.csv is not the file that the card describes" in problems(place, [part], columns)


def test_a_file_of_a_recipe_that_is_missing_or_outside_is_refused(place):
    part = {"source": "jobs", "columns": ["jobs"], "crosswalk": {"file": "data/none.csv", "counts": ["jobs"]}}
    assert "There is no file data/none.csv" in problems(place, [part])
    part["crosswalk"]["file"] = "../none.csv"
    assert "has to be a path within the project" in problems(place, [part])


def test_a_changed_component_is_refused_with_its_own_card(place):
    path = panel(place, [{"source": "jobs"}], {"town": "text", "year": None, "jobs": None})
    before = hashed(place, path)
    with (place.root / "data/files/jobs.csv").open("a") as file:
        file.write("03,2019,1,1\n")
    with pytest.raises(SourceError, match=r"jobs\.csv is not the file that the card describes") as caught:
        read(path, place.root)
    assert caught.value.where == "data/sources/jobs.yaml"
    assert hashed(place, path) != before


def test_streamed_parquet_files_are_aggregated_where_they_lie_and_refused_as_they_are(place):
    frame = pd.read_csv(place.root / "data/files/sensors.csv", dtype={"station": "str"}, parse_dates=["time"])
    frame.to_parquet(place.root / "data/files/sensors.parquet", index=False)
    more = {
        "kind": "parquet",
        "file": "data/files/sensors.parquet",
        "sha256": sha256(place.root / "data/files/sensors.parquet"),
        "stream": True,
    }
    in_memory = read(panel(place, [AIR], {"town": "text", "year": None, "no2": None}), place.root)
    card(place, "sensors", frame.head(), SENSORS, **more)
    streamed = read(panel(place, [AIR], {"town": "text", "year": None, "no2": None}), place.root)
    pd.testing.assert_frame_equal(streamed, in_memory, check_exact=True)
    plain = {k: v for k, v in AIR.items() if k != "aggregate"}
    assert "1,462 rows are too many to be joined as they are" in problems(
        place, [plain], {"town": "text", "year": None, "no2": None}
    )
