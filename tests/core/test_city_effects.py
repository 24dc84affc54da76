"""Effects of cities as one value: which cities, in which order, with which errors; what is none is refused at once."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.core.city_effects import CityEffects
from scale_impact.errors import DataError


def effects(**changes):
    """Three cities that share controls."""
    given = {
        "labels": ("A", "B", "C"), "effects": np.array([1.0, 2.0, 3.0]), "covariance": np.array([[4.0, 1, 1], [1, 9, 1], [1, 1, 16]]),
        "unit": "jobs", "direction": "+", "clusters": ("x", "x", "y"), "context": pd.DataFrame({"people": [10.0, 20.0, 30.0]}),
        "df": np.array([5.0, 6.0, np.inf]), "notes": ("a note",), "started": ("2001", "2002", "2003"),
    }  # fmt: skip
    return CityEffects(**{**given, **changes})


def problems(**changes):
    with pytest.raises(DataError) as error:
        effects(**changes)
    return list(error.value.problems)


def test_some_cities_are_taken_with_all_that_belongs_to_them_in_the_order_asked_for():
    found = effects().take([2, 0])
    assert (found.labels, found.clusters, found.started) == (("C", "A"), ("y", "x"), ("2003", "2001"))
    assert found.effects.tolist() == [3.0, 1.0]
    assert found.covariance.tolist() == [[16.0, 1.0], [1.0, 4.0]]
    assert found.context["people"].tolist() == [30.0, 10.0]
    assert found.df.tolist() == [np.inf, 5.0]
    assert (found.unit, found.direction, found.notes) == ("jobs", "+", ("a note",))


def test_taking_all_in_two_steps_is_taking_them_at_once():
    whole = effects()
    back = whole.take([2, 0, 1]).take([1, 2, 0])
    assert back.labels == whole.labels
    assert (back.covariance == whole.covariance).all()
    assert back.context.equals(whole.context)


def test_what_is_not_known_stays_so():
    bare = CityEffects.of([1.0, 2.0], [0.5, 0.5]).take([1])
    assert (bare.labels, bare.clusters, bare.context, bare.df, bare.started) == (("2",), None, None, None, None)


def test_none_can_be_taken():
    assert len(effects().take([])) == 0


def test_variances_are_the_diagonal_and_a_copy_of_it():
    whole = effects()
    whole.variances[0] = 100.0
    assert whole.variances.tolist() == [4.0, 9.0, 16.0]


def test_independent_errors_are_told_from_shared_ones():
    assert not effects().independent
    found = CityEffects.of([1.0, 2.0], [0.5, 2.0], labels=["P", "Q"])
    assert found.independent
    assert found.variances.tolist() == [0.25, 4.0]
    assert len(found) == 2


def test_errors_of_zero_and_errors_that_move_as_one_are_covariances():
    assert CityEffects.of([1.0, 2.0], [0.0, 0.0]).independent
    assert len(effects(covariance=np.full((3, 3), 2.0))) == 3


def test_rounding_in_tiny_numbers_is_no_asymmetry():
    small = effects().covariance * 1e-12
    small[0, 1] *= 1 + 1e-12
    assert len(effects(covariance=small)) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": ("A", "B", "A")}, "labels: 'A' stands twice. Name each city once."),
        ({"effects": np.array([1.0, 2.0])}, "effects: (2,) numbers for 3 labels."),
        ({"effects": np.array([1.0, np.nan, np.inf])}, "effects: no number for B, C. Leave these cities out and say so."),
        ({"covariance": np.eye(2)}, "covariance: its shape is (2, 2), and there are 3 labels."),
        ({"covariance": np.diag([1.0, np.nan, 1.0])}, "covariance: no number for B."),
        ({"covariance": np.diag([1.0, -1.0, 1.0])}, "covariance: negative variance for B."),
        ({"covariance": np.array([[1.0, 0.5, 0], [0, 1, 0], [0, 0, 1]])}, "covariance: it is not symmetric."),
        ({"covariance": np.array([[1.0, 2, 0], [2, 1, 0], [0, 0, 1]])}, "covariance: it is no covariance (an eigenvalue is negative)."),
        ({"clusters": ("x", "y")}, "clusters: 2 for 3 labels. Give one a label."),
        ({"context": pd.DataFrame({"people": [1.0]})}, "context: 1 for 3 labels."),
        ({"df": np.array([1.0])}, "df: 1 for 3 labels."),
        ({"started": ("2001",)}, "started: 1 for 3 labels."),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_what_is_no_effect_or_no_error_is_refused_with_the_city(changes, said):
    assert any(p.startswith(said) for p in problems(**changes)), problems(**changes)


def test_everything_that_is_wrong_is_said_at_once():
    assert len(problems(labels=("A", "A", "B"), effects=np.array([1.0]), covariance=np.eye(2), clusters=("x",))) == 4
