"""Who is treated, who may be a donor, other columns: what all estimators of the synthetic control family refuse and say alike."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.core.synthetic.pilots import name_together, pilots
from scale_impact.errors import DesignError
from tests.panels import NEVER, drawn, fitted, framed, panel_of
from tests.pilots import cities, two_factors

WITH_COVARIATES = [
    "synthetic_did", "augmented_synthetic_control", "interactive_fixed_effects", "interrupted_time_series",
    "structural_time_series",
]  # fmt: skip
NEED_EACH_CELL = [name for name in WITH_COVARIATES if name != "augmented_synthetic_control"]
FAMILY = [
    "synthetic_control", "demeaned_synthetic_control", "synthetic_did", "augmented_synthetic_control", "matrix_completion",
    "interactive_fixed_effects",
]  # fmt: skip


def with_columns(seed=1):
    """A treated unit and eight donors, with columns that can be used and columns that cannot."""
    frame = drawn({8: 1, NEVER: 8}, 12, seed)
    frame["x"] = np.random.default_rng(seed).normal(size=len(frame))
    frame["hole"] = frame["x"].where((frame["id"] != 3) | (frame["t"] != 5))
    frame["endless"] = frame["x"].where((frame["id"] != 3) | (frame["t"] != 5), np.inf)
    return frame.assign(word="a", day=np.datetime64("2020-01-01"))


def estimated(name, column):
    panel = panel_of(with_columns())
    design = si.Design.from_panel(panel, first_treated="g")
    columns = [column] if isinstance(column, str) else column
    option = "predictors" if name == "synthetic_control" else "covariates"
    return si.estimate(name, panel, design, **{option: columns})


# ---- other columns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WITH_COVARIATES, "synthetic_control"])
def test_columns_that_hold_no_numbers_are_refused_in_the_same_words_all_at_once(name):
    what = "predictor" if name == "synthetic_control" else "covariate"
    with pytest.raises(DesignError) as refused:
        estimated(name, ["word", "x", "day", "absent"])
    problems = refused.value.problems
    assert len(problems) == 3
    assert problems[0] == f"{name}: {what} 'word' is not numeric (object). Make 0/1 columns of its categories."
    assert problems[1].startswith(f"{name}: {what} 'day' is not numeric (datetime64")
    assert problems[2].startswith(f"{name}: {what} 'absent' is no column of the data.")


@pytest.mark.parametrize("column", ["hole", "endless"])
@pytest.mark.parametrize("name", NEED_EACH_CELL)
def test_a_covariate_that_lacks_a_cell_is_refused_in_the_same_words(name, column):
    with pytest.raises(
        DesignError, match=rf"{name}: covariate '{column}' is missing or infinite in 1 row \(3/5\)\. Fill it"
    ):
        estimated(name, column)


@pytest.mark.parametrize("column", ["hole", "endless"])
@pytest.mark.parametrize("name", ["augmented_synthetic_control", "synthetic_control"])
def test_means_before_the_measure_that_leave_a_cell_out_are_said(name, column):
    notes = estimated(name, column).notes
    assert any(f"{column} is missing or infinite in 1 of 72 cells before the measure (3)" in n for n in notes)
    assert not any("missing or infinite" in n for n in estimated(name, "x").notes)


# ---- what is refused -------------------------------------------------------------------------------------------------------


def pairwise():
    panel = panel_of(
        framed(np.random.default_rng(1).normal(size=(6, 12)), np.r_[8.0, np.full(5, NEVER)]).drop(index=40)
    )
    return panel, si.Design.from_panel(panel, first_treated="g", balance="pairwise")


def test_cells_not_observed_are_filled_by_the_estimators_own_way_where_it_has_one():
    with pytest.raises(DesignError, match="or use matrix_completion, which fills them"):
        si.estimate("synthetic_did", *pairwise())
    with pytest.raises(DesignError, match="or say `method: em`, which fills them"):
        si.estimate("interactive_fixed_effects", *pairwise())
    assert si.estimate("interactive_fixed_effects", *pairwise(), method="em", factors=0).overall.value is not None


@pytest.mark.parametrize("name", [*FAMILY, "interrupted_time_series", "structural_time_series"])
def test_an_empty_list_of_donors_is_refused(name):
    with pytest.raises(DesignError) as refused:
        fitted(name, drawn({8: 1, NEVER: 8}, 12, 1), options={"donors": []})
    assert refused.value.problems == (
        f"{name}: donors is empty. Name units that may be donors, or leave the option out to take all.",
    )


def test_units_with_numbers_for_names_are_named_by_numbers():
    panel = panel_of(drawn({8: 1, NEVER: 8}, 12, 1))
    found = pilots(panel, si.Design.from_panel(panel, first_treated="g"), "test", donors=[8, 3, 5], without=[5])
    assert found.donor_names == ("3", "8")


def test_options_are_blamed_for_the_lack_of_donors_only_where_they_were_given():
    paths = {k: two_factors()[k] for k in ("city 00", "city 01")}
    data = cities(paths, {"city 00": 2014})
    with pytest.raises(DesignError, match="no donor: `donors` and `without` leave none of the 2 units"):
        pilots(*data, "test", without=["city 01"])


def test_units_that_start_together_are_named_by_how_many_and_from_when():
    found = pilots(*cities(two_factors(), {"city 03": 2014, "city 05": 2014, "city 07": 2016}), "test")
    assert name_together(found, [0, 1], 13) == "2 units from 2014"
    assert name_together(found, [2], 15) == "city 07"


@pytest.mark.parametrize("name", ["synthetic_did", "interrupted_time_series", "structural_time_series"])
def test_estimators_that_take_units_together_name_them_alike(name):
    data = cities(two_factors(), {"city 03": 2014, "city 05": 2014})
    assert si.estimate(name, *data).counterfactual.names == ("2 units from 2014",)


# ---- what is said ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY)
def test_a_city_and_donors_that_do_not_move_before_the_measure_are_said(name):
    y = np.random.default_rng(2).normal(size=(8, 14)).cumsum(axis=1)
    y[0, :9] = 5.0
    y[3, :9], y[4, :8] = 1.0, 2.0  # the latter moves in the last period before
    notes = fitted(name, framed(y, np.r_[9.0, np.full(7, NEVER)])).notes
    assert any(
        n.startswith("0 is 5 in each period before the measure: a fit there tells how high it stands") for n in notes
    )
    assert any(n.startswith("1 donor of 7 with the same outcome in each period before the measure: 3.") for n in notes)


@pytest.mark.parametrize("name", FAMILY)
def test_outcomes_that_move_have_no_such_note(name):
    assert not any("each period before the measure" in n for n in fitted(name, drawn({8: 1, NEVER: 8}, 12, 1)).notes)
