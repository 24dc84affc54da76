"""Tables of statistical offices: asked over real connections, kept as they came, read with nothing lost in silence."""

import gzip
import re
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from scale_impact.core.source import Source, load_source
from scale_impact.errors import NotPulledError, SourceError
from scale_impact.sources import read, sdmx
from scale_impact.sources._pulling import pull as pulling
from scale_impact.sources._pulling.http import Patience
from scale_impact.sources._sdmx_messages import read_message
from scale_impact.sources._sdmx_query import address_of, query_of
from tests.panels import ROOT
from tests.projects import Place, sha256, write_yaml
from tests.sources.web import Answer, serving

RECORDED = Path(__file__).parent / "recorded"
CSV = (RECORDED / "urb_cpop1.csv").read_bytes()
ASKED = "/data/urb_cpop1/A.DE1001V+DE1002V.DE001C+DE002C+AT001C"
TEXT_KEY = ASKED.rpartition("/")[2]
CODES = {"freq": "A", "indic_ur": ["DE1001V", "DE1002V"], "cities": ["DE001C", "DE002C", "AT001C"]}

UNIT = {"city": {"unit": "none", "meaning": "Code of the city", "type": "text", "in_file": "cities"}}
YEAR = {"year": {"unit": "year", "meaning": "Year", "in_file": "TIME_PERIOD"}}
WIDE = {
    **UNIT, **YEAR,
    "people": {"unit": "people", "meaning": "Inhabitants on 1 January", "in_file": "DE1001V"},
    "people.flag": {"unit": "none", "meaning": "Flags of people", "in_file": "DE1001V.flag"},
    "men": {"unit": "people", "meaning": "Men on 1 January", "in_file": "DE1002V"},
}  # fmt: skip
LONG = {
    **UNIT, **YEAR,
    "indicator": {"unit": "none", "meaning": "Indicator", "in_file": "indic_ur"},
    "value": {"unit": "people", "meaning": "Value", "in_file": "OBS_VALUE"},
    "flag": {"unit": "none", "meaning": "Flags", "in_file": "OBS_VALUE.flag"},
}  # fmt: skip


WAITS = []
HASTE = Patience(sleep=WAITS.append, between=0.5, tries=3)
"""Waits are noted, not waited; a server that is silent for half a second is given up."""


def pull(name, root, mirror=None, **options):
    return pulling.pull(name, root, mirror, patience=HASTE, **options)


@pytest.fixture
def service():
    WAITS.clear()
    with serving() as server:
        server.plan(ASKED, CSV)
        server.plan("/dataflow/ESTAT/urb_cpop1/latest", (RECORDED / "structure.xml").read_bytes())
        yield server


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "project")


def card(place, address=None, *, query=..., columns=WIDE, name="cities", **keys):
    """A card of city statistics whose service is the test's."""
    asked = {"key": CODES, "columns_from": "indic_ur"} if query is ... else query
    written = {
        "title": "Cities", "origin": "Eurostat", "licence": "CC BY 4.0", "kind": "sdmx", "provider": "ESTAT",
        "dataflow": "urb_cpop1", "address": address, "query": asked, "columns": columns,
        "markers": {"e": "estimated"}, **keys,
    }  # fmt: skip
    return write_yaml(
        place.root / f"data/sources/{name}.yaml", {k: v for k, v in written.items() if v is not None and v is not ...}
    )


def source(**keys):
    base = {"title": "t", "origin": "o", "licence": "l", "kind": "sdmx", "provider": "ESTAT", "dataflow": "urb_cpop1"}
    return Source.model_validate({**base, "columns": {"OBS_VALUE": {"unit": "people", "meaning": "m"}}, **keys})


def fails(place, name="cities"):
    """What a pull says that fails; nothing may be stored."""
    with pytest.raises(SourceError) as caught:
        pull(name, place.root)
    assert not list((place.root / "data").glob("raw/*/*/*"))
    return "\n".join(caught.value.problems)


def with_hash(path, place):
    """Write the hash of what was pulled into the card."""
    piece = load_source(path).pieces[0].file
    (stored,) = (place.root / "data/raw").rglob(piece)
    path.write_text(path.read_text() + f"sha256: {sha256(stored)}\n")
    return stored


# ---- pulled and read ------------------------------------------------------------------------------------


def test_a_table_is_pulled_kept_as_it_came_and_read_with_indicators_as_columns(place, service):
    path = card(place, service.address)
    pull("cities", place.root)
    assert with_hash(path, place).read_bytes() == CSV
    frame = read(path, place.root).set_index(["city", "year"])
    assert frame.loc[("DE001C", 2020), "people"] == 3100200
    assert frame.loc[("DE001C", 2020), "people.flag"] == "b"
    assert pd.isna(frame.loc[("DE001C", 2020), "men"])
    assert pd.isna(frame.loc[("DE002C", 2019), "people"])
    assert frame.loc[("DE002C", 2019), "people.flag"] == "c"
    assert frame.loc[("DE002C", 2020), "people"] == 1200200.5
    assert len(frame) == 6


def test_the_address_asked_has_the_codes_in_the_order_of_the_structure_and_the_record_says_it(place, service):
    card(place, service.address, query={"key": dict(reversed(CODES.items())), "params": {"startPeriod": 2019}})
    pull("cities", place.root)
    assert service.paths[-1] == f"{ASKED}?format=SDMX-CSV&startPeriod=2019"
    record = next((place.root / "data/raw/cities/undated").glob("pulled.json")).read_text()
    assert "startPeriod=2019" in record
    assert "2026-06-14" in record


def test_another_query_is_another_file_of_the_store(place, service):
    first = load_source(card(place, service.address)).pieces[0].file
    second = (
        load_source(card(place, service.address, query={"key": CODES, "params": {"endPeriod": 2019}})).pieces[0].file
    )
    assert first != second
    assert first.startswith("sdmx-")


def test_a_table_that_was_not_pulled_says_how_to_get_it(place):
    path = card(place, "http://127.0.0.1:9", sha256="0" * 64)
    with pytest.raises(NotPulledError, match="data pull cities"):
        read(path, place.root)


def test_a_mirror_gives_the_same_table_without_any_service(place, service, tmp_path):
    path = card(place, service.address, vintage="2026-06")
    piece = load_source(path).pieces[0].file
    mirror = tmp_path / "mirror/cities/2026-06"
    mirror.mkdir(parents=True)
    (mirror / piece).write_bytes(CSV)
    pull("cities", place.root, tmp_path / "mirror")
    assert service.asked == []
    with_hash(path, place)
    assert len(read(path, place.root)) == 6


@pytest.mark.parametrize(
    "name", ["urb_cpop1_generic.xml", "urb_cpop1_specific.xml", "urb_cpop1.json", "urb_cpop1.tsv", "urb_cpop1_v2.csv"]
)
def test_all_formats_of_a_service_give_one_table(name):
    order = ["indic_ur", "cities", "TIME_PERIOD"]
    columns = ["freq", *order, "OBS_VALUE", "OBS_FLAG"]
    one, other = (read_message(p) for p in (RECORDED / "urb_cpop1.csv", RECORDED / name))
    assert other.dimensions == one.dimensions == ("freq", "indic_ur", "cities")
    pd.testing.assert_frame_equal(
        other.frame.sort_values(order, ignore_index=True)[columns],
        one.frame.sort_values(order, ignore_index=True)[columns],
    )


def changed(tmp_path, name, old, new):
    """A recorded answer with a part replaced."""
    path = tmp_path / "answer"
    text = (RECORDED / name).read_text()
    assert re.search(old, text, flags=re.DOTALL)
    path.write_text(re.sub(old, new, text, flags=re.DOTALL))
    return path


def test_attributes_that_only_some_observations_carry_stay_with_theirs(tmp_path):
    series = (
        '<Series freq="A" indic_ur="X" cities="DE001C" UNIT_MULT="3"><Obs TIME_PERIOD="2001" OBS_VALUE="1" CONF_STATUS="C"/>'
        '<Obs TIME_PERIOD="2002" OBS_VALUE="2" OBS_FLAG="b" CONF_STATUS="F"/><Obs TIME_PERIOD="2003" OBS_FLAG="p"/></Series>'
    )
    found = read_message(changed(tmp_path, "urb_cpop1_specific.xml", "<Series.*</Series>", series))
    assert found.dimensions == ("freq", "indic_ur", "cities")
    assert found.frame["CONF_STATUS"].tolist()[:2] == ["C", "F"]
    assert pd.isna(found.frame["CONF_STATUS"][2])
    assert pd.isna(found.frame["OBS_FLAG"][0])
    assert found.frame["OBS_FLAG"].tolist()[1:] == ["b", "p"]
    assert found.frame["UNIT_MULT"].tolist() == ["3", "3", "3"]
    assert found.frame["OBS_VALUE"].tolist()[:2] == [1.0, 2.0]
    assert pd.isna(found.frame["OBS_VALUE"][2])


def test_attributes_of_a_series_are_those_of_its_observations(tmp_path):
    given = '</g:SeriesKey><g:Attributes><g:Value id="UNIT_MULT" value="3"/></g:Attributes>'
    found = read_message(changed(tmp_path, "urb_cpop1_generic.xml", "</g:SeriesKey>", given))
    assert set(found.frame["UNIT_MULT"]) == {"3"}
    assert found.frame["OBS_FLAG"].notna().sum() == 5


@pytest.mark.parametrize("pack", ["gzip", "zip"])
def test_an_answer_that_comes_packed_is_read_too(tmp_path, pack):
    path = tmp_path / "answer"
    if pack == "gzip":
        path.write_bytes(gzip.compress(CSV))
    else:
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("urb_cpop1.csv", CSV)
    assert len(read_message(path).frame) == 10


def test_numbers_are_read_to_the_last_digit_and_codes_keep_their_zeros(tmp_path):
    path = tmp_path / "answer"
    path.write_text(
        "DATAFLOW,freq,geo,TIME_PERIOD,OBS_VALUE\nX:Y(1.0),A,01001000,2020,0.1234567890123456\nX:Y(1.0),A,NA,2020,1e-7\n"
    )
    frame = read_message(path).frame
    assert frame["OBS_VALUE"].tolist() == [0.1234567890123456, 1e-7]
    assert frame["geo"].tolist() == ["01001000", "NA"]


def test_periods_that_are_no_years_stay_text_that_sorts_by_time(tmp_path):
    path = tmp_path / "answer"
    path.write_text("DATAFLOW,geo,TIME_PERIOD,OBS_VALUE\nX:Y(1.0),DE,2020-Q1,1\nX:Y(1.0),DE,2020-Q2,2\n")
    columns = {n: {"unit": "none", "meaning": "m"} for n in ("geo", "TIME_PERIOD", "OBS_VALUE")}
    assert sdmx.parse(path, source(columns=columns))["TIME_PERIOD"].tolist() == ["2020-Q1", "2020-Q2"]


# ---- nothing lost in silence ----------------------------------------------------------------------------


def refusal(name="urb_cpop1.csv", **keys):
    path = name if isinstance(name, Path) else RECORDED / name
    with pytest.raises(SourceError) as caught:
        sdmx.parse(path, source(**keys))
    return "\n".join(caught.value.problems)


def in_file(columns):
    return {c.get("in_file", n): {**c, "in_file": None} for n, c in columns.items()}


def test_flags_that_the_card_neither_keeps_nor_explains_are_refused_with_the_lines_to_write():
    columns = in_file({k: v for k, v in LONG.items() if k != "flag"})
    said = refusal(columns=columns, markers={"e": "estimated", "p": "provisional"})
    assert "b 2 times, c once" in said
    assert "markers: {b: break in time series, c: confidential}" in said
    assert "in_file: OBS_VALUE.flag" in said


def test_flags_are_told_apart_and_an_observation_status_of_normal_is_none(tmp_path):
    frame = sdmx.parse(RECORDED / "urb_cpop1.csv", source(columns=in_file(LONG)))
    assert frame["OBS_VALUE.flag"].dropna().tolist() == ["p", "b", "c", "b e", "e"]
    path = tmp_path / "answer"
    path.write_text("DATAFLOW,geo,TIME_PERIOD,OBS_VALUE,OBS_STATUS\nX:Y(1.0),DE,2020,1,A\nX:Y(1.0),FR,2020,1,B\n")
    columns = {n: {"unit": "none", "meaning": "m"} for n in ("geo", "TIME_PERIOD", "OBS_VALUE")}
    assert "B once" in refusal(path, columns=columns)
    assert "markers: {B: break in time series}" in refusal(path, columns=columns)
    kept = {**columns, "OBS_STATUS": {"unit": "none", "meaning": "m"}}
    assert sdmx.parse(path, source(columns=kept))["OBS_STATUS"].tolist() == ["A", "B"]


@pytest.mark.parametrize("how", [{"markers": {"b": "break", "c": "secret", "e": "guess", "p": "first"}}, {}])
def test_flags_that_are_explained_or_kept_are_not(how):
    columns = in_file({k: v for k, v in LONG.items() if k != "flag" or not how})
    assert len(sdmx.parse(RECORDED / "urb_cpop1.csv", source(columns=columns, **how))) == 10


def test_flags_of_columns_that_are_not_used_are_nobodys_business():
    columns = in_file({**UNIT, **YEAR, "men": WIDE["men"]})
    found = sdmx.parse(
        RECORDED / "urb_cpop1.csv",
        source(columns=columns, query={"columns_from": "indic_ur"}, markers={"e": "estimated"}),
    )
    assert len(found) == 6
    assert "e once" in refusal(columns=columns, query={"columns_from": "indic_ur"})


def test_rows_that_differ_in_a_dimension_that_the_card_leaves_out_are_refused():
    said = refusal(columns=in_file({**UNIT, **YEAR, "value": LONG["value"], "flag": LONG["flag"]}))
    assert "'indic_ur' (DE1001V, DE1002V)" in said
    assert "columns_from: indic_ur" in said


def test_periods_that_the_card_leaves_out_are_refused_with_all_else_that_is_wrong():
    said = refusal(columns=in_file({**UNIT, "people": WIDE["people"]}), query={"columns_from": "indic_ur"})
    assert "'TIME_PERIOD' (2019, 2020)" in said
    assert "`query.params`" in said
    assert "4 flags of the values are not explained" in said


def test_values_in_several_powers_of_ten_are_no_column(tmp_path):
    path = tmp_path / "answer"
    path.write_text(
        "DATAFLOW,geo,TIME_PERIOD,OBS_VALUE,OBS_STATUS,UNIT_MULT\nX:Y(1.0),DE,2020,1,A,3\nX:Y(1.0),FR,2020,1,A,6\n"
    )
    columns = {n: {"unit": "none", "meaning": "m"} for n in ("geo", "TIME_PERIOD", "OBS_VALUE")}
    assert "UNIT_MULT 3, 6" in refusal(path, columns=columns)
    both = sdmx.parse(
        path, source(columns={**columns, "UNIT_MULT": {"unit": "none", "meaning": "power of ten", "type": "number"}})
    )
    assert both["UNIT_MULT"].tolist() == [3, 6]


def test_values_that_are_no_numbers_are_all_named_with_their_lines(tmp_path):
    path = tmp_path / "answer"
    path.write_text(
        "DATAFLOW,geo,TIME_PERIOD,OBS_VALUE\nX:Y(1.0),DE,2020,1 234\nX:Y(1.0),FR,2020,-\nX:Y(1.0),IT,2020,:\n"
    )
    said = refusal(path)
    assert "2 values" in said
    assert "'1 234' (line 2), '-' (line 3)" in said
    assert read_message(path, missing=["-", "1 234"]).frame["OBS_VALUE"].isna().all()


def test_an_observation_that_stands_twice_is_refused_when_codes_become_columns(tmp_path):
    path = tmp_path / "answer"
    path.write_bytes(CSV + CSV.splitlines()[3] + b"\n")
    said = refusal(path, query={"columns_from": "indic_ur"}, columns=in_file(WIDE), markers={"e": "estimated"})
    assert (
        "1 observation of the answer stand there twice, such as freq A, cities DE001C, TIME_PERIOD 2019, indic_ur DE1001V"
        in said
    )


def test_a_dimension_that_was_renamed_is_said_with_what_is_there(place, service):
    path = card(place, service.address)
    service.plan(ASKED, CSV.replace(b",cities,", b",geo,"))
    pull("cities", place.root)
    with_hash(path, place)
    with pytest.raises(SourceError, match="'geo'"):
        read(path, place.root)
    service.plan(ASKED, CSV.replace(b",indic_ur,", b",indic,"))
    assert "Did you mean 'indic'?" in refusal_of_pulled(path, place)


def refusal_of_pulled(path, place):
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("sha256"))
    path.write_text(text + "\n")
    for stored in (place.root / "data/raw").rglob("*"):
        stored.is_file() and stored.unlink()
    pull("cities", place.root)
    with_hash(path, place)
    with pytest.raises(SourceError) as caught:
        read(path, place.root)
    return "\n".join(caught.value.problems)


def test_text_that_is_no_message_is_refused(tmp_path):
    path = tmp_path / "answer"
    path.write_text("city,year,people\nBerlin,2020,1\n")
    assert "no column TIME_PERIOD, OBS_VALUE, only city, year, people" in refusal(path)
    path.write_text("DATAFLOW;geo;TIME_PERIOD;OBS_VALUE\nX;DE;2020;1\n")
    assert "separator" in refusal(path)
    path.write_text("DATAFLOW,geo: Country,TIME_PERIOD: Time,OBS_VALUE: Value\nX,DE: Germany,2020,1\n")
    assert "labels: id" in refusal(path)
    path.write_bytes((RECORDED / "urb_cpop1_generic.xml").read_bytes()[:900])
    assert "cannot be read as an SDMX message" in refusal(path)
    assert "without data" in refusal("structure.xml")
    path.write_bytes(CSV[:-25])
    assert "Was it cut off?" in refusal(path)
    path.write_bytes(CSV.rstrip() + b",,,,\n")
    assert "cannot be read as SDMX-CSV" in refusal(path)
    path.write_bytes(gzip.compress(CSV)[:-20])
    assert "cannot be unpacked" in refusal(path)
    path.write_bytes((RECORDED / "urb_cpop1.tsv").read_bytes()[:-12])
    assert "rows that end early" in refusal(path)
    path.write_bytes((RECORDED / "urb_cpop1.tsv").read_bytes().replace(b"A,DE1001V,AT001C", b"A,DE1001V,AT001C,x"))
    assert "Eurostat's TSV" in refusal(path)
    path.write_text('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    assert "entities" in refusal(path)


# ---- what the service answers ---------------------------------------------------------------------------


def test_a_busy_service_is_asked_again_after_the_time_that_it_names(place, service):
    busy = Answer(b"later", 429, {"Retry-After": "7"})
    service.plan(ASKED, busy, Answer(b"oh", 500), CSV)
    card(place, service.address, query={"key": TEXT_KEY})
    pull("cities", place.root)
    assert WAITS == [7, 2]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"oh", 500), "500"),
        (Answer(b"later", 429, {"Retry-After": "86400"}), "1,440 minutes"),
        (Answer(b"<!DOCTYPE html><html><title>Maintenance</title></html>"), "web page"),
        (Answer(CSV, length=len(CSV) + 100, cut=True), "ended after"),
        (Answer(CSV, before=5.0), "cannot be downloaded"),
        (Answer(b"go away", 403), "wants a login"),
        (Answer((RECORDED / "too_big.xml").read_bytes(), 413), "420709314 rows"),
        (Answer((RECORDED / "queued.xml").read_bytes()), "sent later"),
        (Answer((RECORDED / "footer.xml").read_bytes()), "too large"),
        (Answer(b""), "empty"),
    ],
    ids=["500", "429", "page", "cut", "slow", "403", "413", "queued", "footer", "empty"],
)
def test_what_a_service_gives_in_place_of_data_is_said_in_words(place, service, answer, words):
    service.plan(ASKED, answer)
    card(place, service.address, query={"key": TEXT_KEY})
    assert words in fails(place)


@pytest.mark.parametrize(
    "answer",
    [
        Answer((RECORDED / "no_results.xml").read_bytes(), 404),
        Answer((RECORDED / "no_results.xml").read_bytes(), 400),
        Answer(CSV.splitlines()[0] + b"\n"),
    ],
    ids=["404", "400", "header"],
)
def test_a_question_without_an_answer_is_told_what_can_be_asked(place, service, answer):
    service.plan("/data/urb_cpop1/A.DE9999V.DE001C", answer)
    card(place, service.address, query={"key": "A.DE9999V.DE001C", "params": {"startPeriod": 2019}})
    said = fails(place)
    assert "finds nothing in urb_cpop1 for A.DE9999V.DE001C, startPeriod 2019" in said
    assert (
        "3 dimensions, in this order: freq: A; indic_ur: DE1001V, DE1002V, DE1003V; cities: AT001C, DE001C, DE002C"
        in said
    )


def test_a_table_that_there_is_not_is_said_in_the_services_words(place, service):
    service.plan("/dataflow/ESTAT/urb_cpop9/latest", Answer((RECORDED / "not_found.xml").read_bytes(), 404))
    card(place, service.address, dataflow="urb_cpop9")
    assert "ERR_NOT_FOUND_4: URB_CPOP9" in fails(place)
    card(place, service.address, dataflow="urb_cpop9", query={"key": "A.B.C"})
    assert "finds nothing in urb_cpop9 for A.B.C" in fails(place)


def test_all_wrong_dimensions_and_codes_are_named_before_data_are_asked_for(place, service):
    card(place, service.address, query={"key": {"FREQ": "A", "indic_ur": "DE1001", "cities": ["DE001C", "DE001K"]}})
    said = fails(place)
    assert "no dimension 'FREQ'. Did you mean 'freq'?" in said
    assert "no code 'DE1001'. Did you mean 'DE1001V'?" in said
    assert "no code 'DE001K'. Did you mean 'DE001C'?" in said
    assert [p.split("?")[0] for p in service.paths] == ["/dataflow/ESTAT/urb_cpop1/latest"]


def test_another_service_is_asked_for_text_first_and_for_anything_if_it_has_none(place, service):
    service.plan("/data/AGENCY,FLOW,1.0/A", Answer(b"no", 406), (RECORDED / "urb_cpop1_generic.xml").read_bytes())
    card(
        place,
        service.address,
        provider="TOWNS",
        dataflow="AGENCY,FLOW,1.0",
        query={"key": "A", "columns_from": "indic_ur"},
    )
    pull("cities", place.root)
    first, second = (headers["Accept"] for _, headers in service.asked if "Accept" in headers), service.asked[-1][1]
    assert next(first).startswith("application/vnd.sdmx.data+csv")
    assert "sdmx" not in second.get("Accept", "")


def test_a_table_of_another_agency_is_described_by_that_agency(place, service):
    service.plan("/dataflow/ESTAT/urb_cpop1/1.0", (RECORDED / "structure.xml").read_bytes())
    service.plan(ASKED.replace("urb_cpop1", "ESTAT,urb_cpop1,1.0"), CSV)
    card(place, service.address, provider="OECD", dataflow="ESTAT,urb_cpop1,1.0")
    pull("cities", place.root)
    assert [p.split("?")[0] for p in service.paths] == [
        "/dataflow/ESTAT/urb_cpop1/1.0",
        ASKED.replace("urb_cpop1", "ESTAT,urb_cpop1,1.0"),
    ]


def test_an_edition_that_changed_is_kept_beside_and_the_old_one_stays(place, service):
    path = card(place, service.address)
    pull("cities", place.root)
    stored = with_hash(path, place)
    service.plan(ASKED, CSV.replace(b"3100200", b"3100300").replace(b"14/06/26", b"30/09/26"))
    with pytest.raises(SourceError, match="is not the file that the card describes"):
        pull("cities", place.root, again=True)
    assert stored.read_bytes() == CSV
    assert len(list((place.root / "data/raw/cities").rglob("sdmx-*"))) == 2


# ---- cards that cannot be asked -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"provider": None, "dataflow": None}, ["provider: this key is missing", "dataflow: this key is missing"]),
        ({"provider": "ESTATT"}, ["Did you mean 'ESTAT'?", "address"]),
        ({"provider": "ESTAT3"}, ["SDMX 3.0 only", "ESTAT"]),
        (
            {"query": {"keys": "A", "params": {"startperiod": 2010}, "columns_from": ["a"]}},
            ["query.keys", "startPeriod", "columns_from"],
        ),
        ({"query": {"key": 5, "params": [1]}}, ["query.key is 5", "query.params is [1]"]),
        ({"query": {"key": "A", "params": {"apikey": "s3cret"}}}, ["carries a credential (apikey)"]),
    ],
    ids=["missing", "provider", "three", "keys", "types", "credential"],
)
def test_a_card_that_cannot_be_asked_is_refused_with_all_its_problems(tmp_path, keys, words):
    with pytest.raises(SourceError) as caught:
        sdmx.fetch(source(**keys), tmp_path)
    for word in words:
        assert word in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_providers_are_asked_where_they_are():
    asked = source(query={"key": "A.DE1001V.DE001C", "params": {"startPeriod": 2010}})
    base = "https://ec.europa.eu/eurostat/api/dissemination/sdmx/2.1/data/urb_cpop1"
    assert address_of(asked, query_of(asked), Path()) == f"{base}/A.DE1001V.DE001C?format=SDMX-CSV&startPeriod=2010"
    oecd = source(provider="OECD", dataflow="OECD.CFE.EDS,DSD_FUA_DEMO@DF_DENSITY,1.1", query="A..")
    assert (
        address_of(oecd, query_of(oecd), Path())
        == "https://sdmx.oecd.org/public/rest/data/OECD.CFE.EDS,DSD_FUA_DEMO@DF_DENSITY,1.1/A.."
    )


def test_a_missing_package_says_which_extra_brings_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sdmx", None)
    with pytest.raises(SourceError, match=r"pip install 'scale-impact\[sdmx\]'"):
        sdmx.fetch(source(query="A"), tmp_path)


# ---- the card that is shipped ---------------------------------------------------------------------------


def test_the_shipped_card_of_city_populations_reads_an_answer_of_its_shape(tmp_path):
    shipped = load_source(ROOT / "data/sources/eurostat_urban_population.yaml")
    assert shipped.dataflow == "urb_cpop1"
    path = tmp_path / "answer"
    path.write_bytes(CSV)
    from scale_impact.sources._reading.tidy import as_card, as_in_file

    frame = as_card(sdmx.parse(path, as_in_file(shipped)), shipped.pieces[0], shipped)
    assert set(shipped.columns) <= set(frame.columns)
    assert frame["population"].dtype.kind == "f"
