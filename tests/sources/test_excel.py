"""Excel workbooks as offices publish them, made by the tests."""

import datetime as dt
import io
import sys
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from scale_impact.errors import SourceError
from scale_impact.sources import read
from tests.projects import Place

CITIES = {
    "city": {"unit": "none", "meaning": "Code", "type": "text"},
    "year": {"unit": "year", "meaning": "Year"},
    "no2": {"unit": "ug/m3", "meaning": "Mean"},
}
HEAD = ["city", "year", "no2"]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def book(*rows, **cells):
    """A workbook of rows; cells given by reference replace them."""
    made = Workbook()
    sheet = made.active
    sheet.title = "data"
    for row in rows:
        sheet.append(row)
    for name, value in cells.items():
        sheet[name] = value
    return made


def saved(made):
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def path_of(place, made, columns=CITIES, **card):
    content = made if isinstance(made, bytes) else saved(made)
    return place.data(text=content, file="data/files/towns.xlsx", kind="excel", columns=columns, **card)


def given(place, made, columns=CITIES, **card):
    return read(path_of(place, made, columns, **card), place.root)


def problems(place, made, columns=CITIES, **card):
    path = path_of(place, made, columns, **card)
    with pytest.raises(SourceError) as caught:
        read(path, place.root)
    assert caught.value.where == "data/sources/towns.yaml"
    return list(caught.value.problems)


def problem(place, made, columns=CITIES, **card):
    (found,) = problems(place, made, columns, **card)
    return found


def test_a_sheet_is_read_as_it_is_stored(place):
    frame = given(
        place, book(HEAD, ["a", 2019, 0.1234567890123], ["b", 2020, None], [None, None, None], ["c", 2021, 7])
    )
    assert frame["city"].tolist() == ["a", "b", "c"]
    assert frame["year"].dtype == "int64"
    np.testing.assert_array_equal(frame["no2"], [0.1234567890123, np.nan, 7])


def test_the_sheet_is_chosen_by_name_or_by_number(place):
    made = book(HEAD, ["a", 2019, 1])
    for title, value in (("Table 2", 2), ("2024", 3)):
        sheet = made.create_sheet(title)
        for row in (HEAD, ["a", 2019, value]):
            sheet.append(row)
    assert [given(place, made, sheet=s)["no2"][0] for s in ("data", 1, "Table 2", 2, "2024", 2024, 3)] == [
        1,
        1,
        2,
        2,
        3,
        3,
        3,
    ]
    assert given(place, made)["no2"][0] == 1
    assert "has no sheet 'Table 3'. Did you mean 'Table 2'?" in problem(place, made, sheet="Table 3")
    assert "has no sheet 9: it has 3 sheets (data, Table 2, 2024)" in problem(place, made, sheet=9)
    made["2024"].title = "1"
    assert "a sheet called '1', and another one is number 1" in problem(place, made, sheet=1)


def test_merged_headers_name_each_of_their_columns(place):
    made = book(
        ["Air quality", None, None, None, None], ["Place", "Mean", None, "Maximum", None], [None, 2019, 2020.0, 2019, "2020\n(new)"],
        ["a", 1, 2, 3, 4],
    )  # fmt: skip
    sheet = made.active
    for cells in ("A1:E1", "A2:A3", "B2:C2", "D2:E2"):
        sheet.merge_cells(cells)
    names = ["Place", "Mean - 2019", "Mean - 2020", "Maximum - 2019", "Maximum - 2020 (new)"]
    columns = dict.fromkeys(names[1:], CITIES["no2"]) | {"Place": CITIES["city"]}
    frame = given(place, made, columns, skip=1, header=2)
    assert frame[names].to_numpy().tolist() == [["a", 1, 2, 3, 4]]


def test_units_that_are_merged_downwards_stand_in_each_of_their_rows(place):
    made = book(HEAD, ["a", 2019, 1], [None, 2020, 2], ["b", 2019, 3], [None, 2020, 4])
    made.active.merge_cells("A2:A3")
    assert [v if isinstance(v, str) else None for v in given(place, made)["city"]] == ["a", "a", "b", None]


def test_a_number_merged_over_columns_is_refused(place):
    made = book(HEAD, ["a", 2019, None], ["b", 2019, 1])
    made.active.merge_cells("B2:C2")
    assert "B2:C2 is one merged cell with the number 2019. Which column is it of?" in problem(place, made)


def test_titles_above_and_notes_below_are_left_out_or_named(place):
    rows = [["Table 4: air"], [], HEAD, ["a", 2019, 1], ["b", 2019, 2], [], ["1) estimated"], ["Source: office"]]
    assert "has its header in row 3. Add `skip: 2` to the card." in problem(place, book(*rows))
    assert "A7 holds '1) estimated'" in (found := problem(place, book(*rows), skip=2))
    assert "Add `footer: 2` to the card." in found
    assert given(place, book(*rows), skip=2, footer=2)["no2"].tolist() == [1, 2]


def test_formulas_give_their_saved_values_and_those_without_are_refused(place):
    made = book(HEAD, ["a", 2019, "=1+1"], ["b", 2019, 2], ["=A2", 2020, "=C2*2"])
    assert problem(place, made) == (
        "towns.xlsx, sheet 'data' holds formulas whose values were not saved: C2, A4, C4. Open the file in Excel or LibreOffice, save "
        "it, and describe that file."
    )
    with zipfile.ZipFile(io.BytesIO(saved(book(HEAD, ["a", 2019, "=1+1"])))) as old:
        parts = {n: old.read(n) for n in old.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b"<v />" in parts[sheet] or b"<v></v>" in parts[sheet] or b"<v/>" in parts[sheet]
    for empty in (b"<v />", b"<v></v>", b"<v/>"):
        parts[sheet] = parts[sheet].replace(empty, b"<v>2</v>")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)
    assert given(place, stream.getvalue())["no2"].tolist() == [2]


def test_formulas_in_columns_that_no_study_uses_do_not_matter(place):
    assert given(place, book([*HEAD, "sum"], ["a", 2019, 1, "=C2"]))["no2"].tolist() == [1]


def test_errors_of_excel_are_refused_with_their_cells_or_are_no_values(place):
    made = book(HEAD, ["a", 2019, "#N/A"], ["b", 2019, "#DIV/0!"], ["c", 2019, 1])
    assert "holds errors of Excel: #N/A in C2, #DIV/0! in C3." in problem(place, made)
    frame = given(place, made, missing=["", "#N/A", "#DIV/0!"])
    np.testing.assert_array_equal(frame["no2"], [np.nan, np.nan, 1])


def test_numbers_that_are_stored_as_text_are_read_as_the_card_says(place):
    made = book(HEAD, ["a", 2019, "1.234,5"], ["b", "2019", "12,3 b"], ["c", 2019, 7], ["d", 2019, ":"])
    card = {"decimal": ",", "thousands": ".", "markers": {"b": "break", ":": "not available"}}
    columns = {**CITIES, "no2.flag": {"unit": "none", "meaning": "marks", "type": "text"}}
    frame = given(place, made, columns, **card)
    np.testing.assert_array_equal(frame["no2"], [1234.5, 12.3, 7, np.nan])
    assert [f if isinstance(f, str) else None for f in frame["no2.flag"]] == [None, "b", None, ":"]
    assert frame["year"].tolist() == [2019] * 4
    found = problem(place, made)
    assert "'1.234,5' (cell C2), '12,3 b' (cell C3), ':' (cell C5)" in found


def test_footnotes_in_superscript_are_no_digits(place):
    note = CellRichText("12.3", TextBlock(InlineFont(vertAlign="superscript"), "1"))
    made = book(HEAD, ["a", 2019, note], ["b", 2019, 4])
    assert "'12.3¹' (cell C2)" in problem(place, made)
    assert given(place, made, markers={"¹": "estimated"})["no2"].tolist() == [12.3, 4]


def test_codes_keep_the_zeros_that_the_cell_shows(place):
    made = book(HEAD, [1001000, 2019, 1], ["01002000", 2019, 2])
    made.active["A2"].number_format = "00000000"
    assert given(place, made)["city"].tolist() == ["01001000", "01002000"]


def test_codes_that_lost_their_zeros_are_named_where_the_card_knows_what_they_look_like(place):
    made = book(HEAD, [1001000, 2019, 1], ["01002000", 2019, 2])
    assert given(place, made)["city"].tolist() == ["1001000", "01002000"]
    columns = {**CITIES, "city": {**CITIES["city"], "pattern": "[0-9]{8}"}}
    found = problem(place, made, columns)
    assert "1001000 (A2)" in found
    assert "Excel loses zeros in front" in found


def test_dates_are_dates_and_no_numbers(place):
    day = {"unit": "day", "meaning": "Day", "type": "date"}
    made = book(["city", "day", "no2"], ["a", dt.datetime(2024, 2, 29), 1], ["b", "2024-03-01", 2], ["c", 2023, 3])
    frame = given(place, made, {"city": CITIES["city"], "day": day, "no2": CITIES["no2"]})
    assert frame["day"].tolist() == [pd.Timestamp(2024, 2, 29), pd.Timestamp(2024, 3, 1), pd.Timestamp(2023, 1, 1)]
    wrong = book(["city", "day", "no2"], ["a", "29.02.2024", 1], ["b", 45000, 2])
    found = problem(place, wrong, {"city": CITIES["city"], "day": day, "no2": CITIES["no2"]})
    assert "'29.02.2024' (cell B2), '45000' (cell B3). Write dates as 2024-07-31." in found


def test_dates_that_excel_made_of_numbers_are_named(place):
    made = book(HEAD, ["a", 2019, 1.5], ["b", 2019, dt.datetime(2024, 2, 1)])
    number = {**CITIES, "no2": {**CITIES["no2"], "type": "number"}}
    for columns in (CITIES, number):
        assert "'2024-02-01' (cell C3)" in problem(place, made, columns)
    assert "holds dates: '2024-02-01' (cell C2)" in problem(
        place, book(HEAD, ["b", 2019, dt.datetime(2024, 2, 1)]), number
    )


def test_times_of_day_are_refused(place):
    assert "times of day or durations, which are not read: C2" in problem(
        place, book(HEAD, ["a", 2019, dt.time(12, 30)])
    )


def test_hidden_rows_and_columns_are_read_and_said(place):
    made = book(HEAD, ["a", 2019, 1], ["b", 2019, 2])
    made.active.row_dimensions[3].hidden = True
    made.active.column_dimensions["B"].hidden = True
    with pytest.warns(UserWarning, match="rows 3 and columns B are hidden in Excel, and were read"):
        assert given(place, made)["no2"].tolist() == [1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given(place, book(HEAD, ["a", 2019, 1]))


def test_one_stray_cell_far_away_costs_nothing(place):
    made = book(HEAD, ["a", 2019, 1], XFD1048576=" ")
    assert len(given(place, made)) == 1


def test_a_column_that_is_not_there_is_named_with_what_is(place):
    found = problem(place, book(["city", "year", "NO2_mean"], ["a", 2019, 1]))
    assert "There is no column 'no2' in towns.xlsx; found 'NO2_mean'" in found


def test_a_column_that_stands_twice_is_refused_with_both_cells(place):
    assert "column 'no2' stands there twice (C1, D1)" in problem(place, book([*HEAD, "no2"], ["a", 2019, 1, 2]))


def test_a_header_alone_is_no_data(place):
    assert "has a header and no rows" in problem(place, book(HEAD))


def zipped(**parts):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (OLE + bytes(600), "is of Excel's old format (.xls). Save it as .xlsx"),
        (OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "is encrypted. Save it without a password"),
        (b"city,year\na,2019\n", "is no Excel workbook. If it is text, its kind is `csv`"),
        (b"", "is no Excel workbook"),
        (zipped(**{"xl__workbook.bin": b"x"}), "is of Excel's binary format (.xlsb)"),
        (zipped(**{"content.xml": b"x"}), "is an OpenDocument table"),
        (zipped(**{"a.txt": b"x"}), "cannot be read as a workbook"),
        (saved(book(HEAD))[:-60], "is damaged"),
        (
            zipped(**{"xl__workbook.xml": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>'}),
            "defines a document type",
        ),
    ],
    ids=["xls", "encrypted", "text", "empty", "xlsb", "ods", "zip", "cut", "entities"],
)
def test_what_is_no_workbook_of_today_is_refused_with_advice(place, content, said):
    assert said in problem(place, content)


def test_a_workbook_that_unpacks_to_more_than_memory_is_refused_before(place, monkeypatch):
    monkeypatch.setattr("scale_impact.sources.excel.LARGEST", 100_000)
    bomb = zipped(**{"[Content_Types].xml": b"x", "xl__worksheets__sheet1.xml": bytes(10_000_000)})
    assert len(bomb) < 20_000
    assert "would take 0.0 GB unpacked" in problem(place, bomb)


def test_macros_are_neither_needed_nor_run(place):
    made = load_workbook(io.BytesIO(saved(book(HEAD, ["a", 2019, 1]))), keep_vba=True)
    path = path_of(place, made)
    macro = place.root / "data/files/towns.xlsm"
    (place.root / "data/files/towns.xlsx").rename(macro)
    path.write_text(path.read_text().replace("towns.xlsx", "towns.xlsm"))
    assert read(path, place.root)["no2"].tolist() == [1]


def test_without_openpyxl_what_to_install_is_said(place, monkeypatch):
    path = path_of(place, book(HEAD, ["a", 2019, 1]))
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(SourceError, match=r"pip install 'scale-impact\[excel\]'"):
        read(path, place.root)


def test_numbers_that_mean_no_value_are_none(place):
    made = book(HEAD, ["a", 2019, -999], ["b", 2020, 3.5], [-999, 2020, -999.0])
    found = given(place, made, missing=["-999"])
    np.testing.assert_array_equal(found["no2"], [np.nan, 3.5, np.nan])
    assert found["city"].isna().tolist() == [False, False, True]
    assert given(place, made)["no2"].tolist() == [-999, 3.5, -999]


def test_days_that_mean_no_value_are_none(place):
    columns = {**CITIES, "year": {"unit": "day", "meaning": "Day", "type": "date"}}
    made = book(HEAD, ["a", dt.datetime(9999, 12, 31), 1], ["b", dt.datetime(2020, 1, 1), 2])
    found = given(place, made, columns, missing=["9999-12-31"])
    assert found["year"].isna().tolist() == [True, False]
