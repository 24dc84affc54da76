"""The map of peers on two context axes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from scale_impact import figures
from scale_impact.benchmark.cities import Context, ContextColumn
from scale_impact.benchmark.peers import find_peers
from scale_impact.errors import UsageError
from scale_impact.figures.peer_map import draw, height


def peers(n=60, outlier=True, log=("people",), **options):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "people": np.exp(rng.normal(10, 1, n)),
            "again": 0.0,
            "old": rng.normal(20, 3, n),
            "zone": list("ab") * (n // 2),
        }
    )
    frame["again"] = frame["people"] * np.exp(0.01 * rng.normal(size=n))
    if outlier:
        frame.loc[0, ["people", "again"]] = 5e7
    columns = (
        ContextColumn("people", "population", "inhabitants"), ContextColumn("again", "population the year before", "inhabitants"),
        ContextColumn("old", "aged 65 and over", "%"), ContextColumn("zone", "climate zone", kind="group"),
    )  # fmt: skip
    made = Context(tuple(f"City {k:02d}" for k in range(n)), columns, frame)
    return find_peers(made, log=[*log, "again"] if log else [], **options)


def test_the_city_its_peers_and_the_others_are_drawn(ax, marks):
    found = peers()
    draw(found, ax, city="City 07")
    own, near = marks(ax, "City 07")[0], marks(ax, "peers of City 07")[0]
    assert own.get_xdata()[0] == found.context.frame["people"][7]
    assert sorted(near.get_ydata()) == sorted(found.context.frame["old"].iloc[found.indices[7]])
    n = sum(len(marks(ax, m)[0].get_xdata()) for m in ("other cities", "no fair peer", "peers of"))
    assert n == 59


def test_axes_are_the_first_number_and_one_that_does_not_tell_the_same(ax):
    draw(peers(), ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Population, inhabitants", "Aged 65 and over, %")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")


def test_axes_and_logarithms_can_be_chosen(ax):
    draw(peers(), ax, x="old", y="again", log=[])
    assert (ax.get_xlabel(), ax.get_yscale()) == ("Aged 65 and over, %", "linear")


def test_names_stand_beside_the_map_by_rank(ax, words):
    found = peers(number=3)
    draw(found, ax, city="City 07")
    assert {"City 07", *(f"{k}  {p}" for k, p in enumerate(found.of("City 07"), start=1))} <= set(words(ax))


def test_a_city_without_fair_peer_says_why(ax, words):
    found = peers()
    draw(found, ax, city="City 00")
    assert "City 00 has no fair peer. No other city is near enough" in " ".join(words(ax)).replace("\n", " ")


def test_without_a_city_those_without_peers_are_named(ax, marks, words):
    found = peers()
    draw(found, ax)
    assert len(marks(ax, "no fair peer")[0].get_xdata()) == len(found.why_not)
    assert "City 00" in words(ax)


def test_cities_without_a_value_are_counted_not_drawn(ax, words):
    found = peers()
    found.context.frame.loc[3, "old"] = np.nan
    draw(found, ax, city="City 07")
    assert "Not drawn: 1 without a value on these axes." in " ".join(words(ax))


def test_one_number_makes_a_line_and_none_a_sentence(ax, words):
    one = Context(tuple("abcdef"), (ContextColumn("x"),), pd.DataFrame({"x": [1.0, 2, 3, 5, 8, 9]}))
    draw(find_peers(one, number=2), ax, city="b")
    assert list(ax.get_yticks()) == []
    none = Context(tuple("abcdef"), (ContextColumn("g", kind="group"),), pd.DataFrame({"g": list("ababab")}))
    draw(find_peers(none, number=1), ax)
    assert "The context has no numbers" in " ".join(words(ax))


def test_unknown_names_are_refused(ax):
    with pytest.raises(UsageError, match="no city"):
        draw(peers(), ax, city="Town")
    with pytest.raises(UsageError, match="y: the context has no number 'zone'"):
        draw(peers(), ax, y="zone")


@pytest.mark.parametrize("city", ["City 07", "City 20", None])
def test_names_do_not_overlap_on_the_finished_page(city, page):
    fig = figures.figure("peer_map", peers(number=13), city=city, unit="", source="drawn")
    fig.canvas.draw()
    axes = fig.axes[0]
    boxes = [Text.get_window_extent(t, page(fig)) for t in axes.texts]  # without their lines
    assert all(not a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    assert all(b.x0 >= axes.bbox.x1 and b.x1 <= fig.bbox.width for b in boxes)
    assert height(peers()) == fig.get_figheight()
