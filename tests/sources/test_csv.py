"""CSV files: read as the card says, or refused with the card's name."""

import bz2
import gzip

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.source import Source
from scale_impact.errors import SourceError
from scale_impact.sources import csv, read
from tests.projects import Place, towns

UNREADABLE = "cannot be read as CSV"
CODES = {"county": {"unit": "none", "meaning": "FIPS code", "type": "text"}, "y": {"unit": "1", "meaning": "a number"}}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def given(place, text, columns=CODES, **card):
    return read(place.data(text=text, columns=columns, **card), place.root)


def problem(place, text, columns=CODES, **card):
    path = place.data(text=text, columns=columns, **card)
    with pytest.raises(SourceError) as caught:
        read(path, place.root)
    assert caught.value.where == "data/sources/towns.yaml"
    (found,) = caught.value.problems
    return found


def test_text_columns_keep_leading_zeros(place):
    assert given(place, "county,y\n06037,1\n00001,2\n")["county"].tolist() == ["06037", "00001"]


def test_columns_without_a_type_are_numbers_where_they_are(place):
    plain = {"county": {"unit": "none", "meaning": "code"}, "y": CODES["y"]}
    assert given(place, "county,y\n16037,1.5\n", plain)["county"].tolist() == [16037]


def test_codes_that_would_lose_a_zero_need_a_type(place):
    plain = {"county": {"unit": "none", "meaning": "code"}, "y": CODES["y"]}
    assert "Column 'county' holds '06037', which as a number would lose its zero (line 2)." in problem(
        place, "county,y\n06037,1\n", plain
    )
    numbers = {"county": {**plain["county"], "type": "number"}, "y": CODES["y"]}
    assert given(place, "county,y\n06037,1\n", numbers)["county"].tolist() == [6037]


def test_numbers_are_read_to_the_last_digit(place):
    values = [0.1 + 0.2, 1 / 3, 1e-300, 123456789.123456789]
    text = "county,y\n" + "".join(f"a,{v!r}\n" for v in values)
    assert given(place, text)["y"].tolist() == values


def test_separator_decimal_and_encoding_are_the_cards(place):
    frame = given(place, "county;y\nKöln;1,5\n".encode("latin-1"), separator=";", decimal=",", encoding="latin-1")
    assert frame.iloc[0].tolist() == ["Köln", 1.5]


def test_texts_for_no_value_are_the_cards_and_no_others(place):
    frame = given(place, "county,y\nNA,-999\nNULL,2\n", missing=["-999"])
    assert frame["county"].tolist() == ["NA", "NULL"]
    assert np.isnan(frame["y"][0])
    assert pd.isna(given(place, "county,y\nNA,1\n")["county"][0])


def test_dates_are_read_as_dates_and_years_as_years(place):
    dated = {"county": CODES["county"], "y": {"unit": "day", "meaning": "day", "type": "date"}}
    assert given(place, "county,y\na,2003-07-31\n", dated)["y"][0] == pd.Timestamp(2003, 7, 31)
    assert given(place, "county,y\na,2003\n", dated)["y"][0] == pd.Timestamp(2003, 1, 1)


@pytest.mark.parametrize("day", ["31.07.2003", "07/31/2003", "soon", "12.5"])
def test_a_date_that_could_be_read_in_two_ways_or_in_none_is_refused(place, day):
    dated = {"county": CODES["county"], "y": {"unit": "day", "meaning": "day", "type": "date"}}
    found = problem(place, f"county,y\na,{day}\n", dated)
    assert found.startswith("Column 'y' is of type date: ")
    assert found.endswith("Write dates as 2024-07-31.")


def test_text_in_a_column_of_numbers_is_refused(place):
    numbers = {"county": CODES["county"], "y": {**CODES["y"], "type": "number"}}
    assert "'many'" in problem(place, "county,y\na,1\nb,many\n", numbers)


def test_a_column_that_stands_twice_is_refused(place):
    assert "'y'" in problem(place, "county,y,y\na,1,2\n")


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, "gz"), (bz2.compress, "bz2")])
def test_compressed_files_are_read(place, pack, ending):
    frame = given(place, pack(b"county,y\n06037,1\n"), file=f"data/towns.csv.{ending}")
    assert frame["county"].tolist() == ["06037"]


def test_a_file_that_is_not_there_is_refused(place):
    card = place.data(towns())
    (place.root / "data/files/towns.csv").unlink()
    with pytest.raises(SourceError, match=r"There is no file data/files/towns\.csv in the project's folder"):
        read(card, place.root)


@pytest.mark.parametrize(
    ("text", "card", "said"),
    [
        ("", {}, "towns.csv is empty."),
        ("\n \n", {}, "towns.csv is empty."),
        ("county,y\n", {}, "towns.csv has a header and no rows."),
        ("county,y\na,1\nb,2,3\n", {}, "the header has 2 cells, other rows have not: line 3 (3 cells). "),
        ('county,y\nb,2\n"a,1\n', {}, 'a quote (") is opened in line 3 and never closed. '),
        ("county,y\na,1\n", {"encoding": "utf8x"}, "encoding is 'utf8x', which nobody knows."),
        ("county,y\na,1\n", {"encoding": "utf-16"}, "towns.csv is no utf-16. "),
        ("county,y\na,1\n".encode("utf-16"), {}, "towns.csv is UTF-16, the card says utf-8. Add `encoding: utf-16`"),
        ("county,y\na,1\n", {"separator": ""}, "separator is ''; it is one character"),
        ("county,y\na,1\n", {"decimal": ""}, "decimal is ''; it is one mark"),
        ("county,y\na,1\n", {"file": "towns.csv.gz"}, UNREADABLE),
        (gzip.compress(b"county,y\n" + b"a,1\n" * 9)[:-9], {"file": "towns.csv.gz"}, UNREADABLE),
        ("county,y\na,1\n", {"file": "towns.csv.bz2"}, UNREADABLE),
        ("county,y\na,1\n", {"file": "towns.csv.zip"}, UNREADABLE),
        ("county,y\na,1\n", {"file": "towns.csv.xz"}, UNREADABLE),
    ],
    ids=[
        "empty", "blank", "header only", "ragged", "open quote", "unknown encoding", "no utf-16", "utf-16", "no separator",
        "no decimal", "no gzip", "cut gzip", "no bzip2", "no zip", "no xz",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_why(place, text, card, said):
    assert said in problem(place, text, **card)


def test_rows_longer_than_the_header_do_not_shift_the_columns(place):
    # pandas alone takes "a" for an index, county for 1 and y for 9
    assert "line 2 (3 cells), line 3 (3 cells)" in problem(place, "county,y\na,1,9\nb,2,8\n")


@pytest.mark.parametrize("text", ["county,y\na,1\nb\nc,3\n", 'county,y\n"a",1\nb\nc,3\n'])
def test_rows_shorter_than_the_header_are_refused_with_their_line(place, text):
    assert "the header has 2 cells, other rows have not: line 3 (1 cell)." in problem(place, text)


def test_rows_whose_last_value_is_missing_are_not_short(place):
    assert np.isnan(given(place, "county,y\na,1\nb,\n")["y"][1])
    assert np.isnan(given(place, 'county,y\n"a",1\n"b\n",\n\n')["y"][1])


def test_a_separator_at_the_end_of_each_row_is_no_column(place):
    assert given(place, "county,y\na,1,\nb,2,\n").to_dict("list") == {"county": ["a", "b"], "y": [1, 2]}


def test_a_wrong_separator_is_recognised(place):
    card = place.data(text="county;y\na;1\n", columns=CODES)
    with pytest.raises(SourceError, match=r"towns\.csv is separated by ';'.*separator: ';'"):
        read(card, place.root)


# ---- numbers as offices write them ---------------------------------------------------------------------

NUMBERS = {"county": CODES["county"], "y": {**CODES["y"], "type": "number"}}


@pytest.mark.parametrize(
    ("cells", "card", "values"),
    [
        (["1.234.567,5", "1234,5", "12", "-0,5"], {"decimal": ",", "thousands": "."}, [1234567.5, 1234.5, 12, -0.5]),
        (["1 234", "12\u00a0345", "1\u202f234\u202f567", "7"], {"thousands": " "}, [1234, 12345, 1234567, 7]),
        (["1'234.5", "1’234’567", "999"], {"thousands": "'"}, [1234.5, 1234567, 999]),
        (["\u22125", "–2.5", "- 1", "+4"], {}, [-5, -2.5, -1, 4]),
        (["1.234", "1.5"], {}, [1.234, 1.5]),
        ([".5", "5.", "1e3", "1E-2"], {}, [0.5, 5, 1000, 0.01]),
        (["12 %", "7%"], {"markers": {"%": "per cent"}}, [12, 7]),
        (["(12)", "7"], {"markers": {"()": "uncertain"}}, [12, 7]),
        (["-999", "-999.0", "1 p"], {"missing": ["-999"], "markers": {"p": "provisional"}}, [np.nan, np.nan, 1]),
    ],
)
@pytest.mark.parametrize("typed", [True, False], ids=["number", "no type"])
def test_numbers_are_read_as_the_card_says_that_they_are_written(place, cells, card, values, typed):
    text = "county;y\n" + "".join(f'a;"{c}"\n' for c in cells)
    frame = given(place, text, NUMBERS if typed else CODES, separator=";", **card)
    np.testing.assert_array_equal(frame["y"].to_numpy(float), values)


def test_whole_numbers_with_marks_between_thousands_stay_whole(place):
    frame = given(place, 'county,y\na,"1,234"\nb,999\n', thousands=",")
    assert frame["y"].dtype == "int64"
    assert frame["y"].tolist() == [1234, 999]


@pytest.mark.parametrize(
    ("decimal", "thousands"), [(",", "."), (",", " "), (".", ","), (".", "'"), (",", "'"), (".", " ")]
)
def test_numbers_that_another_program_wrote_come_back_to_the_last_digit(place, decimal, thousands):
    rng = np.random.default_rng(4)
    values = [
        *(rng.normal(size=200) * 10.0 ** rng.integers(-3, 12, 200)).round(6),
        *map(float, rng.integers(0, 10**9, 50)),
    ]
    # Python writes the digits; only the marks are put in their place
    written = [f"{v:,.6f}".translate(str.maketrans({",": thousands, ".": decimal})) for v in values]
    text = "county;y\n" + "".join(f"a;{w}\n" for w in written)
    frame = given(place, text, NUMBERS, separator=";", decimal=decimal, thousands=thousands)
    assert frame["y"].tolist() == [float(f"{v:.6f}") for v in values]


EUROSTAT = {":": "not available", "b": "break in series", "p": "provisional", "e": "estimated", "c": "confidential"}


def test_footnote_marks_are_taken_off_and_kept_beside_the_numbers(place):
    flagged = {**NUMBERS, "y.flag": {"unit": "none", "meaning": "marks", "type": "text"}}
    text = "county,y\na,12.3 b\nb,:\nc,: c\nd,1e2\ne,1e\nf,4bp\ng,5\n"
    frame = given(place, text, flagged, markers=EUROSTAT)
    np.testing.assert_array_equal(frame["y"].to_numpy(), [12.3, np.nan, np.nan, 100, 1, 4, 5])
    assert [None if pd.isna(f) else f for f in frame["y.flag"]] == ["b", ":", ": c", None, "e", "b p", None]


def test_marks_are_no_words_and_stand_apart_from_digits(place):
    notes = {"1)": "first note", "¹": "first note", "e": "estimated", "p": "provisional"}
    assert given(place, "county,y\na,12.3 1)\nb,12.3¹\n", NUMBERS, markers=notes)["y"].tolist() == [12.3, 12.3]
    # 12.31) may be 12.31 or 12.3 with note 1; "pep" is a word
    found = problem(place, "county,y\na,12.31)\nb,pep\nc,1\n", NUMBERS, markers=notes)
    assert "'12.31)' (line 2), 'pep' (line 3)" in found


def test_every_cell_that_is_no_number_is_named_at_once_with_its_line(place):
    both = {**NUMBERS, "z": {**CODES["y"], "type": "number"}}
    text = 'county,y,z\n"a\nb",many,1\n\nc,1,few\n' + "".join(f"d,x{k},1\n" for k in range(6))
    with pytest.raises(SourceError) as caught:
        given(place, text, both)
    first, second = caught.value.problems
    assert "'y' is of type number and holds 7 cells that are no numbers: 'many' (line 2), 'x0' (line 6)," in first
    assert first.split(". ")[0].endswith("'x3' (line 9) and 2 more")
    assert "'z' is of type number and holds 'few' (line 5)" in second


@pytest.mark.parametrize(
    ("cells", "card", "advised"),
    [
        (["1,5", "2,25"], {}, "add `decimal: ','` to the card"),
        (["1.234,5", "999,0"], {}, "add `decimal: ','` and `thousands: '.'` to the card"),
        (["1,234", "12,345,678"], {}, "add `thousands: ','` to the card"),
        (["1\u202f234", "2 345"], {}, "add `thousands: ' '` to the card"),
        (["1.5", "2.5"], {"decimal": ","}, "They look like numbers with a decimal point"),
        (["1.23.4", "12.34"], {"decimal": ",", "thousands": "."}, "stands where it does not belong"),
        (["12 %"], {}, "`markers: {'%': per cent}`"),
        (["12 €"], {}, "name the currency as the column's unit"),
        (["(12)"], {}, "Parentheses mean a negative number to some"),
        (["12.3 b"], {}, "add `markers: {'b': what it means}`"),
        (["12.3²"], {}, "add `markers: {'²': what it means}`"),
        (["n/a"], {}, "name the text under `missing`"),
        (["1_000"], {}, "name the text under `missing`"),
    ],
)
def test_other_ways_to_write_numbers_are_recognised_and_refused(place, cells, card, advised):
    text = "county;y\n" + "".join(f'a;"{c}"\n' for c in cells)
    if advised.startswith("add `decimal"):
        assert advised.split("`")[1] in problem(place, text, NUMBERS, separator=";", **card)
    else:
        assert advised in problem(place, text, NUMBERS, separator=";", **card)


def test_a_column_without_a_type_that_is_mostly_numbers_is_refused_and_one_of_names_is_text(place):
    assert "If the column holds codes or names, give it `type: text`." in problem(place, "county,y\na,1\nb,2\nc,x\n")
    assert given(place, "county,y\na,north\nb,south 2\nc,3\n")["y"].tolist() == ["north", "south 2", "3"]


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"thousands": "."}, "decimal and thousands are both '.'"),
        ({"decimal": ","}, "separator and decimal are both ','"),
        ({"thousands": "--"}, "thousands is '--'; it is one mark"),
        ({"markers": {"1": "note"}}, "markers: '1' is a number"),
        ({"markers": {" ": "note"}}, "markers: ' ' is empty"),
    ],
)
def test_marks_that_cannot_be_told_apart_are_refused(place, card, said):
    assert said in problem(place, "county,y\na,1\n", **card)


# ---- what stands around the data -----------------------------------------------------------------------


def test_lines_above_and_below_the_data_are_left_out(place):
    text = 'Population "by town\n\ncounty,y\na,1\nb,x\n\n(1) estimated\nSource: office\n\n'
    assert "'x' (line 5)" in problem(place, text, NUMBERS, skip=2, footer=2)
    assert given(place, text.replace("x", "2"), skip=2, footer=2)["y"].tolist() == [1, 2]


def test_a_header_further_down_is_found_and_said(place):
    assert problem(place, "Table 4\n\ncounty,y\na,1\n") == (
        "towns.csv has its header in line 3. Add `skip: 2` to the card."
    )


def test_notes_below_the_data_are_recognised(place):
    found = problem(place, "county,y\na,1\nb,2\nSource: office\nMade 2024\n")
    assert "Add `footer: 2` to the card." in found
    assert given(place, "county,y\na,1\nb,2\nSource: office\nMade 2024\n", footer=2)["y"].tolist() == [1, 2]


def test_a_header_that_is_repeated_is_no_row(place):
    frame = given(place, "county,y\na,1\ncounty,y\nb,2.5\n", NUMBERS)
    assert frame.to_dict("list") == {"county": ["a", "b"], "y": [1, 2.5]}
    assert given(place, "county,y\na,1\ncounty,y\nb,2\n")["y"].tolist() == [1, 2]


def test_empty_rows_and_columns_are_no_data(place):
    frame = given(place, "county,y,,\na,1,,\n,,,\nb,2,,\n,,,\n")
    assert frame.to_dict("list") == {"county": ["a", "b"], "y": [1, 2]}


def test_a_line_break_within_quotes_is_part_of_the_text(place):
    assert given(place, 'county,y\n"a\nb",1\n')["county"].tolist() == ["a\nb"]


def test_a_byte_order_mark_is_no_part_of_the_header(place):
    for header in ("county", '"county"'):
        assert given(place, f"\ufeff{header},y\na,1\n")["y"].tolist() == [1]
        assert given(place, f"\ufeff{header},y\na,1\nnote\n", footer=1)["y"].tolist() == [1]


def test_codes_of_a_large_file_are_not_read_in_pieces_of_different_kinds(place):
    # pandas by itself reads the first 100,000 or so as numbers and the rest as texts
    text = "county,y\n" + "a,1\n" * 300_000 + "b,many\n"
    assert "'many' (line 300002)" in problem(place, text)


# ---- numbers and dates that look like such ---------------------------------------------------------------


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e400", "9" * 400])
def test_what_is_infinite_is_no_number_unless_the_card_says_that_it_is_none(place, text):
    found = problem(place, f"county,y\n01,1\n02,{text}\n")
    assert "Column 'y' holds" in found
    assert "(line 3)" in found
    declared = given(place, f"county,y\n01,1\n02,{text}\n", missing=[text])
    assert np.isnan(declared["y"][1])


DAYS = {"day": {"unit": "day", "meaning": "Day", "type": "date"}, "y": CODES["y"]}


def test_moments_with_different_distances_from_universal_time_are_moments_of_universal_time(place):
    found = given(
        place, "day,y\n2024-01-01T00:00:00+01:00,1\n2024-07-01T00:00:00+02:00,2\n2024-07-01T00:00:00Z,3\n", DAYS
    )
    assert found["day"].notna().all()
    assert [str(d) for d in found["day"]] == [
        "2023-12-31 23:00:00+00:00", "2024-06-30 22:00:00+00:00", "2024-07-01 00:00:00+00:00",
    ]  # fmt: skip
    alike = given(place, "day,y\n2024-01-01T00:00:00+01:00,1\n", DAYS)
    assert str(alike["day"][0]) == "2023-12-31 23:00:00+00:00"


def test_moments_with_and_without_a_zone_in_one_column_are_refused_with_their_lines(place):
    found = problem(place, "day,y\n2024-01-01T00:00:00Z,1\n2024-07-01,2\n2024-07-02,3\n", DAYS)
    assert (
        "moments with a time zone: '2024-01-01T00:00:00Z' (line 2); and others without: '2024-07-01' (line 3), '2024-07-02' (line 4)"
        in found
    )


# ---- short rows and lost zeros, found without reading twice -------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("county,y,z\n01,1,2\n02,1\n03,1,4\n", 3),
        ("county,y,z\r\n01,1,2\r\n02,1\r\n\r\n", 3),
        ("county,y,z\n01,1,2\n\n02,1", 4),
        ("county,y,z\n01,1,2,\n02,1\n", 3),
        ("county,y,z\n01,1,2\n" + 60_000 * "02,1,3\n" + "03,1\n04,1,2,\n", 60_003),
        ('county,y,z\n"0,1",1,2\n02,1\n', 3),
    ],
)
def test_short_rows_are_named(place, text, line):
    columns = {**CODES, "z": CODES["y"]}
    assert f"line {line} (2 cells)" in problem(place, text, columns)


def test_rows_that_are_whole_are_not_read_twice(place, monkeypatch):
    monkeypatch.setattr(csv, "uneven", None)
    columns = {**CODES, "z": CODES["y"]}
    for text in ("county,y,z\n01,1,\n02,1,3\n", "county,y,z\r\n01,1,\r\n02,1,3\r\n\r\n", "county,y,z\n01,1,\n02,1,3"):
        assert np.isnan(given(place, text, columns)["z"][0])


@pytest.mark.parametrize("row", ["06037,1", " 06037,1", '"06037",1', "7,1\r\n06037,1"])
def test_codes_with_zeros_in_front_are_found_however_they_stand(place, row):
    plain = {"county": {"unit": "none", "meaning": "code"}, "y": CODES["y"]}
    assert "would lose its zero" in problem(place, f"county,y\r\n{row}\r\n", plain)
    assert given(place, "county,y\n100,0.05\n200,1.003\n", plain)["county"].tolist() == [100, 200]


@pytest.mark.parametrize("name", ["a\0b.csv", "a\nb.csv", "\x1b[31mx.csv"])
def test_a_name_with_control_characters_is_refused(place, name):
    card = Source(title="x", origin="x", licence="CC0", kind="csv", file=name, columns=CODES)
    with pytest.raises(SourceError, match="it has a control character"):
        csv.locate(card, place.root)
