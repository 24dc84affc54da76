"""The sample of a study: rows left out before the panel is made, and said."""

import io

import pandas as pd
import pytest

from scale_impact.core.assemble import design_of, panel_of
from scale_impact.core.study import Study
from scale_impact.errors import DesignError
from scale_impact.session import open_session
from scale_impact.workflow.preflight import preflight
from scale_impact.workflow.runs import expand
from tests.projects import towns


def made(place, frame=None, **changes):
    """Panel and design of the study of the twelve towns."""
    place.study(**changes)
    study = Study.load("towns")
    panel = panel_of(study, towns() if frame is None else frame, study.outcomes[0])
    return panel, design_of(study, panel)


def first_treated(panel, design):
    """First treated period by town, as the design has it; what it left out is missing."""
    names = [design.cohort_name(g) for g in range(len(design.starts))]
    return {str(u): names[g] for u, g in zip(panel.units, design.cohort_codes, strict=True) if g >= 0}


def texts(frame):
    """The same data with years as texts."""
    named = {y: f"{y}Q1" for y in range(2001, 2007)}
    start = frame["start"].map(lambda s: named.get(s))
    return frame.assign(year=frame["year"].map(named), start=start)


# ---- what is left out ---------------------------------------------------------------------------


def test_without_a_sample_the_data_are_used_as_they_are(place):
    frame = towns()
    panel, design = made(place, frame)
    assert panel.frame is not None
    assert (panel.n_units, panel.n_periods, panel.notes) == (12, 6, ())
    assert not any("ample" in note for note in design.notes)


def test_periods_and_units_are_left_out_and_said(place):
    panel, design = made(place, sample={"first_period": 2002, "last_period": 2005, "without": ["00012", "00001"]})
    assert list(panel.periods) == [2002, 2003, 2004, 2005]
    assert [str(u) for u in panel.units] == [f"{u:05d}" for u in range(2, 12)]
    assert design.notes[:2] == (
        "The sample is 2002 to 2005: 4 of 6 periods.",
        "Left out of the sample by name: 00012, 00001.",
    )


def test_the_frame_given_stays_as_it_is(place):
    frame = towns()
    before = frame.copy()
    made(place, frame, sample={"last_period": 2004, "without": ["00001"]}, treatment={"cohorts": {"00002": 2003}})
    pd.testing.assert_frame_equal(frame, before)


def test_estimates_are_those_of_data_without_the_rows(place):
    place.study(sample={"first_period": 2002, "without": ["00004"]})
    restricted = open_session("towns").estimate()[0].overall
    frame = towns()
    place.data(frame[(frame["year"] >= 2002) & (frame["town"] != "00004")])
    place.study()
    whole = open_session("towns").estimate()[0].overall
    assert (restricted.value, restricted.std_error) == (whole.value, whole.std_error)


def test_units_that_are_numbers_are_left_out_by_number_or_text(place):
    frame = towns().assign(town=lambda d: d["town"].astype(int))
    for name in (7, "7"):
        panel, _ = made(place, frame, sample={"without": [name]})
        assert 7 not in panel.units
        assert panel.n_units == 11


def test_periods_that_are_dates_are_named_as_text(place):
    frame = towns().assign(year=lambda d: pd.to_datetime(d["year"].astype(str) + "-07-01"))
    panel, _ = made(place, frame, sample={"first_period": "2002-07-01", "last_period": "2004-07-01"})
    assert panel.n_periods == 3


def test_cross_sections_are_restricted_to_periods(place):
    frame = towns().assign(zone=lambda d: (d["start"] > 0).astype(int))
    panel, _ = made(
        place, frame, unit=None, treatment={"group": "zone", "starts": 2004}, estimators=["did_2x2"],
        sample={"first_period": 2002},
    )  # fmt: skip
    assert list(panel.periods) == [2002, 2003, 2004, 2005, 2006]


# ---- who is treated after the sample ends ----------------------------------------------------------

WAYS = {
    "treated": {"treated": "zone"},
    "first_treated": {"first_treated": "start"},
    "cohorts": {"cohorts": {f"{u:05d}": 2003 if u < 4 else 2004 for u in range(1, 7)}},
}
each_way = pytest.mark.parametrize("way", WAYS)


@each_way
def test_units_treated_after_the_sample_are_never_treated_within_it_and_that_is_said(place, way):
    panel, design = made(place, treatment=WAYS[way], sample={"last_period": 2003})
    found = first_treated(panel, design)
    assert [found[f"{u:05d}"] for u in (1, 4, 12)] == ["2003", "never treated", "never treated"]
    (said,) = [n for n in design.notes if "3 units first treated after the sample's last period" in n]
    assert said.endswith("(2003; 00004, 00005, 00006): not treated within it, so counted as never treated.")


@each_way
def test_units_that_may_anticipate_treatment_after_the_sample_are_left_out_and_that_is_said(place, way):
    panel, design = made(place, treatment=WAYS[way], sample={"last_period": 2003}, design={"anticipation": 1})
    found = first_treated(panel, design)
    assert "00004" not in found
    assert found["00012"] == "never treated"
    assert any("3 units first treated after" in n and "may anticipate it within the sample" in n for n in design.notes)


@each_way
def test_units_treated_before_the_sample_are_treated_from_its_start(place, way):
    panel, design = made(place, treatment=WAYS[way], sample={"first_period": 2003})
    found = first_treated(panel, design)
    assert (found["00001"], found["00004"], found["00012"]) == ("2003", "2004", "never treated")
    assert len(design.always_treated) == 1
    assert any("3 units treated in the first period (2003) already left out" in n for n in design.notes)


@each_way
def test_a_unit_left_out_may_be_named_among_the_treated(place, way):
    panel, design = made(place, treatment=WAYS[way], sample={"without": ["00001"]})
    assert first_treated(panel, design)["00002"] == "2003"


@each_way
def test_periods_that_are_texts_are_cut_too(place, way):
    treatment = WAYS[way]
    if way == "cohorts":
        treatment = {"cohorts": {u: f"{start}Q1" for u, start in WAYS["cohorts"]["cohorts"].items()}}
    panel, design = made(
        place, texts(towns()), treatment=treatment, sample={"first_period": "2002Q1", "last_period": "2003Q1"}
    )
    found = first_treated(panel, design)
    assert [found[f"{u:05d}"] for u in (1, 4, 12)] == ["2003Q1", "never treated", "never treated"]


def test_a_date_beyond_all_data_is_still_an_error(place):
    cohorts = {"cohorts": {"00001": 2003, "00002": 2031}}
    with pytest.raises(DesignError, match="2031"):
        made(place, treatment=cohorts, sample={"last_period": 2004})


def test_an_unknown_unit_among_the_treated_is_still_an_error(place):
    with pytest.raises(DesignError, match="'0001', which is no town in the data"):
        made(place, treatment={"cohorts": {"0001": 2003}}, sample={"last_period": 2004})


# ---- what is refused --------------------------------------------------------------------------------


def test_unknown_units_and_periods_are_said_at_once_with_the_nearest(place):
    with pytest.raises(DesignError) as caught:
        made(place, sample={"first_period": 20010, "last_period": 20060, "without": ["000001", "00002"]})
    assert caught.value.problems == (
        "sample.first_period: '20010' is no period of the data (2001 to 2006). Did you mean '2001'?",
        "sample.last_period: '20060' is no period of the data (2001 to 2006). Did you mean '2006'?",
        "sample.without.0: '000001' is no town in the data. Did you mean '00001'?",
    )


def test_a_sample_that_ends_before_it_starts_is_refused(place):
    with pytest.raises(DesignError, match=r"sample.first_period: 2005 is after last_period, 2002"):
        made(place, sample={"first_period": 2005, "last_period": 2002})


def test_a_sample_without_any_unit_is_refused(place):
    with pytest.raises(DesignError, match="sample leaves nothing"):
        made(place, sample={"without": [f"{u:05d}" for u in range(1, 13)]})


def test_what_is_wrong_with_a_sample_is_found_before_a_run(place):
    place.study(sample={"without": ["Gary"]})
    (run,), _ = expand(["towns"], {})
    (error,) = preflight(run, estimate=False).errors
    assert error.exit_code == 12
    assert "sample.without.0: 'Gary' is no town in the data" in str(error)


def test_what_the_sample_leaves_out_is_said_before_a_run_and_in_the_notebook(place):
    place.study(sample={"without": ["00012"]})
    (run,), _ = expand(["towns"], {})
    said = "Left out of the sample by name: 00012."
    assert said in preflight(run).notes
    assert said in open_session("towns").design_note().data


def test_streamed_data_cannot_be_restricted_and_say_what_to_do(place):
    buffer = io.BytesIO()
    towns().to_parquet(buffer)
    place.data(text=buffer.getvalue(), file="data/files/towns.parquet", kind="parquet", stream=True)
    place.study(sample={"last_period": 2005})
    (run,), _ = expand(["towns"], {})
    (error,) = preflight(run).errors
    assert error.exit_code == 12
    assert "stream: false" in str(error)
