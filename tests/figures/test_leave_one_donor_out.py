"""The effect without each donor."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.leave_one_donor_out import draw, height


def row(name, estimate, weight=0.25):
    change = None if estimate is None else estimate - 2.0
    return {"left_out": name, "weight": weight, "estimate": estimate, "change": change}


def check(rows, together=()):
    details = {"full": 2.0, "rows": list(rows), "together": list(together)}
    return Check("leave_one_donor_out", "pass", "No donor decides.", details=details)


def test_rows_are_sorted_and_named_with_weights(ax, marks):
    draw(check([row("B", 2.5), row("A", 1.0, 0.5), row("C", None)]), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["A (0.50)", "B (0.25)"]
    assert list(marks(ax, "one donor left out")[0].get_xdata()) == [1.0, 2.5]
    assert list(marks(ax, "all donors")[0].get_xdata()) == [2.0, 2.0]


def test_those_left_out_together_stand_below(ax, marks):
    draw(check([row("A", 1.0)], [row("A, B", 1.5), row("A, B, C", 3.0)]), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["A (0.25)", "the 2 largest", "the 3 largest"]
    assert list(marks(ax, "the most weighted")[0].get_xdata()) == [1.5, 3.0]


def test_donors_without_weights_have_their_name_alone(ax):
    draw(check([row("A", 1.0, None)]), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["A"]


def test_of_many_those_that_change_it_most_are_shown(ax):
    given = check([row(f"D{k}", 2.0 + k / 100) for k in range(60)])
    draw(given, ax)
    assert len(ax.get_yticklabels()) == 40
    assert ax.get_ylabel() == "Left out: the 40 of 60 donors that change it most"
    assert height(given) > 4


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("leave_one_donor_out", "There is one donor."), ax)
    assert "There is one donor." in words(ax)
