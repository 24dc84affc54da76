"""Power curves of placebo worlds."""

from __future__ import annotations

import pytest

from scale_impact.core.check import Check
from scale_impact.figures.calibration import draw

DETAILS = {
    "alpha": 0.05,
    "estimate": -0.6,
    "size": {"share": 0.08, "low": 0.05, "high": 0.11},
    "mde": {"reported": 0.9, "interval": 1.0, "corrected": 1.2},
    "power": [{"effect": e, "power": p, "corrected": c} for e, p, c in ((0.0, 0.08, 0.05), (1.0, 0.8, 0.7), (2.0, 1.0, 0.98))],
}  # fmt: skip


def check(**changes):
    return Check("calibration", "pass", "It rejects as rarely as it says.", details={**DETAILS, **changes})


def test_both_curves_are_drawn_in_percent(ax, marks):
    draw(check(), ax)
    assert marks(ax, "interval as it is")[0].get_ydata() == pytest.approx([8, 80, 100])
    assert marks(ax, "corrected to")[0].get_ydata() == pytest.approx([5, 70, 98])


def test_the_size_and_its_interval_stand_at_zero(ax, words):
    draw(check(), ax)
    assert "without any effect: 8.0% (5.0% to 11.0%)" in words(ax)
    (bar,) = ax.containers
    (segment,) = bar.lines[2][0].get_segments()
    assert segment[:, 1] == pytest.approx([5, 11])


def test_the_estimate_is_marked_by_its_size_where_it_is_in_sight(ax, marks):
    draw(check(), ax)
    assert list(marks(ax, "the study's estimate")[0].get_xdata()) == [0.6, 0.6]
    ax.clear()
    draw(check(estimate=9.0), ax)
    assert not marks(ax, "the study's estimate")


def test_detectable_effects_are_marked(ax, marks):
    draw(check(), ax)
    assert [line.get_xdata()[0] for line in marks(ax, "_mde")] == [1.0, 1.2]


def test_without_intervals_the_corrected_curve_stands_alone(ax, marks):
    power = [{"effect": e, "power": None, "corrected": c} for e, c in ((0.0, 0.05), (1.0, 0.9))]
    none = {"share": None, "low": None, "high": None}
    draw(check(power=power, size=none, mde={"reported": None, "interval": None, "corrected": 0.9}), ax)
    assert not marks(ax, "interval as it is")
    assert marks(ax, "corrected to")


def test_the_level_asked_is_a_tick_and_the_unit_is_named(ax):
    draw(check(), ax, unit="Effect on jobs, log(jobs)")
    assert [t.get_text() for t in ax.get_yticklabels()][:3] == ["0%", "5%", "20%"]
    assert ax.get_xlabel() == "True effect, up or down: effect on jobs, log(jobs)"


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("calibration", "There are no untreated observations."), ax)
    assert "There are no untreated observations." in words(ax)
