"""RMSPE ratios in order of their size."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.in_space_placebo import draw, height


def check(mine=4.0, others=(1.0, 2.0, 5.0), treated=("Riverton",), **more):
    rows = [
        {"name": f"Donor {k}", "ratio": v, "pre_rmspe": 1.0 + k, "post_rmspe": 2.0 * v} for k, v in enumerate(others)
    ]
    details = {
        "treated": list(treated), "ratio": mine, "pre_rmspe": 1.0, "post_rmspe": 9.0, "worst_fit": None, "rows": rows, **more,
    }  # fmt: skip
    return Check("in_space_placebo", "pass", "So large a gap is unusual.", mine, 0.5, details=details)


def test_the_largest_ratio_stands_at_the_top(ax, marks, words):
    draw(check(), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Donor 2", "Riverton", "Donor 1", "Donor 0"]
    assert marks(ax, "treated")[0].get_xdata().tolist() == [4.0]
    assert any("p = 0.500" in w for w in words(ax))


def test_of_equal_ratios_the_treated_is_above(ax):
    draw(check(mine=2.0), ax)
    assert [t.get_text() for t in ax.get_yticklabels()][1:3] == ["Riverton", "Donor 1"]


def test_placebos_left_out_for_their_fit_are_not_drawn(ax):
    draw(check(worst_fit=4.0), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Riverton", "Donor 1", "Donor 0"]


def test_a_fit_that_is_exact_is_compared_by_the_gap_after(ax, marks, words):
    draw(check(mine=None), ax, unit="ug/m3")
    assert marks(ax, "treated")[0].get_xdata().tolist() == [9.0]
    assert any(w.startswith("Gap after the measure (RMSPE), ug/m3") for w in words(ax))


def test_sets_of_donors_are_bars(ax):
    given = check(others=(1.0, 2.0, 2.1, 5.0), treated=("A", "B"))
    draw(given, ax)
    assert sum(p.get_height() for p in ax.patches) == 4
    assert ax.get_ylabel() == "Sets of donors"
    assert height(given) == 4.0


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("in_space_placebo", "There is one donor."), ax)
    assert "There is one donor." in words(ax)
