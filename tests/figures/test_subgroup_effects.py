"""Effects by context."""

from __future__ import annotations

import numpy as np

from scale_impact.core.effect import Effect, Estimate, Family
from scale_impact.figures.subgroup_effects import draw, height


def effect(groups=("age: up to 40", "age: above 40")):
    n = len(groups)
    family = Family(
        "subgroup", np.arange(1.0, n + 1), np.full(n, 0.04), None, (None,) * n, names=tuple(groups),
        estimand="CATE", contexts=tuple({"age": float(k)} for k in range(n)),
    )  # fmt: skip
    return Effect("double_ml", Estimate(1.5, 0.2), None, "by hand", curves={"subgroups": family})


def test_groups_are_rows_with_the_mean_effect_as_a_line(ax, marks):
    draw(effect(), ax, unit="Effect on claims")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["age: up to 40", "age: above 40"]
    assert list(ax.containers[0].lines[0].get_xdata()) == [1.0, 2.0]
    assert marks(ax, "mean effect")[0].get_xdata()[0] == 1.5
    assert ax.get_xlabel() == "Effect on claims"


def test_many_groups_make_the_figure_higher():
    assert height(effect([f"x: {k}" for k in range(30)])) > height(effect())


def test_an_estimator_of_one_effect_for_all_says_so(ax, words):
    one = Effect("backdoor_regression", Estimate(1.5, 0.2), None, "by hand")
    draw(one, ax)
    assert "backdoor_regression gives no effects by context." in words(ax)
    assert height(one) == 3.0
