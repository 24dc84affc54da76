"""Files of open-data portals: found by name, compared with the card's licence and format, fetched as they are."""

import gzip
import json
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from scale_impact.core.source import Source, load_source
from scale_impact.errors import SourceError
from scale_impact.sources import ckan, read
from scale_impact.sources._pulling import pull as pulling
from scale_impact.sources._pulling.http import Patience
from tests.projects import Place, sha256, write_yaml
from tests.sources.web import Answer, serving

PACKAGE = (Path(__file__).parent / "recorded/package.json").read_text()
SHOW = "/portal/api/action/package_show"
TABLE = b"Bezirk;Jahr;NO2\n01;2024;41,5\n02;2024;1.039,0\n"
COLUMNS = {
    "district": {"unit": "none", "meaning": "Code of the district", "type": "text", "in_file": "Bezirk"},
    "year": {"unit": "year", "meaning": "Year", "in_file": "Jahr"},
    "no2": {"unit": "ug/m3", "meaning": "Nitrogen dioxide", "in_file": "NO2"},
}
MISSING = {"success": False, "error": {"__type": "Not Found Error", "message": "Nicht gefunden"}}
DENIED = {"success": False, "error": {"__type": "Authorization Error", "message": "Access denied"}}


WAITS, TOLD = [], []
HASTE = Patience(sleep=WAITS.append, say=TOLD.append, between=0.5, tries=2)
"""Waits are noted, not waited; a server that is silent for half a second is given up."""


def pull(name, root, mirror=None):
    return pulling.pull(name, root, mirror, patience=HASTE)


@pytest.fixture
def portal():
    """A portal below /portal."""
    WAITS.clear()
    TOLD.clear()
    with serving() as server:
        server.plan(SHOW, package(server))
        server.plan("/download/jahreswerte.csv", Answer(TABLE, headers={"ETag": '"v3"'}))
        yield server


def package(server, **changes):
    """The portal's answer about the data set."""
    answer = json.loads(PACKAGE.replace("ADDRESS", server.address))
    answer["result"] |= changes
    return json.dumps(answer).encode()


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "project")


def card(place, portal, **keys):
    """A card of the yearly values; a key given as ... is left out."""
    written = {
        "title": "Air", "origin": "City", "licence": "Datenlizenz Deutschland Namensnennung 2.0 (dl-de/by-2-0)", "kind": "ckan",
        "address": f"{portal.address}/portal", "dataset": "luftguete-bezirke", "resource": "r-csv", "separator": ";",
        "decimal": ",", "thousands": ".", "columns": COLUMNS, **keys,
    }  # fmt: skip
    return write_yaml(place.root / "data/sources/air.yaml", {k: v for k, v in written.items() if v is not ...})


def fails(place, portal, **keys):
    """What a pull says that fails; nothing may be stored."""
    card(place, portal, **keys)
    with pytest.raises(SourceError) as caught:
        pull("air", place.root)
    assert not list((place.root / "data").glob("raw/*/*/*"))
    return "\n".join(caught.value.problems)


def pulled(place, portal, **keys):
    """The table of a card after a pull."""
    path = card(place, portal, **keys)
    pull("air", place.root)
    (stored,) = (place.root / "data/raw").rglob(load_source(path).pieces[0].file)
    path.write_text(path.read_text() + f"sha256: {sha256(stored)}\n")
    return read(path, place.root)


# ---- found and read -------------------------------------------------------------------------------------


def test_a_file_is_found_by_its_id_pulled_and_read_as_the_card_says(place, portal):
    frame = pulled(place, portal)
    assert frame["district"].tolist() == ["01", "02"]
    assert frame["no2"].tolist() == [41.5, 1039.0]
    asked = urlsplit(portal.paths[0])
    assert (asked.path, parse_qs(asked.query)) == (SHOW, {"id": ["luftguete-bezirke"]})
    record = next((place.root / "data/raw/air/undated").glob("pulled.json")).read_text()
    assert "2026-06-14T09:30:00" in record
    assert "v3" in record
    assert f"{portal.address}/download/jahreswerte.csv" in record
    assert TOLD == []


def test_a_mirror_gives_the_file_without_the_portal(place, portal, tmp_path):
    path = card(place, portal)
    (tmp_path / "mirror/air").mkdir(parents=True)
    (tmp_path / "mirror/air" / load_source(path).pieces[0].file).write_bytes(TABLE)
    pull("air", place.root, tmp_path / "mirror")
    assert portal.asked == []
    assert load_source(path).pieces[0].file.startswith("ckan-")


def test_the_format_decides_between_files_of_one_name(place, portal):
    said = fails(place, portal, resource="Jahreswerte")
    assert "2 files of the name 'Jahreswerte'" in said
    assert "id r-xlsx" in said
    assert len(pulled(place, portal, resource="Jahreswerte", format="csv")) == 2


def test_an_excel_file_is_read_by_its_own_kind(place, portal):
    sheet = BytesIO()
    pd.DataFrame({"Bezirk": ["01"], "Jahr": [2024], "NO2": [41.5]}).to_excel(sheet, index=False)
    portal.plan("/download/jahreswerte.xlsx", sheet.getvalue())
    frame = pulled(place, portal, resource="r-xlsx", separator=..., decimal=..., thousands=...)
    assert frame["no2"].tolist() == [41.5]


def test_an_address_from_the_portals_root_is_completed(place, portal):
    portal.plan("/datastore/dump/r-dump", TABLE)
    assert len(pulled(place, portal, resource="Tageswerte")) == 2


def test_packed_files_are_read_once_their_name_says_so(place, portal):
    portal.plan("/download/jahreswerte.csv", gzip.compress(TABLE))
    assert "file: luftguete-bezirke.csv.gz" in fails(place, portal)
    assert len(pulled(place, portal, file="luft.csv.gz")) == 2


def test_a_zip_file_with_one_table_is_read(place, portal):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("luft.csv", TABLE)
    portal.plan("/download/jahreswerte.csv", packed.getvalue())
    assert len(pulled(place, portal)) == 2


def test_a_set_with_one_file_needs_no_name(place, portal):
    one = json.loads(package(portal))["result"]["resources"][:1]
    portal.plan(SHOW, package(portal, resources=one))
    assert len(pulled(place, portal, resource=...)) == 2


def test_a_column_that_was_renamed_is_said_with_the_name_that_is_there(place, portal):
    portal.plan("/download/jahreswerte.csv", TABLE.replace(b"NO2", b"NO2_mittel"))
    with pytest.raises(SourceError, match="NO2_mittel"):
        pulled(place, portal)


# ---- not found ------------------------------------------------------------------------------------------


def test_a_file_that_there_is_not_is_told_what_there_is(place, portal):
    said = fails(place, portal, resource="Monatswerte")
    assert "no file 'Monatswerte'" in said
    assert "'Jahreswerte' (CSV, id r-csv)" in said
    assert "'Erläuterungen' (PDF, id r-pdf)" in said
    assert "Name one as `resource`" in fails(place, portal, resource=...)
    portal.plan(SHOW, package(portal, resources=[]))
    assert "has no file. Use another" in fails(place, portal)


def test_an_unknown_set_is_told_the_nearest_name_if_the_portal_gives_it(place, portal):
    portal.plan(SHOW, Answer(json.dumps(MISSING).encode(), 404))
    assert "no data set 'luftguete'" in fails(place, portal, dataset="luftguete")
    likely = {"success": True, "result": [{"name": "luftguete-bezirke"}, {"name": "laerm"}]}
    portal.plan("/portal/api/action/package_autocomplete", json.dumps(likely).encode())
    assert "Did you mean 'luftguete-bezirke'?" in fails(place, portal, dataset="luftguete")


def test_a_set_that_wants_a_login_says_what_to_do(place, portal):
    portal.plan(SHOW, Answer(json.dumps(DENIED).encode(), 403))
    assert "wants a login" in fails(place, portal)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<!DOCTYPE html><html><title>Portal</title></html>"),
        Answer(b"<!DOCTYPE html><html><title>Not found</title></html>", 404),
        Answer(b'{"result": 5, "success": true}'),
        Answer(b'{"success": true, "result": {"name": "x"}}'),
        Answer(b"nothing"),
        Answer(b'{"error": "no such thing", "success": false}', 400),
    ],
    ids=["page", "404", "number", "no-files", "text", "other"],
)
def test_an_address_that_is_no_portals_root_is_said(place, portal, answer):
    portal.plan(SHOW, answer)
    assert "has to be the portal's root" in fails(place, portal)


def test_a_file_of_the_machine_that_a_portal_names_is_not_read(place, portal):
    assert "only http and https" in fails(place, portal, resource="Kamera")


def test_a_card_without_portal_and_set_is_told_both(tmp_path):
    asked = {"title": "t", "origin": "o", "licence": "l", "kind": "ckan", "resource": "x", "columns": COLUMNS}
    with pytest.raises(SourceError) as caught:
        ckan.fetch(Source.model_validate(asked), tmp_path)
    assert len(caught.value.problems) == 2


def test_a_missing_package_says_which_extra_brings_it(monkeypatch, tmp_path, place, portal):
    monkeypatch.setitem(sys.modules, "ckanapi", None)
    assert "pip install 'scale-impact[ckan]'" in fails(place, portal)


# ---- what portals answer --------------------------------------------------------------------------------


def test_a_busy_portal_is_asked_again_after_the_time_that_it_names(place, portal):
    portal.plan(SHOW, Answer(b"", 429, {"Retry-After": "9"}), package(portal))
    portal.plan("/download/jahreswerte.csv", Answer(b"", 503, {"Retry-After": "4"}), TABLE)
    assert len(pulled(place, portal)) == 2
    assert WAITS == [9, 4]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"", 500), "500"),
        (Answer(b"<html><title>Login</title></html>"), "web page"),
        (Answer(TABLE, length=1000, cut=True), "ended after"),
        (Answer(TABLE, before=2.0), "cannot be downloaded"),
        (Answer(b"gone", 404), "404"),
        (Answer(b"%PDF-1.7"), "a PDF"),
        (Answer(b""), "empty"),
    ],
    ids=["500", "page", "cut", "slow", "404", "pdf", "empty"],
)
def test_what_a_portal_gives_in_place_of_the_file_is_said_in_words(place, portal, answer, words):
    portal.plan("/download/jahreswerte.csv", answer)
    assert words in fails(place, portal, format="csv")


# ---- licences -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ("dl-de-by-2.0", "Datenlizenz Deutschland Namensnennung 2.0 (dl-de/by-2-0)"),
        ("http://dcat-ap.de/def/licenses/dl-by-de/2.0", "Datenlizenz Deutschland (dl-de/by-2-0)"),
        ("cc-by-4.0", "CC BY 4.0"),
        ("cc-by", "Creative Commons Attribution, CC BY 4.0"),
        ("https://creativecommons.org/licenses/by/4.0/", "CC BY 4.0"),
        ("CC0-1.0", "CC0 1.0"),
        ("cc-by-sa-4.0", "CC BY-SA 4.0"),
        ("cc-zero", "CC0 1.0"),
        ("UK Open Government Licence (OGL v3)", "Open Government Licence 3.0"),
        ("OGL-UK-3.0", "UK Open Government Licence v3.0"),
    ],
)
def test_licences_that_are_written_in_two_ways_are_one(said, licence):
    assert ckan.same_licence(said, licence)


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ("cc-by-nc-4.0", "CC BY 4.0"),
        ("cc-by", "CC BY-NC 4.0"),
        ("cc-by-4.0", "CC BY 3.0"),
        ("dl-de-zero-2.0", "dl-de/by-2-0"),
        ("other-closed", "CC0"),
    ],
)
def test_licences_that_differ_are_two(said, licence):
    assert not ckan.same_licence(said, licence)


def test_a_licence_that_is_not_the_cards_is_told(place, portal):
    portal.plan(SHOW, package(portal, license_id="cc-by-nc-4.0", license_title="CC BY-NC"))
    pulled(place, portal)
    (told,) = TOLD
    assert "the licence 'cc-by-nc-4.0', the card says 'Datenlizenz" in told


def test_a_portal_that_names_no_licence_is_told_and_warned_of_where_nobody_listens(place, portal, tmp_path):
    portal.plan(SHOW, package(portal, license_id="notspecified", license_title=None))
    pulled(place, portal)
    (told,) = TOLD
    assert "names no licence" in told
    with pytest.warns(UserWarning, match="names no licence"):
        ckan.fetch(load_source(card(place, portal)), tmp_path)
