"""The comparisons behind a two-way fixed-effects estimate."""

from __future__ import annotations

import numpy as np
import pytest

from scale_impact.figures.bacon import draw


def test_each_comparison_is_a_mark_at_its_weight_and_estimate(effects, ax):
    frame = effects["twfe"].decomposition
    draw(effects["twfe"], ax)
    shown = np.vstack([c.get_offsets() for c in ax.collections])
    wanted = frame[["weight", "estimate"]].to_numpy()
    np.testing.assert_allclose(shown[np.lexsort(shown.T)], wanted[np.lexsort(wanted.T)])


def test_types_differ_by_colour_and_by_shape(effects, ax):
    draw(effects["twfe"], ax)
    assert len(ax.collections) == effects["twfe"].decomposition["type"].nunique() == 3
    assert len({tuple(c.get_facecolor()[0]) for c in ax.collections}) == 3
    assert len({c.get_paths()[0].vertices.tobytes() for c in ax.collections}) == 3


def test_the_line_is_the_two_way_estimate(effects, ax, marks, words):
    draw(effects["twfe"], ax)
    (line,) = marks(ax, "_total")
    assert line.get_ydata()[0] == pytest.approx(effects["twfe"].overall.value, rel=1e-9)
    assert any(text.startswith("two-way\nestimate\n") for text in words(ax))


def test_the_legend_gives_each_types_share_of_the_weight(effects, ax, words):
    frame = effects["twfe"].decomposition
    draw(effects["twfe"], ax)
    for kind, share in frame.groupby("type")["weight"].sum().items():
        assert f"{kind} ({share:.1%} of weight)" in words(ax)


def test_axes_say_weight_and_unit(effects, ax):
    draw(effects["twfe"], ax, unit="claims, log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Weight of the comparison", "claims, log")


def test_no_decomposition_is_a_sentence_and_not_an_empty_box(effects, ax, words):
    draw(effects["callaway_santanna"], ax)
    assert any("has no decomposition here" in text for text in words(ax))
    assert not ax.axison
