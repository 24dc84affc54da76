"""A city's dimensions and indicators against its peers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scale_impact import figures
from scale_impact.benchmark.against_peers import Profile, Standing
from scale_impact.figures.dimension_profile import draw, height


def standing(kind, name, value, *, dimension="", raw=1.0, others=(20.0, 30.0, 40.0, 50.0, 90.0)):
    low, first, median, third, high = others
    return Standing(kind, name, dimension, value, low, first, median, third, high, "Best", median, 0.0, raw=raw)


def profile(n=2):
    rows = [
        standing("index", "Index", 44.0),
        *(standing("dimension", f"dim {k}", 30.0 + k, dimension=f"dim {k}") for k in range(n)),
    ]
    rows += [
        standing("indicator", f"indicator {k}", 60.0, dimension=f"dim {k}", raw=np.nan if k else 1.0) for k in range(n)
    ]
    return Profile("Gary", ("A", "B"), tuple(rows), (0.0, 100.0))


def test_the_city_is_a_dot_and_its_peers_are_bars_with_a_middle(ax, marks):
    draw(profile().only("index", "dimension"), ax)
    (dot,) = marks(ax, "Gary")
    assert list(dot.get_xdata()) == [44.0, 30.0, 31.0]
    (middle,) = marks(ax, "middle of the peers")
    assert set(middle.get_xdata()) == {40.0}
    spans = {c.get_label(): {tuple(p[:, 0]) for p in c.get_segments()} for c in ax.collections}
    assert spans["all peers"] == {(20.0, 90.0)}
    assert spans["half of the peers"] == {(30.0, 50.0)}
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Index", "Dim 0", "Dim 1"]


def test_the_scale_is_whole_and_the_first_row_is_on_top(ax):
    draw(profile(), ax)
    left, right = ax.get_xlim()
    assert (left, right) == (-2.0, 102.0)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    free = replace(profile(), limits=None)
    ax.clear()
    draw(free, ax)
    assert ax.get_xlim()[1] < 102.0


def test_what_was_imputed_is_hollow(ax, marks):
    draw(profile(), ax)
    (hollow,) = marks(ax, "Gary, not measured")
    assert hollow.get_markerfacecolor() == "white"
    assert len(hollow.get_xdata()) == 1


def test_indicators_stand_below_bold_names(ax):
    draw(profile(), ax)
    weights = [t.get_fontweight() for t in ax.get_yticklabels()]
    assert weights == ["bold"] * 3 + ["normal"] * 2


def test_sixty_indicators_have_room_and_names_do_not_touch():
    rows = tuple(
        standing(
            "indicator", f"An indicator with a name that is much too long to be read, {k}", 50.0, dimension=f"d{k // 8}"
        )
        for k in range(60)
    )
    fig = figures.figure("dimension_profile", replace(profile(), rows=rows), unit="points", source="a test")
    boxes = [t.get_window_extent() for t in fig.axes[0].get_yticklabels()]
    assert len(boxes) == 60
    tops = sorted(b.y0 for b in boxes)
    assert np.diff(tops).min() >= 0.95 * max(b.height for b in boxes)
    assert fig.get_size_inches()[1] <= 11
    assert all(b.x0 >= 0 for b in boxes)


def test_rows_need_height():
    assert height(profile(8)) > height(profile(1)) >= 2.6


def test_a_city_that_cannot_be_compared_gives_its_reason(ax, words):
    draw(Profile("Gary", (), (), None, "Gary has no score: too little is known."), ax)
    assert "Gary has no score: too little is known." in words(ax)


def test_a_row_without_peers_has_the_dot_alone(ax, marks):
    nothing = replace(profile(), rows=(standing("index", "Index", 44.0, others=(np.nan,) * 5),))
    draw(nothing, ax)
    assert marks(ax, "Gary")
    assert not marks(ax, "middle of the peers")
