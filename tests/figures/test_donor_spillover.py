"""Gaps of near donors among those of donors farther away."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.donor_spillover import draw, height


def row(name, size, weight=0.2):
    return {"donor": name, "size": size, "weight": weight}


def check(near, far, *, named=True):
    details = {"rows": list(near), "farther": list(far), "named": named}
    return Check("donor_spillover", "pass", "No reach is seen.", None, 0.25, details=details)


def test_near_donors_have_rows_and_the_others_one_together(ax, marks):
    draw(check([row("B", 2.0), row("A", -1.0, 0.0)], [row("C", 0.5), row("D", 0.1)]), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["A", "B (0.20)", "2 donors farther away"]
    assert list(marks(ax, "near donors")[0].get_xdata()) == [-1.0, 2.0]
    assert sorted(marks(ax, "donors farther away")[0].get_xdata()) == [0.1, 0.5]
    assert "p = 0.250" in ax.get_xlabel()


def test_where_nobody_was_named_they_are_the_donors_that_carry_it(ax, marks):
    draw(check([row("B", 2.0)], [row("C", 0.5), row("D", 1.0)], named=False), ax)
    assert marks(ax, "donors that carry the counterfactual")
    assert [t.get_text() for t in ax.get_yticklabels()][-1] == "2 other donors"


def test_of_many_near_donors_those_farthest_from_zero_are_shown(ax):
    given = check([row(f"N{k}", float(k)) for k in range(60)], [row("C", 0.5)])
    draw(given, ax)
    assert len(ax.get_yticklabels()) == 41
    assert height(given) > 4


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("donor_spillover", "No donor is near."), ax)
    assert "No donor is near." in words(ax)
