"""The file name is the key."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact import checks, estimators, sources
from scale_impact.core import keys
from scale_impact.errors import UsageError
from tests.panels import design_of, drawn, panel_of

FRAME = drawn({2: 4, 3: 3, 5: 6}, 5, seed=1)


def test_keys_of_a_room_are_its_files_without_helpers():
    assert keys.names("estimators") == estimators.names()
    assert set(estimators.names()) >= {"callaway_santanna", "did_2x2", "event_study", "twfe"}
    assert set(checks.names()) >= {"bacon", "leave_one_out", "pre_trends"}
    assert set(sources.names()) >= {"csv", "package"}
    for room in ("estimators", "checks", "sources", "figures"):
        assert not [name for name in keys.names(room) if name.startswith("_")]


def test_options_are_the_keyword_only_parameters():
    assert keys.options("checks", "pre_trends", "run") == ("alpha",)
    assert set(estimators.option_names("event_study")) == {
        "window", "covariates", "trends", "vcov", "clusters", "lags", "K_adj", "K_fixef", "G_adj",
    }  # fmt: skip
    assert checks.option_names("bacon") == ("tolerance", "always_treated")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("callaway_santana", "There is no estimator 'callaway_santana'. Did you mean 'callaway_santanna'?"),
        ("_pooled", "There is no estimator '_pooled'. Known: augmented_synthetic_control, "),
        ("../checks/bacon", "There is no estimator '../checks/bacon'. Known: "),
        ("", "There is no estimator ''. Known: "),
    ],
)
def test_an_unknown_estimator_is_refused_by_name(name, message):
    with pytest.raises(UsageError) as caught:
        si.estimate(name, panel_of(FRAME), design_of(FRAME))
    assert str(caught.value).startswith(message)
    assert caught.value.exit_code == 2


def test_all_unknown_options_of_an_estimator_are_named_at_once():
    with pytest.raises(UsageError) as caught:
        si.estimate("event_study", panel_of(FRAME), design_of(FRAME), windw=[-2, 2], covarates=[])
    assert list(caught.value.problems) == [
        "event_study takes no option 'windw'. Did you mean 'window'?",
        "event_study takes no option 'covarates'. Did you mean 'covariates'?",
    ]


def test_covariates_for_an_estimator_that_takes_none_are_refused():
    with pytest.raises(UsageError, match="stacked takes no option 'covariates'"):
        si.estimate("stacked", panel_of(FRAME), design_of(FRAME), covariates=["x"])


def test_an_unknown_check_and_an_unknown_option_are_refused_by_name():
    panel, design = panel_of(FRAME), design_of(FRAME)
    refit = lambda p, d: si.estimate("twfe", p, d)  # noqa: E731
    with pytest.raises(UsageError, match=r"There is no check 'pretrends'\. Did you mean 'pre_trends'"):
        si.check("pretrends", panel, design, refit)
    with pytest.raises(UsageError, match=r"pre_trends takes no option 'alfa'\. Did you mean 'alpha'"):
        si.check("pre_trends", panel, design, refit, alfa=0.1)


def test_what_a_session_fills_is_no_option():
    assert keys.options("checks", "agreement", "run") == ("alpha",)
    assert keys.filled("checks", "agreement", "run") == ("refits",)
    assert keys.filled("checks", "pre_trends", "run") == ()


def test_an_option_without_a_default_has_to_be_given():
    assert keys.missing_options("checks", "placebo_outcome", "run", {}) == [
        "placebo_outcome needs the option 'outcome': write placebo_outcome: {outcome: ...}."
    ]
    assert not keys.missing_options("checks", "placebo_outcome", "run", {"outcome": "rain"})
    assert not keys.missing_options("checks", "agreement", "run", {})


def test_options_that_name_columns_are_found_by_their_annotation():
    given = {"distance": "km", "rings": [5.0], "since": "opened"}
    assert keys.columns("checks", "spillover", "run", given) == [("distance", "km"), ("since", "opened")]
    assert keys.columns("checks", "composition", "run", {"characteristics": ["age", "rooms"]}) == [
        ("characteristics", "age"), ("characteristics", "rooms"),
    ]  # fmt: skip
    assert keys.columns("checks", "pre_trends", "run", {"alpha": 0.1}) == []


@pytest.mark.parametrize(
    ("room", "name", "option", "value", "said"),
    [
        (
            "estimators",
            "synthetic_control",
            "v",
            ["1"],
            "should be nested, cross_validation, equal or a list of numbers",
        ),
        (
            "estimators",
            "synthetic_control",
            "v",
            "nestd",
            "should be nested, cross_validation, equal or a list of numbers. Did you mean 'nested'?",
        ),
        ("estimators", "synthetic_control", "predictors", "y", "should be a list of texts or mappings"),
        ("estimators", "synthetic_did", "donors", "A", "should be a list of names, numbers or dates"),
        ("estimators", "synthetic_did", "donors", [True], "should be a list of names, numbers or dates"),
        ("estimators", "twfe", "covariates", "x", "should be a list of texts"),
        ("estimators", "twfe", "covariates", 5, "should be a list of texts"),
        ("estimators", "imputation", "pre_trends", "all", "should be a whole number or a list of numbers"),
        ("estimators", "imputation", "pre_trends", -1, "should be greater than or equal to 0"),
        ("estimators", "interrupted_time_series", "order", [1, 2], "should have at least 3 items, not 2"),
        ("checks", "honest_did", "target", "last", "should be overall, first or a number"),
    ],
)
def test_an_option_of_several_kinds_says_all_of_them(room, name, option, value, said):
    function = {"estimators": "fit", "checks": "run"}[room]
    assert keys.wrong_options(room, name, function, {option: value}) == [
        f"{name}: {option} is {value!r}: it {said}" + "." * (not said.endswith("?"))
    ]


@pytest.mark.parametrize("label", [3, "A", 2.5, date(2020, 1, 31)])
@pytest.mark.parametrize("name", [n for n in estimators.names() if "donors" in estimators.option_names(n)])
def test_units_are_named_as_they_are_written_in_the_study(name, label):
    for option in ("donors", "without"):
        assert keys.wrong_options("estimators", name, "fit", {option: [label]}) == []
    assert keys.wrong_options("checks", "donor_spillover", "run", {"neighbours": [label]}) == []


# ---- calls from Python ----------------------------------------------------------------------------------------------


@keys.checked
def taken(
    values: list[float],
    *,
    method: Literal["ridge", "peers"] = "ridge",
    weights: Literal["equal"] | Mapping[str, float] = "equal",
    log: list[str] | None = None,
    number: int = 1,
    since: keys.Label = 2000,
) -> tuple[object, ...]:
    """Options as they came."""
    return (values, method, weights, log, number, since)


def test_a_call_refuses_all_that_a_file_would_refuse_at_once():
    with pytest.raises(UsageError) as caught:
        taken([1.0], methode="peers", method="Ridge", weights="eqal", log="size", number=2.5)
    assert list(caught.value.problems) == [
        "taken takes no option 'methode'. Did you mean 'method'?",
        "taken: method is 'Ridge': it should be 'ridge' or 'peers'. Did you mean 'ridge'?",
        "taken: weights is 'eqal': it should be equal or a mapping. Did you mean 'equal'?",
        "taken: log is 'size': it should be a valid list.",
        "taken: number is 2.5: it should be a valid integer.",
    ]


@pytest.mark.parametrize("wrong", [float("nan"), {"a": float("nan")}])
def test_nan_is_no_number_of_any_option(wrong):
    with pytest.raises(UsageError, match=r"weights is .*nan.*: nan is no number\."):
        taken([1.0], weights=wrong)


def test_a_word_that_is_near_none_is_refused_without_a_guess():
    with pytest.raises(UsageError, match=r"method is 'lasso': it should be 'ridge' or 'peers'\.$"):
        taken([1.0], method="lasso")


def test_a_call_takes_tuples_arrays_and_numbers_of_numpy_as_they_are():
    given = {
        "log": ("a", "b"),
        "number": np.int64(3),
        "weights": {"a": np.float64(2)},
        "since": pd.Timestamp("2020-01-01"),
    }
    assert taken([1.0], **given) == ([1.0], "ridge", given["weights"], ("a", "b"), 3, pd.Timestamp("2020-01-01"))
    assert taken([1.0], log=np.array(["a"]))[3].tolist() == ["a"]
    assert taken(values=[2.0])[0] == [2.0]
