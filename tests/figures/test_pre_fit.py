"""The fit before the measure, among donors'."""

from __future__ import annotations

from itertools import pairwise

from scale_impact import figures
from scale_impact.core.check import Check
from scale_impact.figures.pre_fit import draw, height


def row(name, rmspe, donors, median=2.0):
    placebos = [{"name": f"Donor {k}", "rmspe": v} for k, v in enumerate(donors)]
    ratio = None if median is None else rmspe / median
    return {"treated": name, "rmspe": rmspe, "median": median, "ratio": ratio, "donors": placebos}


def check(*rows):
    return Check("pre_fit", "pass", "A mix of donors follows it.", details={"worst": 2.0, "rows": list(rows)})


def test_one_city_stands_among_donors_by_its_fit(ax, marks, words):
    draw(check(row("Riverton", 1.5, [1.0, 2.0, 3.0])), ax, unit="ug/m3")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Donor 2", "Donor 1", "Riverton", "Donor 0"]
    assert marks(ax, "treated")[0].get_xdata().tolist() == [1.5]
    assert list(marks(ax, "donors' median")[0].get_xdata()) == [2.0, 2.0]
    assert list(marks(ax, "bad fit")[0].get_xdata()) == [4.0, 4.0]
    assert "Gap before the measure (RMSPE), ug/m3" in words(ax)


def test_several_cities_have_a_row_each_in_their_donors_medians(ax, marks):
    draw(check(row("A", 1.0, [2.0, 4.0]), row("B", 6.0, [1.0, 2.0, 3.0])), ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["B", "A"]
    assert marks(ax, "treated")[0].get_xdata().tolist() == [3.0]
    assert marks(ax, "donors in its place")[0].get_xdata().tolist() == [0.5, 1.0, 1.5]


def test_a_city_without_placebos_is_drawn_alone(ax, marks):
    draw(check(row("A", 1.0, [], median=None)), ax)
    assert marks(ax, "treated")[0].get_xdata().tolist() == [1.0]
    assert not marks(ax, "donors' median")


def test_of_many_donors_the_worst_are_shown_and_the_city_with_its_rank(ax):
    given = check(row("Riverton", 0.5, [1.0 + k for k in range(99)]))
    draw(given, ax)
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert (len(names), names[-1]) == (40, "Riverton (100.)")
    assert ax.get_ylabel() == "The 40 largest of 100 units"
    assert height(given) > 4


def test_forty_names_do_not_overlap(page):
    given = check(row("Riverton", 0.5, [1.0 + k for k in range(39)]))
    fig = figures.figure("pre_fit", given, unit="u", source="s")
    boxes = [t.get_window_extent(page(fig)) for t in fig.axes[0].get_yticklabels()]
    assert all(below.y1 <= above.y0 for above, below in pairwise(boxes))


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("pre_fit", "There is no counterfactual."), ax)
    assert "There is no counterfactual." in words(ax)
