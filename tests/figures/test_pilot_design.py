"""Smallest effect that a pilot would notice, by how long it runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scale_impact.core.pilot.plan import PilotPlan, make_plan
from scale_impact.core.pilot.question import Question
from scale_impact.core.pilot.screening import Past
from scale_impact.core.pilot.thresholds import Trial
from scale_impact.figures import figure, render
from scale_impact.figures.pilot_design import SETS, draw


def gaps(worlds):
    """To the mean of the donors."""
    return worlds.targets - worlds.donors / worlds.donors.sum(axis=1, keepdims=True) @ worlds.outcomes


@pytest.fixture(scope="module")
def plan():
    y = 50 + np.random.default_rng(2).normal(size=(12, 40))
    every = np.ones(12, dtype=bool)
    question = Question(
        units=np.arange(12), names=tuple(f"City {k}" for k in range(12)), periods=tuple(range(40)), candidates=every,
        donors=every, durations=(1, 3, 5), pilots=1, wanted=2.0, per_cent=False, direction="up", log=False, power=0.8,
        trial=Trial("effect", alpha=0.1), before=16, anticipation=0, seed=1, level=0.95,
    )  # fmt: skip
    return make_plan(question, Past(y, np.arange(12), gaps))


def test_the_best_set_has_what_can_be_promised_with_its_interval(plan, ax, marks):
    draw(plan, ax, unit="Effect on jobs, jobs")
    promised = [plan.promised(o) for o in plan.best]
    line = ax.containers[0].lines[0]
    assert list(line.get_xdata()) == [1, 3, 5]
    assert line.get_ydata() == pytest.approx([e.value for e in promised])
    ends = [s[:, 1] for s in ax.containers[0].lines[2][0].get_segments()]
    assert np.array(ends) == pytest.approx(np.array([e.interval(0.95) for e in promised]))
    assert ax.get_ylabel().replace("\n", " ") == "Smallest effect noticed with power 0.8, jobs"


def test_the_next_best_sets_are_faint_and_named(plan, ax, words):
    draw(plan, ax)
    order = list(dict.fromkeys(o.names[0] for o in plan.options))
    said = " ".join(words(ax))
    assert all(name in said for name in order[: SETS + 1])
    assert len([line for line in ax.lines if line.get_linewidth() == 1.0 and line.get_color() == "#D0D0D0"]) == SETS


def test_per_cent_are_drawn_where_they_were_asked_for(plan, ax):
    asked = replace(plan, question=replace(plan.question, per_cent=True))
    draw(asked, ax)
    best = plan.best[0]
    assert ax.containers[0].lines[0].get_ydata()[0] == pytest.approx(100 * plan.promised(best).value / best.level)
    assert "% of the pilots' outcome" in ax.get_ylabel().replace("\n", " ")


def test_a_plan_that_promises_nothing_says_why(plan, ax, words):
    nothing = PilotPlan(plan.question, (), (), None, False, {9: "9 periods: too long"})
    draw(nothing, ax)
    assert "9 periods: too long" in " ".join(words(ax))


def test_equal_plans_give_equal_bytes(plan):
    one, other = (render(figure("pilot_design", plan, unit="Effect, jobs", source="made"), "svg") for _ in range(2))
    assert one == other
