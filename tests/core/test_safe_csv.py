"""CSV for people: no cell of text is a formula, and no number changes."""

import csv
import io

import pandas as pd
import pytest

from scale_impact.core.safe_csv import defused, write_csv


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t1", "\r1", "\n1", "＝1+1", "＋1", "－1", "＠x", " =1", "-5 %", "=HYPERLINK(\"x\")",
        "|x", "%x",
    ],
)  # fmt: skip
def test_texts_that_start_as_formulas_do_are_defused(text):
    assert defused(text) == "'" + text


@pytest.mark.parametrize(
    "value",
    ["-3", "+2.5", "-1e-5", "-.5", "-", "+", "a=b", "", "Gary", "06037", "'quoted", -3, -0.5, None, True, "1-2"],
)
def test_numbers_and_other_texts_stay_as_they_are(value):
    assert defused(value) is value


def test_a_table_is_written_with_its_numbers_untouched():
    frame = pd.DataFrame(
        {"=name": ["=cmd()", "Gary", None], "effect": [-0.1234567890123456, -1e-9, float("nan")], "n": [-1, 2, -3]}
    )
    before = frame.copy()
    file = io.StringIO()
    write_csv(frame, file)
    assert file.getvalue() == '\'=name,effect,n\n"\'=cmd()",-0.1234567890123456,-1\n"Gary",-1e-09,2\n"","",-3\n'
    pd.testing.assert_frame_equal(frame, before)


def test_columns_of_one_name_are_both_defused():
    file = io.StringIO()
    write_csv(pd.DataFrame([["=a", "=b"]], columns=["x", "x"]), file)
    assert file.getvalue() == 'x,x\n"\'=a","\'=b"\n'


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("x;=cmd", "x;'=cmd"), ("x; =cmd", "x;' =cmd"), ("x\t+1+1", "x\t'+1+1"), ("x\n@SUM(A1)", "x\n'@SUM(A1)"), ('x;"=cmd"', "x;'\"=cmd\""),
        ("=a;=b", "'=a;'=b"), ("\t=1", "'\t'=1"), ('"=a', "'\"=a"), ("a;b=c", "a;b=c"), ("a,=b", "a,=b"), ("Gary; 5 %", "Gary; 5 %"),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula_where_another_mark_separates_cells(text, safe):
    assert defused(text) == safe


def cells_of(text, mark):
    """Cells as a program sees them that separates by another mark: quotes count where a cell starts with them."""
    return [cell for row in csv.reader(io.StringIO(text), delimiter=mark) for cell in row]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_written_tables_hold_no_formula_whatever_separates_their_cells(mark):
    frame = pd.DataFrame(
        {"n": [-2.5, 1], "text": ["5+cmd|' /C calc'!A0", "x;=cmd"], "more": ['a;"=1+1"', "b\n=1\t@SUM(A1)"]}
    )
    file = io.StringIO()
    write_csv(frame, file)
    cells = [c.strip() for c in cells_of(file.getvalue(), mark)]
    assert not [c for c in cells if c.startswith(("=", "+", "@"))]
    assert not [c for c in cells if c.startswith("-") and c != "-2.5" and not c.startswith('-2.5,"')]
