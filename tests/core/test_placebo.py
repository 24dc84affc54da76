"""Parts of panels, and treatment supposed at other dates."""

import numpy as np

import scale_impact as si
from scale_impact.core.placebo import NEVER, part, suppose, unit_starts
from tests.panels import design_of, drawn, panel_of


def test_a_part_holds_the_units_and_periods_asked_for():
    frame = drawn({2: 2, NEVER: 3}, 5, seed=1).sample(frac=1, random_state=0)
    panel = panel_of(frame)
    units = np.array([True, False, True, True, False])
    some = part(panel, units, 3)
    np.testing.assert_array_equal(some.panel.matrix, panel.matrix[units][:, :3])
    assert some.units.tolist() == [0, 2, 3]
    assert some.periods.tolist() == [0, 1, 2]


def test_the_whole_is_the_panel_itself():
    panel = panel_of(drawn({2: 2, NEVER: 3}, 5, seed=1))
    assert part(panel, np.ones(5, dtype=bool)).panel is panel


def test_a_period_in_which_no_unit_of_a_part_is_seen_moves_later_starts():
    frame = drawn({2: 2, NEVER: 3}, 5, seed=1)
    gone = (frame["g"] == 2) & (frame["t"] == 1)
    panel = panel_of(frame[~gone])
    units = unit_starts(si.Design.from_panel(panel, first_treated="g", balance="repeated_cross_sections")) == 2
    some = part(panel, units)
    assert some.periods.tolist() == [0, 2, 3, 4]
    assert some.positions(np.array([2.0, 1.0, NEVER, -1.0])).tolist() == [1, 1, NEVER, -1]


def test_supposing_the_same_starts_is_the_same_design():
    frame = drawn({0: 1, 2: 2, 3: 2, NEVER: 3}, 5, seed=1)
    panel, design = panel_of(frame), design_of(frame)
    same = suppose(design, part(panel, np.ones(panel.n_units, dtype=bool)), unit_starts(design))
    assert same.first_treated == design.first_treated
    np.testing.assert_array_equal(same.cohort_codes, design.cohort_codes)
    np.testing.assert_array_equal(same.starts, design.starts)


def test_supposed_starts_after_the_part_are_never():
    frame = drawn({3: 2, NEVER: 3}, 5, seed=1)
    design = design_of(frame)
    some = part(panel_of(frame), np.ones(5, dtype=bool), 3)
    placebo = suppose(design, some, np.array([1.0, 4.0, NEVER, -1.0, 1.0]), anticipation=0)
    assert placebo.first_treated == (1, np.inf)
    assert placebo.cohort_codes.tolist() == [0, 1, 1, -1, 0]
    assert placebo.n_periods == 3
