"""Propensities of both sides, back to back."""

from __future__ import annotations

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures.overlap import draw


def check(weighted=None, *, of_exposed=True):
    densities = {
        "edges": [0.0, 0.5, 1.0], "exposed": [0.25, 0.75], "others": [0.9, 0.1], "exposed_weighted": None,
        "others_weighted": weighted,
    }  # fmt: skip
    details = {"bound": 0.1, "of_exposed": of_exposed, "densities": densities}
    return Check("overlap", "pass", "All have counterparts.", details=details)


def heights(ax, name):
    return next([p.get_height() for p in c] for c in ax.containers if c.get_label() == name)


def test_exposed_are_drawn_upwards_and_others_downwards(ax, marks):
    draw(check(), ax)
    assert heights(ax, "exposed") == [0.25, 0.75]
    assert heights(ax, "others") == [-0.9, -0.1]
    assert [float(np.ravel(m.get_xdata())[0]) for m in marks(ax, "_bound")] == [0.9]


def test_weights_are_an_outline_and_everybody_has_two_bounds(ax, marks):
    draw(check([0.3, 0.7], of_exposed=False), ax)
    assert [p.get_label() for p in ax.patches if p.get_label() == "as weighted"]
    assert len(marks(ax, "_bound")) == 2


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("overlap", "There are no covariates."), ax)
    assert "There are no covariates." in words(ax)
