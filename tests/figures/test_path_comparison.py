"""The paths of several estimators side by side."""

from __future__ import annotations

import numpy as np

from scale_impact.figures.path_comparison import draw


def test_each_estimator_has_its_own_dots_beside_the_others(effects, ax, marks):
    chosen = [effects["callaway_santanna"], effects["event_study"]]
    draw(chosen, ax)
    drawn = [marks(ax, e.estimator)[0] for e in chosen]
    np.testing.assert_allclose(sorted(drawn[0].get_ydata()), sorted(v.value for v in chosen[0].path if v.std_error))
    first, second = (np.sort(d.get_xdata()) for d in drawn)
    assert np.abs(first - np.round(first)).max() < 0.5
    assert not set(first) & set(second)
    assert drawn[0].get_color() != drawn[1].get_color()
    assert drawn[0].get_marker() != drawn[1].get_marker()


def test_labels_name_the_paths_where_one_estimator_stands_twice(effects, ax):
    effect = effects["callaway_santanna"]
    draw([effect, effect], ax, labels=["never treated", "not yet treated"])
    assert [t.get_text() for t in ax.get_legend().get_texts()][:2] == ["never treated", "not yet treated"]


def test_an_estimator_without_a_path_is_left_out(effects, ax):
    draw([effects["callaway_santanna"], effects["twfe"]], ax)
    assert "twfe" not in [t.get_text() for t in ax.get_legend().get_texts()]


def test_without_any_path_it_says_so(effects, ax):
    draw([effects["twfe"]], ax)
    assert "No estimator gives effects by time" in ax.texts[0].get_text()


def test_a_dozen_estimators_differ_by_colour_or_shape(effects, ax):
    effect = effects["callaway_santanna"]
    draw([effect] * 12, ax, labels=[f"estimator {k}" for k in range(12)])
    looks = {(line.get_color(), line.get_marker()) for c in ax.containers for line in [c.lines[0]]}
    assert len(looks) == 12
