"""Tests in words: what a failed test of a study means for somebody who has to decide. No test is left without a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FAILED: Mapping[str, str] = {
    "agreement": "Different ways to calculate the effect do not agree.",
    "anticipation": "Places may have reacted before the measure began.",
    "attrition_bounds": "Missing answers alone could have made the result.",
    "bacon": "Part of the comparison is between places that both have the measure.",
    "balance": "Those compared were not alike before the measure.",
    "bandwidth_sensitivity": "The result depends on how near to the limit people are compared.",
    "best_linear_projection": "Nobody knows yet where it works better and where worse.",
    "bootstrap_refutation": "The result changes with other samples of the same data.",
    "calibration": "The stated range is too narrow for data like these.",
    "cate_calibration": "What is said about who gains more does not hold in other data.",
    "compliance": "Too few of those chosen for the measure had it in the end.",
    "composition": "Who was observed changed along with the measure.",
    "convex_hull": "No mix of other cities is like this one.",
    "covariate_continuity": "The two sides of the limit differed before the measure.",
    "data_subset": "The result changes when part of the data is left out.",
    "density_jump": "Some may have chosen on which side of the limit they are.",
    "donor_spillover": "The measure may have reached the places used for comparison.",
    "e_value": "A weak unknown cause could explain the whole change.",
    "few_clusters": "There are too few places to trust the stated range.",
    "gates": "Nobody knows yet who gains most and who least.",
    "graph_falsification": "The data do not fit the assumed causes.",
    "graph_implications": "The data contradict the assumed causes.",
    "held_out": "Forecasts for cities that had been left out were often wrong.",
    "heterogeneity": "It works very differently from place to place.",
    "honest_did": "Small differences in earlier trends would overturn the result.",
    "identification": "The data alone cannot settle what caused the change.",
    "in_space_placebo": "Places without the measure changed as much.",
    "in_time_placebo": "A change like this also shows before the measure began.",
    "leave_one_donor_out": "The result hangs on one place of comparison.",
    "leave_one_out": "The result hangs on a single place.",
    "multiple_testing": "Among so many results one like this turns up by luck.",
    "negative_weights": "The method counts some places with the wrong sign.",
    "overidentification": "Two ways to find the cause contradict each other.",
    "overlap": "Some with the measure have nobody to be compared with.",
    "placebo_cutoffs": "Jumps like this one show where nothing was decided.",
    "placebo_dates": "The study finds effects before there was a measure.",
    "placebo_outcome": "The measure seems to change what it cannot change.",
    "placebo_power": "Even a large effect could not be told from luck here.",
    "placebo_treatment": "A measure dealt out by lot looks as good as this one.",
    "placebo_units": "Places without the measure show changes as large.",
    "policy_tree": "No simple rule tells who should have it.",
    "pre_fit": "The comparison did not follow the city before the measure.",
    "pre_period_length": "The result depends on how far back the data go.",
    "pre_trend_power": "The test of earlier trends would have missed a large difference.",
    "pre_trends": "Places with and without the measure were already drifting apart before it began.",
    "random_common_cause": "The result changes when a meaningless number is added.",
    "randomisation_balance": "The draw did not make the groups alike.",
    "rank_weighted_ate": "What is said about who should come first does not hold in other data.",
    "robustness_value": "A modest unknown cause could explain the whole change.",
    "selection": "Cities or results that looked good may have been picked.",
    "specification_curve": "The result depends on choices that could as well have been made otherwise.",
    "spillover": "The measure reaches its neighbours, so the comparison is blurred.",
    "support": "This city is unlike those that tried it.",
    "unobserved_confounder": "A modest unknown cause could turn the result around.",
    "voltage": "Much of the effect may be lost on a large scale.",
    "weak_instrument": "What should tell cause from chance tells too little.",
}  # fmt: skip
"""What it means that a test failed."""

UNCLEAR: Mapping[str, str] = {
    "agreement": "Whether other ways to calculate agree is not clear.",
    "held_out": "Too few cities were left out to say how good the forecast is.",
    "honest_did": "How much earlier trends matter is not clear.",
    "leave_one_out": "Whether the result hangs on a single place is not clear.",
    "placebo_units": "Whether places without the measure changed as much is not clear.",
    "pre_trends": "Whether places moved alike before the measure is not clear.",
    "selection": "Too little is known to say whether cities or results that looked good were picked.",
    "support": "Whether this city is like those that tried it is not clear.",
    "voltage": "How much of the effect is lost on a large scale is partly a guess.",
}
"""What it means that a test could not tell, where that can be said better than by its name."""


def in_words(check: Mapping[str, Any]) -> str:
    """What a test that was not passed means."""
    name, failed = str(check["check"]), check["verdict"] == "fail"
    if failed and name in FAILED:
        return FAILED[name]
    if not failed and name in UNCLEAR:
        return UNCLEAR[name]
    if name in FAILED:
        return f"Not ruled out: {FAILED[name][:1].lower()}{FAILED[name][1:]}"
    told = name.replace("_", " ")
    return f"A test was failed: {told}." if failed else f"A test gave no clear answer: {told}."
