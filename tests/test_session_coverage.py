"""A session's view of its data: what there is, and what looks odd."""

import numpy as np
import pytest

from scale_impact.core.simulated import SIMULATED_VARIABLE
from scale_impact.errors import UsageError
from scale_impact.session import open_session
from tests.projects import project, towns


@pytest.fixture
def place(tmp_path, monkeypatch):
    made = project(tmp_path / "project")
    monkeypatch.chdir(made.root)
    return made


def odd():
    frame = towns()
    frame.loc[4, "jobs"] = np.nan
    frame["people"] = frame["people"].astype(float)
    frame.loc[40, "people"] *= 100
    return frame


def test_coverage_is_made_once_and_can_be_drawn(place):
    place.data(odd())
    session = open_session("towns")
    found = session.coverage()
    assert found.to_frame().set_index("column").at["jobs", "gap"] == 1
    assert session.coverage() is found
    drawn = session.figure("coverage", found)
    assert drawn.get_supxlabel() == "Source: Towns."
    assert drawn.axes[0].get_ylabel() == "town"


def test_oddities_are_a_table(place):
    place.data(odd())
    found = open_session("towns").oddities()
    assert ("people", "decimal_slip") in set(zip(found["column"], found["kind"], strict=True))


def test_in_a_dry_run_no_value_of_an_outcome_is_shown(place, monkeypatch):
    frame = odd()
    frame.loc[10, "jobs"] = 98765.0
    place.data(frame)
    monkeypatch.setenv(SIMULATED_VARIABLE, "1")
    session = open_session("towns")
    assert session.coverage().to_frame().set_index("column").at["jobs", "gap"] == 1
    found = session.oddities()
    assert 98765.0 not in set(found["value"])


def test_cross_sections_have_no_coverage(place):
    place.data(towns())
    place.study(unit=None, design={"control": "never", "balance": "repeated_cross_sections"})
    with pytest.raises(UsageError, match="follows no units"):
        open_session("towns").coverage()
