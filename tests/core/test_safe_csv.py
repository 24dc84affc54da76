"""CSV for people: no cell of text is a formula, and no number changes."""

import io

import pandas as pd
import pytest

from scale_impact.core.safe_csv import defused, write_csv


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x", " =1", "-5 %", "=HYPERLINK(\"x\")",
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
    assert file.getvalue() == "'=name,effect,n\n'=cmd(),-0.1234567890123456,-1\nGary,-1e-09,2\n,,-3\n"
    pd.testing.assert_frame_equal(frame, before)


def test_columns_of_one_name_are_both_defused():
    file = io.StringIO()
    write_csv(pd.DataFrame([["=a", "=b"]], columns=["x", "x"]), file)
    assert file.getvalue() == "x,x\n'=a,'=b\n"
