"""Estimates by choice: one row a choice, the median, the axis with its share."""

import pytest

from scale_impact import figures
from scale_impact.core.specifications import OWN, curve_of
from scale_impact.figures.choice_influence import MEDIAN, ONE, draw, height
from tests.core.test_specifications import AXES, four, specification


def by_name(ax, name):
    return next(x for x in [*ax.get_lines(), *ax.collections] if x.get_label() == name)


def full(a=-0.25):
    found = [specification(v, estimator=e, control=c) for v, (e, c) in zip(
        (a, 0.05, -0.3, -0.1), [(e, c) for e in AXES["estimator"] for c in AXES["control"]], strict=True)]  # fmt: skip
    return curve_of(found, AXES, 0.95)


def test_each_estimate_stands_on_the_row_of_each_of_its_choices(ax):
    draw(full(), ax)
    rows = {t.get_text(): y for t, y in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)}
    assert list(rows) == ["twfe", "imputation", "never", "not_yet"]
    dots = by_name(ax, ONE)
    placed = {
        (round(float(x), 3), min(rows, key=lambda r: abs(rows[r] - y)))
        for x, y in zip(dots.get_xdata(), dots.get_ydata(), strict=True)
    }
    assert placed == {
        (-0.25, "twfe"), (-0.25, "never"), (0.05, "twfe"), (0.05, "not_yet"),
        (-0.3, "imputation"), (-0.3, "never"), (-0.1, "imputation"), (-0.1, "not_yet"),
    }  # fmt: skip


def test_medians_are_those_of_the_choices(ax):
    draw(full(), ax)
    medians = [float(s[0][0]) for s in by_name(ax, MEDIAN).get_segments()]
    assert medians == pytest.approx([-0.1, -0.2, -0.275, -0.025])


def test_the_axis_says_how_much_of_the_variance_is_its_own(ax):
    draw(full(), ax)
    shares = {a.axis: a.share for a in full().influence}
    assert [t.get_text() for t in ax.texts] == [f"{a}: {s:.0%} of the variance" for a, s in shares.items()]


def test_the_marked_one_has_a_diamond_on_each_of_its_choices(ax):
    draw(four(), ax)
    diamond = by_name(ax, OWN)
    assert list(diamond.get_xdata()) == [-0.25, -0.25]


def test_without_a_combination_that_has_an_estimate_it_says_so(ax):
    added = specification(0.3, estimator="stacked", mark=OWN, added=True)
    draw(curve_of([specification(None), added], AXES, 0.95), ax)
    assert "No combination of the grid has an estimate." in ax.texts[0].get_text()


def test_labels_and_legend_lie_on_the_page(page):
    words = "callaway_santanna (aggregation event_time)"
    found = [
        specification(v, estimator=e, mark=OWN if v == -0.2 else None) for v, e in ((-0.2, words), (0.1, "imputation"))
    ]
    fig = figures.figure(
        "choice_influence", curve_of(found, {"estimator": (words, "imputation")}, 0.95), unit="jobs", source="s"
    )
    renderer = page(fig)
    for text in [*fig.axes[0].get_yticklabels(), *fig.axes[0].get_legend().get_texts(), *fig.axes[0].texts]:
        box = text.get_window_extent(renderer)
        assert fig.bbox.x0 <= box.x0, text.get_text()
        assert box.x1 <= fig.bbox.x1, text.get_text()


def test_more_choices_take_more_height():
    wide = {"estimator": tuple(f"e{k}" for k in range(20)), "control": ("never",)}
    many = curve_of([specification(float(k), estimator=f"e{k}") for k in range(20)], wide, 0.95)
    assert height(full()) < height(many)
