"""Credibility: how far a design keeps apart what a measure did and what would have happened anyway, 1 to 5, with the rule that says so.

The Maryland Scientific Methods Scale as the What Works Centre for Local Economic Growth reads it: 1 a comparison without controls,
2 the same with controls, 3 before and after with a comparison group that moved alike, 4 chance in who got the measure that data and
rules show, 5 a lottery. It judges the design, not the size of the study, and not whether its question was the right one.

Of a paper the author of the line gives the level with a reason, or its design does. Of a study of this project the level follows from
its estimator and its checks: what a design needs to be shown costs a level where it is not, and so does each check that fails.

Sources: Sherman, Gottfredson, MacKenzie, Eck, Reuter and Bushway (1997), Preventing Crime; What Works Centre for Local Economic Growth
(2016), Guide to scoring evidence using the Maryland Scientific Methods Scale. Neither names every design: what stands here of
synthetic controls, imputation and staggered designs is this project's reading (3, as other comparisons of before and after).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LOWEST, HIGHEST = 1, 5


@dataclass(frozen=True)
class Credibility:
    """A level of the scale, None where there is nothing to judge, and the rule that gave it in words."""

    level: int | None
    rule: str


@dataclass(frozen=True)
class Family:
    """Designs that answer by the same argument.

    Attributes
    ----------
    level, words:
        The level where all is in order, and the argument.
    estimators:
        Who makes it.
    needs:
        Checks of which one has to pass, or a level is lost; none where nothing of the kind is asked for.
    harmed_by:
        Checks each of which costs a level where it fails.
    """

    level: int
    words: str
    estimators: tuple[str, ...]
    needs: tuple[str, ...] = ()
    harmed_by: tuple[str, ...] = ()


LOTTERY = Family(
    5, "by a lottery", ("randomised_rollout",),
    harmed_by=("randomisation_balance", "attrition_bounds"),
)  # fmt: skip
FAMILIES: dict[str, Family] = {
    "lottery": LOTTERY,
    "instrument": Family(
        4, "by an instrument", ("instrumental_variable",), ("weak_instrument",), ("weak_instrument", "overidentification"),
    ),
    "threshold": Family(
        4, "by a threshold", ("regression_discontinuity",), ("density_jump", "covariate_continuity"),
        ("density_jump", "covariate_continuity", "placebo_cutoffs"),
    ),
    "before and after, compared": Family(
        3, "before and after with a comparison group",
        (
            "callaway_santanna", "sun_abraham", "imputation", "two_stage", "etwfe", "stacked", "chaisemartin_dhaultfoeuille",
            "local_projections", "event_study", "twfe", "did_2x2", "triple_difference", "efficient", "dose_response",
        ),
        ("pre_trends", "placebo_dates"), ("pre_trends", "placebo_dates", "negative_weights", "placebo_outcome"),
    ),
    "synthetic": Family(
        3, "before and after with a weighted comparison group",
        (
            "synthetic_control", "synthetic_did", "augmented_synthetic_control", "demeaned_synthetic_control", "matrix_completion",
            "interactive_fixed_effects",
        ),
        ("pre_fit", "in_time_placebo"), ("pre_fit", "in_time_placebo"),
    ),
    "alike": Family(
        3, "changes of places or people that are made alike by what is known of them",
        (
            "propensity_matching", "propensity_weighting", "doubly_robust", "double_ml", "dr_learner", "causal_forest",
            "backdoor_regression", "front_door",
        ),
        ("balance", "overlap"), ("balance", "overlap", "placebo_outcome"),
    ),
    "one series": Family(
        2, "before and after without a comparison group, with trend and season", ("interrupted_time_series", "structural_time_series"),
        harmed_by=("in_time_placebo",),
    ),
}  # fmt: skip
"""The rules for studies of this project, in one table."""

FAMILY_OF = {estimator: name for name, family in FAMILIES.items() for estimator in family.estimators}

DESIGNS: dict[str, tuple[int | None, str]] = {
    "randomised_trial": (5, "a lottery decided who got the measure"),
    "randomised_rollout": (5, "a lottery decided who got the measure first"),
    "natural_lottery": (4, "chance decided, though nobody drew lots for the study"),
    "instrumental_variable": (4, "an instrument decided in part"),
    "regression_discontinuity": (4, "a threshold decided"),
    "difference_in_differences": (3, "before and after with a comparison group"),
    "staggered_difference_in_differences": (3, "before and after with a comparison group, at several dates"),
    "panel_regression": (3, "effects of places and periods with a comparison group"),
    "controlled_interrupted_time_series": (3, "a break in a series, with other series that had no measure"),
    "synthetic_control": (3, "before and after with a weighted comparison group"),
    "synthetic_difference_in_differences": (3, "before and after with a weighted comparison group"),
    "matching_on_past": (3, "matched places or people, before and after"),
    "matching": (2, "places or people matched at one time"),
    "regression_with_controls": (2, "a comparison at one time, with control variables"),
    "interrupted_time_series": (2, "before and after without a comparison group, with trend or season"),
    "before_after_with_controls": (2, "before and after without a comparison group, with control variables"),
    "before_after": (1, "before and after, nothing else"),
    "cross_section": (1, "a comparison at one time, nothing else"),
    "meta_analysis": (None, "a mean of other studies, which may be lines of their own"),
    "model": (None, "a model's forecast, and nothing observed"),
}
"""Designs of papers, with the level that they usually have."""


def of_paper(design: str, given: int | None = None, reason: str = "") -> Credibility:
    """Level of a published number: the author's own with the reason, or that of its design."""
    level, words = DESIGNS[design]
    if given is not None:
        return Credibility(given, f"given by who entered it: {reason}")
    return Credibility(level, f"by its design, {design}: {words}")


def of_study(estimator: str, verdicts: Mapping[str, str], *, followed: bool = True) -> Credibility:
    """Level of a study of this project.

    Parameters
    ----------
    estimator:
        Its primary estimator.
    verdicts:
        Verdict of each check of the outcome, by the check's name; of several of one name the worst.
    followed:
        Whether units are seen before and after; not where observations of one time are compared.
    """
    name = "lottery" if _drawn(verdicts) else FAMILY_OF.get(estimator)
    if name is None:
        return Credibility(None, f"there is no rule for the estimator {estimator}")
    family = FAMILIES[name]
    level, said = family.level, [f"{family.level} {family.words}"]
    if name == "alike" and not followed:
        level, said = (
            level - 1,
            [f"{family.level - 1} places or people made alike at one time, nobody seen before and after"],
        )
    missing = not any(verdicts.get(check) == "pass" for check in family.needs)
    failed = [check for check in family.harmed_by if verdicts.get(check) == "fail"]
    if family.needs and missing and not set(failed) & set(family.needs):
        level, said = (
            level - 1,
            [*said, f"1 less, as no check shows it ({' or '.join(family.needs)} would have to pass)"],
        )
    level, said = level - len(failed), [*said, *(f"1 less, as {check} fails" for check in failed)]
    return Credibility(max(LOWEST, min(HIGHEST, level)), "; ".join(said))


def _drawn(verdicts: Mapping[str, str]) -> bool:
    """Whether a lottery is known to have decided: only a study with its record has this check answered."""
    return verdicts.get("randomisation_balance", "inapplicable") != "inapplicable"
