"""CSV files: read as the card says, or refused with the card's name."""

import bz2
import gzip

import numpy as np
import pandas as pd
import pytest

from scale_impact.errors import SourceError
from scale_impact.sources import read
from tests.projects import Place, towns

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
    assert "Column 'county' holds '06037', which as a number would lose its zero." in problem(
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
    ("text", "card"),
    [
        ("", {}),
        ("county,y\na,1\nb,2,3\n", {}),
        ('county,y\n"a,1\n', {}),
        ("county,y\na,1\n", {"encoding": "utf8x"}),
        ("county,y\na,1\n", {"encoding": "utf-16"}),
        (b"county,y\n\xe4,1\n", {}),
        ("county,y\na,1\n", {"separator": ""}),
        ("county,y\na,1\n", {"decimal": ""}),
        ("county,y\na,1\n", {"file": "towns.csv.gz"}),
        (gzip.compress(b"county,y\n" + b"a,1\n" * 9)[:-9], {"file": "towns.csv.gz"}),
        ("county,y\na,1\n", {"file": "towns.csv.bz2"}),
        ("county,y\na,1\n", {"file": "towns.csv.zip"}),
        ("county,y\na,1\n", {"file": "towns.csv.xz"}),
    ],
    ids=[
        "empty", "ragged", "open quote", "unknown encoding", "utf-16", "latin-1", "no separator", "no decimal", "no gzip",
        "cut gzip", "no bzip2", "no zip", "no xz",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_advice(place, text, card):
    found = problem(place, text, **card)
    assert "cannot be read as CSV" in found
    assert "Check separator, decimal and encoding in the card." in found


def test_rows_longer_than_the_header_do_not_shift_the_columns(place):
    # pandas alone takes "a" for an index, county for 1 and y for 9
    assert "loss of data" in problem(place, "county,y\na,1,9\nb,2,8\n")


def test_a_separator_at_the_end_of_each_row_is_no_column(place):
    assert given(place, "county,y\na,1,\nb,2,\n").to_dict("list") == {"county": ["a", "b"], "y": [1, 2]}


def test_a_wrong_separator_is_recognised(place):
    card = place.data(text="county;y\na;1\n", columns=CODES)
    with pytest.raises(SourceError, match=r"towns\.csv is separated by ';'.*separator: ';'"):
        read(card, place.root)
