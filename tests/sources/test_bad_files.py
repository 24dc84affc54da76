"""Files as offices publish them: what is wrong is said with what to write into the card, and then they are read."""

import pytest

from scale_impact.errors import SourceError
from scale_impact.sources import read
from tests.projects import Place

CITIES = {
    "stadt": {"unit": "none", "meaning": "City", "type": "text"},
    "jahr": {"unit": "year", "meaning": "Year"},
    "no2": {"unit": "ug/m3", "meaning": "Annual mean"},
}
GERMAN = "stadt;jahr;no2\nMünchen;2019;41,5\nKöln;2019;1.038,25\n"


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def problem(place, text, columns=CITIES, **card):
    path = place.data(text=text, columns=columns, **card)
    with pytest.raises(SourceError) as caught:
        read(path, place.root)
    assert caught.value.exit_code == 11
    (found,) = caught.value.problems
    return found


def given(place, text, columns=CITIES, **card):
    return read(place.data(text=text, columns=columns, **card), place.root)


def test_a_german_file_says_one_after_the_other_what_its_card_lacks(place):
    assert problem(place, GERMAN) == (
        "towns.csv is separated by ';', the card says ',' and has a decimal comma. Add `separator: ';'` and `decimal: ','` to the card."
    )
    card = {"separator": ";", "decimal": ","}
    assert "'1.038,25'" in (found := problem(place, GERMAN, **card))
    assert "add `thousands: '.'` to the card" in found
    card["thousands"] = "."
    found = problem(place, GERMAN.encode("cp1252"), **card)
    assert found == (
        "towns.csv is no UTF-8: byte 0xfc in line 2. As cp1252 it reads 'München': if that is right, add `encoding: cp1252` to the card."
    )
    frame = given(place, GERMAN.encode("cp1252"), **card, encoding="cp1252")
    assert frame["stadt"].tolist() == ["München", "Köln"]
    assert frame["no2"].tolist() == [41.5, 1038.25]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_utf8_that_is_read_byte_by_byte_is_refused(place, encoding):
    found = problem(place, GERMAN, separator=";", decimal=",", thousands=".", encoding=encoding)
    assert (
        found
        == f"towns.csv is UTF-8, the card says {encoding}. As UTF-8 it reads 'München': leave `encoding` out of the card."
    )


def test_windows_characters_are_not_read_as_latin_1(place):
    text = "stadt,jahr,no2\n„Köln“,2019,1\n".encode("cp1252")
    assert "Add `encoding: cp1252`" in problem(place, text, encoding="latin-1")
    assert given(place, text, encoding="cp1252")["stadt"][0] == "„Köln“"


def test_no_encoding_is_suggested_that_makes_no_sense(place):
    # Cyrillic letters of cp1251 would be symbols and letters of Western Windows that nobody writes
    found = problem(place, "stadt,jahr,no2\nМосква®¶,2019,1\n".encode("cp1251"))
    assert "cp1252" not in found
    assert "Find out its encoding" in found


def test_utf16_is_read_when_the_card_says_so(place):
    text = "stadt,jahr,no2\nKöln,2019,1\n".encode("utf-16")
    assert "UTF-16" in problem(place, text)
    assert given(place, text, encoding="utf-16")["stadt"][0] == "Köln"


def test_nul_bytes_are_refused(place):
    assert "holds NUL bytes" in problem(place, b"stadt,jahr,no2\nK\0ln,2019,1\n")
    assert "holds NUL bytes" in problem(place, b"stadt,jahr,no2\nKoln,2019,1\0\n")


def test_a_column_that_changed_its_name_is_named_with_what_is_there_now(place):
    found = problem(place, "stadt,jahr,NO2_mean\nKöln,2019,1\n")
    assert "no column 'no2' in towns.csv; found 'NO2_mean'" in found
    columns = {**CITIES, "no2": {**CITIES["no2"], "in_file": "NO2_mean"}}
    assert given(place, "stadt,jahr,NO2_mean\nKöln,2019,1\n", columns)["no2"].tolist() == [1]


def test_footnote_marks_of_eurostat_are_declared_with_their_meaning(place):
    text = "stadt,jahr,no2\nA,2019,12.3 b\nA,2020,:\nB,2019,11\nB,2020,7 e\n"
    found = problem(place, text)
    assert "'12.3 b' (line 2)" in found
    frame = given(place, text, markers={":": "not available", "b": "break", "e": "estimated"})
    assert frame["no2"].tolist()[::2] == [12.3, 11]
    assert frame["no2"].isna().sum() == 1


def test_flags_are_renamed_with_their_column(place):
    columns = {
        **CITIES, "no2": {**CITIES["no2"], "in_file": "NO2"}, "no2.flag": {"unit": "none", "meaning": "marks", "type": "text"},
    }  # fmt: skip
    frame = given(place, "stadt,jahr,NO2\nA,2019,12.3 b\nB,2019,1\n", columns, markers={"b": "break"})
    assert frame["no2.flag"][0] == "b"


def test_a_web_page_in_place_of_data_is_refused(place):
    found = problem(place, "<!DOCTYPE html>\n<html><head><title>Not found</title></head></html>\n")
    assert found.startswith("towns.csv is a web page (title 'Not found'), not data.")


def test_a_tab_is_written_as_yaml_reads_it(place):
    found = problem(place, "stadt\tjahr\tno2\nA\t2019\t1\n")
    assert 'Add `separator: "\\t"` to the card.' in found
    assert given(place, "stadt\tjahr\tno2\nA\t2019\t1\n", separator="\t")["no2"][0] == 1


def test_a_row_with_more_separators_than_the_others_is_named(place):
    assert "line 3 (5 cells)" in problem(place, "stadt,jahr,no2\nA,2019,1\nB,2019,2,,\n")


def test_a_mark_for_exactly_zero_is_zero_where_the_card_says_so_and_no_number_otherwise(place):
    columns = {
        "town": {"unit": "none", "meaning": "Code", "type": "text"},
        "births": {"unit": "births", "meaning": "Births"},
    }
    text = "town;births\n01;12\n02;-\n03;–\n04;.\n"
    card = place.data(text=text, columns=columns, separator=";", zeros=["-", "–"], missing=["", "."])
    births = read(card, place.root)["births"]
    assert births[:3].tolist() == [12, 0, 0]
    assert births.isna().tolist() == [False, False, False, True]
    with pytest.raises(SourceError, match="line 3"):
        read(place.data(text=text, columns=columns, separator=";", missing=["", ".", "–"]), place.root)


def test_notes_below_the_data_are_recognised_though_the_separator_stands_in_them(place):
    text = "stadt;jahr;no2\nA;2019;41\nB;2019;38\np = provisional; b = break\n(c) City\n"
    found = problem(place, text, separator=";")
    assert "Then add `footer: 2` to the card" in found
    path = place.data(text=text, columns=CITIES, separator=";", footer=2)
    assert len(read(path, place.root)) == 2


def test_all_footnote_marks_of_a_column_are_named_at_once(place):
    text = "stadt,jahr,no2\nA,2019,1.5 b\nB,2019,:\nC,2019,2.0p\nD,2019,3 e\n"
    found = problem(place, text)
    for mark in ("'b'", "'p'", "'e'", "':'"):
        assert f"{mark}: what it means" in found
