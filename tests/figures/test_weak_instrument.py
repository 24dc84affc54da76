"""The curve of Anderson-Rubin p-values."""

from __future__ import annotations

from scale_impact.core.check import Check
from scale_impact.figures.weak_instrument import draw


def check():
    details = {
        "exposure": "schooling", "level": 0.95, "estimate": 1.0, "interval": [0.5, 1.5], "effective_f": 14.138,
        "simplified": {"0.1": 23.11}, "curve": {"effects": [-1.0, 0.0, 1.0, 2.0, 3.0], "p_values": [0.01, 0.04, 1.0, 0.2, 0.03]},
    }  # fmt: skip
    return Check("weak_instrument", "inconclusive", "In between.", 14.138, details=details)


def test_curve_set_and_interval_are_drawn(ax, marks):
    draw(check(), ax, unit="log wage")
    assert list(marks(ax, "Anderson-Rubin p-value")[0].get_ydata()) == [0.01, 0.04, 1.0, 0.2, 0.03]
    assert list(marks(ax, "estimate and its t interval")[0].get_xdata()) == [0.5, 1.5]
    assert ax.collections[0].get_label() == "not rejected"
    assert ax.get_xlabel() == "Effect of schooling (log wage); effective F 14.14, needed 23.11"
    assert ax.get_xlim() == (-1.0, 3.0)


def test_an_effect_is_said_once_and_a_long_label_is_broken_before_the_strength(ax):
    draw(check(), ax, unit="Effect on residual waste per inhabitant, kg per inhabitant")
    assert ax.get_xlabel().split("\n") == [
        "Effect of schooling on residual waste per inhabitant, kg per inhabitant",
        "effective F 14.14, needed 23.11",
    ]


def test_a_check_that_does_not_apply_gives_its_reason(ax, words):
    draw(Check.inapplicable("weak_instrument", "twfe uses no instruments."), ax)
    assert "twfe uses no instruments." in words(ax)
