"""Kind url: what lies at an address, by its format, zipped or not."""

import gzip
import hashlib
import io
import json
import zipfile

import pandas as pd
import pytest

from scale_impact.core.source import load_source
from scale_impact.errors import SourceError
from scale_impact.sources import read, url
from scale_impact.sources._pulling.pull import pull
from scale_impact.sources._reading import packed as unpacking
from tests.projects import write_yaml
from tests.sources.web import serving

FRAME = pd.DataFrame({"town": ["01", "02"], "year": [2001, 2001], "no2": [41.5, 39.0], "rest": [1, 2]})
COLUMNS = {
    "town": {"unit": "none", "meaning": "Code", "type": "text"},
    "year": {"unit": "year", "meaning": "Calendar year"},
    "no2": {"unit": "ug/m3", "meaning": "Annual mean", "type": "number"},
}


def written(method, **options):
    file = io.BytesIO()
    getattr(FRAME, method)(file, **options)
    return file.getvalue()


RECORDS = FRAME.to_dict(orient="records")
CSV = FRAME.to_csv(index=False).encode()
GEO = {
    "type": "FeatureCollection",
    "features": [{"type": "Feature", "geometry": None, "properties": r} for r in RECORDS],
}
CONTENT = {
    "a.csv": CSV,
    "a.csv.gz": gzip.compress(CSV),
    "a.xlsx": written("to_excel", index=False),
    "a.parquet": written("to_parquet"),
    "a.dta": written("to_stata", write_index=False, version=118),
    "a.json": json.dumps(RECORDS).encode(),
    "a.json.gz": gzip.compress(json.dumps(RECORDS).encode()),
    "a.dta.gz": gzip.compress(written("to_stata", write_index=False, version=118)),
    "a.geojson": json.dumps(GEO).encode(),
}


def packed(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def place(tmp_path):
    """`place(name, content, **keys)`: what a card of that address gives."""
    root = tmp_path / "project"
    (root / "data/sources").mkdir(parents=True)

    def give(name, content, **keys):
        with serving() as web:
            said = {
                "title": "Air", "origin": "a test", "licence": "CC0", "kind": "url", "columns": COLUMNS,
                "address": web.plan(f"/{name}", content), "sha256": hashlib.sha256(content).hexdigest(), **keys,
            }  # fmt: skip
            card = write_yaml(root / "data/sources/air.yaml", said)
            pull("air", root)
        return read(card, root)

    return give


def problem(give, *arguments, **keys):
    with pytest.raises(SourceError) as caught:
        give(*arguments, **keys)
    (found,) = caught.value.problems
    return found


@pytest.mark.parametrize("name", CONTENT)
def test_each_format_gives_the_same_table(place, name):
    pd.testing.assert_frame_equal(place(name, CONTENT[name]), FRAME[list(COLUMNS)], check_dtype=False)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.xlsx", "a.json", "a.json.gz", "a.dta", "a.parquet"])
def test_a_format_that_the_address_does_not_name_is_named_by_the_card(place, name):
    kind = {"csv": "csv", "xlsx": "excel", "json": "json", "dta": "stata", "parquet": "parquet"}[name.split(".")[1]]
    found = place("download", CONTENT[name], format=kind)
    assert found["no2"].tolist() == [41.5, 39.0]
    assert found["town"].tolist() == ["01", "02"]


def test_a_format_that_nobody_names_is_asked_for(place):
    assert "does not say which format it has. Add `format`: csv, excel" in problem(place, "download", CSV)


def test_an_unknown_format_offers_the_nearest(place):
    assert "format is 'exel'. Did you mean 'excel'?" in problem(place, "a.csv", CSV, format="exel")


def test_records_deep_in_json_are_named(place):
    content = json.dumps({"result": {"records": RECORDS, "fields": [{"id": "town"}]}}).encode()
    assert len(place("a.json", content, query="result.records")) == 2
    assert "several lists of records: result.records, result.fields" in problem(place, "a.json", content)
    assert "Did you mean 'result.records'?" in problem(place, "a.json", content, query="result.record")


# ---- zip files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.dta"])
def test_the_one_table_of_a_zip_file_is_read(place, name):
    content = packed(**{f"folder/{name}": CONTENT[name], "folder/readme.md": b"x", "__MACOSX/._a.csv": b"x"})
    assert place("a.zip", content)["town"].tolist() == ["01", "02"]


def test_of_several_tables_one_has_to_be_named(place):
    content = packed(**{"x/a.csv": CSV, "x/b.csv": CSV.replace(b"41.5", b"7")})
    assert "2 files: x/a.csv, x/b.csv. Name one: `query: x/a.csv`" in problem(place, "a.zip", content)
    assert place("a.zip", content, query="x/b.csv")["no2"].tolist() == [7, 39.0]
    assert place("a.zip", content, query="b.csv")["no2"].tolist() == [7, 39.0]
    assert "Did you mean 'x/b.csv'?" in problem(place, "a.zip", content, query="x/c.csv")


def test_a_zip_file_and_a_list_of_records_within_are_both_named(place):
    content = packed(**{"a.json": json.dumps({"x": RECORDS, "y": [{"z": 1}]}), "b.json": "[]"})
    assert len(place("a.zip", content, query={"file": "a.json", "records": "x"})) == 2
    assert "query.fil: there is no such key. Did you mean 'file'?" in problem(
        place, "a.zip", content, query={"fil": "a.json"}
    )


def test_a_broken_zip_file_is_said(place):
    assert "cannot be unpacked" in problem(place, "a.zip", packed(**{"a.csv": CSV * 50})[:-40])


def test_names_within_a_zip_file_lead_nowhere(place, tmp_path):
    content = packed(**{"../../../a.csv": CSV})
    assert len(place("a.zip", content)) == 2
    assert not list(tmp_path.rglob("a.csv"))


def test_a_table_that_would_fill_the_disk_is_not_unpacked(place, monkeypatch):
    monkeypatch.setattr(unpacking, "LARGEST", 10)
    assert "more than 10 bytes unpacked" in problem(place, "a.zip", packed(**{"a.csv": CSV}))


def test_a_card_without_an_address_is_told_so(tmp_path):
    said = {"title": "x", "origin": "x", "licence": "x", "kind": "url", "file": "x.csv", "columns": COLUMNS}
    card = write_yaml(tmp_path / "data/sources/air.yaml", said)
    with pytest.raises(SourceError, match="needs the key `address`"):
        url.locate(load_source(card), tmp_path)
