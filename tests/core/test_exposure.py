"""Designs that compare observations of one period by what they are exposed to."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.checks import check
from scale_impact.core.exposure_tables import described_exposure, exposure_means
from scale_impact.errors import DesignError, UsageError

FRAME = pd.DataFrame(
    {
        "place": list("abcdefgh"), "year": [1, 1, 1, 1, 2, 2, 2, 2], "y": [1.0, 2, 3, 4, 5, 6, 7, 8], "d": [0, 1, 0, 1, 1, 0, 0, 1],
        "dose": [0.0, 0.5, 0.0, 2.0, 1.0, 0.1, 0.2, 3.0], "size": [900, 4000, 5000, 7000, 5100, 300, 2000, 9000],
        "text": ["no"] * 8, "same": [1] * 8, "holes": [0, 1, np.nan, 1, 0, 1, 0, 1],
    }
)  # fmt: skip


def panel(frame=FRAME):
    return si.Panel.from_frame(frame, unit=None, period="year", outcome="y")


def test_each_row_keeps_its_own_exposure():
    design = si.Design.from_panel(panel(), exposure="d")
    assert (design.exposure, list(design.exposures)) == ("d", [0, 1, 0, 1, 1, 0, 0, 1])
    assert design.exposed.binary
    assert len(design.adopting) == 0


def test_a_dose_is_an_exposure():
    design = si.Design.from_panel(panel(), exposure="dose")
    assert not design.exposed.binary
    assert design.exposures.max() == 3.0


def test_truth_values_count_as_0_and_1():
    frame = FRAME.assign(d=FRAME["d"].astype(bool))
    assert list(si.Design.from_panel(panel(frame), exposure="d").exposures) == list(FRAME["d"])


def test_exposures_follow_the_panel_s_order_of_rows():
    followed = FRAME.assign(place=["a", "b"] * 4, year=np.repeat([1, 2, 3, 4], 2)).iloc[::-1]
    found = si.Panel.from_frame(followed, unit="place", period="year", outcome="y")
    design = si.Design.from_panel(found, exposure="d")
    by_cell = {(u, t): d for u, t, d in zip(followed["place"], followed["year"], followed["d"], strict=True)}
    units, periods = found.units[found.unit_codes], found.periods[found.period_codes]
    assert list(design.exposures) == [by_cell[u, t] for u, t in zip(units, periods, strict=True)]


@pytest.mark.parametrize("side, treated", [("above", [0, 0, 1, 1, 1, 0, 0, 1]), ("below", [1, 1, 0, 0, 0, 1, 1, 0])])
def test_a_threshold_decides_who_is_exposed(side, treated):
    design = si.Design.from_panel(panel(), running="size", threshold=5000, side=side)
    assert list(design.exposures) == treated
    assert design.running.threshold == 5000
    assert design.exposure == f"size {'>=' if side == 'above' else '<'} 5000"


def test_a_threshold_beside_an_exposure_only_shifts_it():
    design = si.Design.from_panel(panel(), exposure="d", running="size", threshold=5000)
    assert list(design.exposures) == list(FRAME["d"])
    assert design.running.column == "size"


@pytest.mark.parametrize(
    "given, said",
    [
        ({"exposure": "text"}, "'no', which is no number"),
        ({"exposure": "same"}, "same is 1 in every row"),
        ({"exposure": "holes"}, "missing in 1 row of 8, first in row 2"),
        ({"running": "size"}, "running and threshold go together"),
        ({"exposure": "d", "threshold": 3}, "running and threshold go together"),
        ({"running": "size", "threshold": 100}, "goes from 300 to 9000: one side is empty"),
        ({"running": "size", "threshold": 9001}, "one side is empty"),
        ({"running": "size", "threshold": "5000"}, "threshold is '5000'"),
        ({"running": "size", "threshold": 5000, "side": "left"}, "side is 'left'"),
        ({"exposure": "d", "control": "none"}, "exposures are compared"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_value(given, said):
    with pytest.raises(DesignError, match=said):
        si.Design.from_panel(panel(), **given)


def test_an_exposure_is_no_start_of_treatment():
    with pytest.raises(UsageError, match=r"exactly one way.*group"):
        si.Design.from_panel(panel(), exposure="d", group="d", starts=2)


def test_estimators_of_changes_name_those_that_take_exposures():
    design = si.Design.from_panel(panel(), exposure="d")
    with pytest.raises(DesignError, match=r"did_2x2 compares before and after.*backdoor_regression"):
        si.estimate("did_2x2", panel(), design)


def test_checks_of_starts_are_inapplicable():
    design = si.Design.from_panel(panel(), exposure="d")
    assert check("pre_trends", panel(), design, lambda p, d: None).verdict == "inapplicable"


def test_means_by_exposure_are_those_of_the_rows():
    design = si.Design.from_panel(panel(), exposure="d")
    table = exposure_means(panel(), design, ["size", "text"])
    assert list(table.columns) == ["rows", "y", "size"]
    assert table.loc[1.0, "y"] == FRAME.loc[FRAME["d"] == 1, "y"].mean()


def test_many_doses_are_shown_by_quarters():
    frame = pd.DataFrame({"year": 1, "y": np.arange(40.0), "dose": np.arange(40.0) ** 2})
    found = panel(frame)
    assert list(exposure_means(found, si.Design.from_panel(found, exposure="dose"))["rows"]) == [10] * 4


def test_a_reader_is_told_who_is_compared():
    design = si.Design.from_panel(panel(), running="size", threshold=5000)
    said = described_exposure(panel(), design)
    assert "| size >= 5000 | rows |" in said
    assert "Rows of the same year are compared" in said
    assert "Nobody is compared before and after" in said
