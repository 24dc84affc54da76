"""The specification curve: columns in order, solid and hollow dots, marks of choices, the marked one."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from matplotlib.colors import to_hex

from scale_impact import figures
from scale_impact.core.effect import Estimate
from scale_impact.core.specifications import OWN, curve_of
from scale_impact.figures import _style
from scale_impact.figures.specification_curve import NONE, UNMARKED, draw, height
from tests.core.test_specifications import four, joint, specification


def parts(ax):
    return ax.child_axes


def line(ax, name):
    return next(x for x in ax.get_lines() if name in str(x.get_label()))


def chosen(ax, colour):
    """Column and row of each mark of a colour."""
    found = [
        c for c in ax.collections if c.get_label() == "_chosen" and to_hex(c.get_color()[0]).upper() == colour.upper()
    ]
    return {(float(s[0][0]), float(s[:, 1].mean())) for c in found for s in c.get_segments()}


def large(n_estimators=10, without=4, windows=5):
    """A curve of 200 specifications."""
    rng = np.random.default_rng(1)
    axes = {
        "estimator": tuple(f"estimator_{k}" for k in range(n_estimators)),
        "sample.without": tuple(f"city {k}" for k in range(without)),
        "first_period": tuple(str(1980 + k) for k in range(windows)),
    }
    found = [
        replace(
            specification(0.0), name=str(k), label=str(k), choices=dict(zip(axes, c, strict=True)),
            estimate=Estimate(float(rng.normal(-0.1, 0.1)), 0.06), mark=OWN if k == 7 else None,
        )
        for k, c in enumerate(product(*axes.values()))
    ]  # fmt: skip
    return curve_of(found, axes, 0.95)


def test_dots_are_in_order_solid_where_zero_is_excluded_and_hollow_elsewhere(ax):
    draw(four(), ax)
    upper = parts(ax)[0]
    sure, unsure = line(upper, "excludes zero"), line(upper, "includes zero")
    assert (sure.get_xdata().tolist(), sure.get_ydata().tolist()) == ([0, 1], [-0.3, -0.25])
    assert (unsure.get_xdata().tolist(), unsure.get_ydata().tolist()) == ([2], [0.05])
    assert sure.get_markerfacecolor() != "white"
    assert unsure.get_markerfacecolor() == "white"


def test_each_column_has_a_mark_in_the_row_of_each_choice(ax):
    draw(four(), ax)
    lower = parts(ax)[1]
    rows = {t.get_text(): y for t, y in zip(lower.get_yticklabels(), lower.get_yticks(), strict=True)}
    assert list(rows) == ["twfe", "imputation", "never", "not_yet"]
    assert chosen(lower, _style.BLUE) == {
        (0, rows["imputation"]),
        (0, rows["never"]),
        (1, rows["twfe"]),
        (1, rows["never"]),
    }
    assert chosen(lower, UNMARKED) == {(2, rows["twfe"]), (2, rows["not_yet"])}
    names = [t.get_text() for t in lower.texts]
    assert {"estimator", "control"} <= set(names)


def test_what_could_not_be_estimated_stands_apart_at_the_right(ax):
    draw(four(), ax)
    lower = parts(ax)[1]
    assert {x for x, _ in chosen(lower, _style.LIGHT)} == {4.0}  # column 3 is empty
    assert NONE in [t.get_text() for t in lower.texts]
    assert "(1 without an estimate)" in parts(ax)[0].get_title(loc="left")


def test_the_title_says_count_share_and_test(ax):
    draw(four().tested(joint()), ax)
    title = parts(ax)[0].get_title(loc="left")
    assert title == "2 of 3 specifications are negative, 2 exclude zero (1 without an estimate); joint p = 0.040"


def test_the_marked_one_is_a_named_diamond_with_its_column(ax):
    draw(four(), ax)
    upper, lower = parts(ax)
    diamond = next(x for x in upper.get_lines() if x.get_marker() == "D")
    assert (diamond.get_xdata()[0], diamond.get_ydata()[0]) == (1, -0.25)
    assert OWN in [t.get_text() for t in upper.texts]
    assert [x.get_xdata()[0] for x in lower.get_lines() if x.get_label() == "_primary"] == [1]


def test_a_marked_one_without_an_estimate_has_its_column_too(ax):
    draw(four(a=specification(-0.25), d=specification(None, mark=OWN, estimator="imputation", control="not_yet")), ax)
    assert [x.get_xdata()[0] for x in parts(ax)[1].get_lines() if x.get_label() == "_primary"] == [4]


def test_the_null_band_is_there_where_a_test_was_made_and_not_elsewhere(ax):
    draw(four(), ax)
    assert not [c for c in parts(ax)[0].collections if "without any effect" in str(c.get_label())]
    ax.clear()
    draw(four().tested(joint()), ax)
    assert [c for c in parts(ax)[-2].collections if "without any effect" in str(c.get_label())]
    assert "without any effect" in " ".join(t.get_text() for t in parts(ax)[-2].get_legend().get_texts())


@pytest.mark.parametrize("curve", [four(), large()], ids=["4 specifications", "200 specifications"])
def test_labels_lie_on_the_page_and_apart(curve, page):
    fig = figures.figure("specification_curve", curve, unit="effect, log(claims)", source="s")
    renderer, frame = page(fig), fig.bbox
    lower = fig.axes[0].child_axes[1]
    boxes = [t.get_window_extent(renderer) for t in lower.get_yticklabels()]
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes)
    ordered = sorted(boxes, key=lambda b: b.y0)
    assert all(a.y1 <= b.y0 + 1 for a, b in pairwise(ordered))
    for text in lower.texts:
        box = text.get_window_extent(renderer)
        assert box.x1 <= frame.x1 + 1, text.get_text()


def test_long_options_are_shortened_to_their_values(ax):
    words = "callaway_santanna (aggregation event_time; method dr)"
    found = [
        replace(s, choices={**s.choices, "estimator": words if s.estimator == "twfe" else "imputation"})
        for s in four().specifications
    ]
    draw(curve_of(found, {"estimator": (words, "imputation"), "control": ("never", "not_yet")}, 0.95), ax)
    assert parts(ax)[1].get_yticklabels()[0].get_text() == "callaway_santanna (event_time; dr)"


def test_more_choices_take_more_height():
    assert height(four()) < height(large()) <= 14


def test_the_unit_is_on_the_axis_of_the_estimates(ax):
    draw(four(), ax, unit="jobs")
    assert parts(ax)[0].get_ylabel() == "jobs"
