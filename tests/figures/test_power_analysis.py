"""How often trials of several sizes would notice an effect."""

import numpy as np
import pytest

from scale_impact.core.effect import Estimate
from scale_impact.core.experiment.power.noise import FromData
from scale_impact.core.experiment.power.plan import PowerPlan, Prospect
from scale_impact.core.experiment.power.question import Question, Trial
from scale_impact.figures import figure, render
from scale_impact.figures.power_analysis import LINES, draw


def prospect(clusters, scale):
    thresholds = scale * np.linspace(0.1, 1.0, 10)[:, None]
    trial = Trial("parallel", clusters, None, 4, 1, 1, 0.5)
    return Prospect(trial, thresholds, float((thresholds <= 1.0).mean()), Estimate(0.8 * scale), 0.05, None)


def plan_of(scales, **given):
    found = tuple(prospect(10 * (k + 1), s) for k, s in enumerate(scales))
    usual = {
        "trials": tuple(p.trial for p in found), "noise": FromData(np.ones((3, 4))), "strata": (), "wanted": 1.0, "per_cent": False, "direction": "up",
        "log": False, "level": 50.0, "power": 0.8, "alpha": 0.05, "draws": 10, "seed": 1,
    }  # fmt: skip
    enough = [p for p in found if p.power >= 0.8]
    return PowerPlan(Question(**usual | given), found, enough[0] if enough else None)


def test_each_trial_has_a_line_that_rises_to_the_share_that_notices(ax):
    plan = plan_of([3.0, 1.2, 0.5])
    draw(plan, ax, unit="Effect on jobs, jobs")
    lines = {line.get_label(): line for line in ax.lines}
    for found in plan.prospects:
        x, y = lines[found.trial.label].get_data()
        assert np.all(np.diff(y) >= 0)
        assert y[np.searchsorted(x, 1.0) - 1] == pytest.approx(found.power, abs=0.11)
    assert ax.get_xlabel() == "Effect, jobs"


def test_the_recommended_trial_stands_out(ax):
    plan = plan_of([3.0, 1.2, 0.5])
    draw(plan, ax)
    widths = {line.get_label(): line.get_linewidth() for line in ax.lines if "clusters" in line.get_label()}
    assert max(widths, key=widths.get) == plan.found.trial.label


def test_effects_in_per_cent_are_drawn_in_per_cent(ax):
    draw(plan_of([1.2, 0.5], per_cent=True, wanted=2.0), ax, unit="Effect on jobs, jobs")
    assert ax.get_xlabel() == "Effect, % of the mean outcome"


def test_more_trials_than_can_be_told_apart_are_left_to_the_table(ax):
    plan = plan_of(list(np.linspace(4.0, 0.4, 12)))
    draw(plan, ax)
    drawn = [line.get_label() for line in ax.lines if "clusters" in line.get_label()]
    assert len(drawn) == LINES
    assert plan.found.trial.label in drawn


def test_the_figure_is_rendered():
    assert (
        render(figure("power_analysis", plan_of([3.0, 0.5]), unit="Effect on jobs, jobs", source=""), "png")[:4]
        == b"\x89PNG"
    )
