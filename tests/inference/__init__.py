"""Tests of inference for few clusters."""

from scale_impact.core.targets import targets_of


def overall(method, panel, design, refit, effect, **options):
    """What a method says of the overall effect."""
    return method.judge(panel, design, refit, effect, targets_of(effect, panel, design, refit)[:1], **options)[0]
