"""The love plot."""

from __future__ import annotations

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures.balance import draw, height


def row(name, before, after, against=None):
    return {"covariate": name, "against": against, "before": {"difference": before}, "after": {"difference": after}}


def check(rows, *, weighted=True):
    return Check("balance", "fail", "They differ.", details={"threshold": 0.1, "weighted": weighted, "rows": rows})


def test_differences_before_and_after_are_drawn_the_farthest_first(ax, marks):
    draw(check([row("income", 0.2, 0.05), row("age", -0.9, 0.01)]), ax)
    assert list(marks(ax, "before")[0].get_xdata()) == [-0.9, 0.2]
    assert list(marks(ax, "after weighting")[0].get_xdata()) == [0.01, 0.05]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["age", "income"]
    assert sorted(float(np.ravel(m.get_xdata())[0]) for m in marks(ax, "_bound")) == [-0.1, 0.1]


def test_of_four_cells_the_worst_is_shown(ax):
    draw(check([row("age", 0.1, 0.1, "the others before"), row("age", 0.2, -0.4, "the others after")]), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["age (the others after)"]


def test_without_weights_there_is_one_mark(ax, marks):
    draw(check([row("age", 0.3, 0.3)], weighted=False), ax)
    assert not marks(ax, "after weighting")
    assert list(marks(ax, "as they are")[0].get_xdata()) == [0.3]


def test_many_covariates_need_a_higher_figure():
    assert height(check([row(f"x{k}", 0.1, 0.1) for k in range(30)])) > height(check([row("x", 0.1, 0.1)]))


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("balance", "There are no covariates."), ax)
    assert "There are no covariates." in words(ax)
