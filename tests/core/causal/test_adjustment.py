"""Adjustment sets: against trying all sets, against DoWhy, and in words."""

import logging

import networkx as nx
import pytest

from scale_impact.core.causal.graphs.adjustment import Adjustment, chosen
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.errors import DesignError
from tests.graphs import CLASSIC, cases, dowhy, valid_sets

COLUMNS = ("d", "y", "x", "z", "m", "k", "rating", "w", "t")


def asked(edges, covariates=(), *, unobserved=(), constant=(), **options):
    graph = Graph.parse(edges, unobserved=unobserved, constant=constant)
    return chosen(graph, "d", "y", covariates, COLUMNS, **options)


# ---- against others ----------------------------------------------------------------------------


def test_a_set_is_found_where_trying_all_finds_one_and_is_one_of_them():
    for case in cases(250, seed=1):
        sets = [set(s) for s in valid_sets(case)]
        assert case.identified == bool(sets)
        if sets:
            assert set(case.chosen) in sets
            assert set(case.best_minimal) in sets
            assert not any(s < set(case.best_minimal) for s in sets)
        else:
            assert case.chosen is None


def test_validity_of_any_set_is_that_of_the_definition():
    for case in cases(60, seed=2, sizes=(4, 5)):
        sets = [set(s) for s in valid_sets(case)]
        for held in ((), case.graph.nodes[2:3], case.graph.nodes[2:4]):
            if set(held) <= set(case.graph.observed):
                assert case.valid(held) == (set(held) in sets)


def test_dowhy_identifies_the_same_graphs_by_adjustment():
    from dowhy.causal_identifier import BackdoorAdjustment

    for case in cases(200, seed=3):
        theirs = dowhy(case, BackdoorAdjustment.BACKDOOR_DEFAULT)
        assert (theirs.estimands["general_adjustment"] is not None) == case.identified
        if case.identified:
            assert case.valid(theirs.get_general_adjustment_variables())


def test_the_sets_of_smallest_variance_are_dowhys():
    from dowhy.causal_identifier import BackdoorAdjustment

    logging.getLogger("dowhy").setLevel(logging.ERROR)
    both = {"optimal": 0, "best_minimal": 0}
    kinds = {
        "optimal": BackdoorAdjustment.BACKDOOR_EFFICIENT,
        "best_minimal": BackdoorAdjustment.BACKDOOR_MIN_EFFICIENT,
    }
    for case in cases(150, seed=4):
        for name, kind in kinds.items():
            try:
                theirs = dowhy(case, kind).get_backdoor_variables()
            except (
                ValueError,
                nx.NetworkXError,
            ):  # no set, a condition not met, or its search fails where there is no back door
                continue
            assert set(theirs) == set(getattr(case, name))
            both[name] += 1
    assert min(both.values()) > 40


def test_the_smallest_variance_is_small_in_data():
    import numpy as np

    case = Adjustment(Graph.parse(["w -> d", "x -> d -> y", "x -> y", "z -> y"]), "d", "y")
    assert case.chosen == ("x", "z")
    rng = np.random.default_rng(0)
    w, x, z, e, f = rng.normal(size=(5, 400, 50))
    d = w + x + e
    y = d + x + 2 * z + f
    spread = {}
    for name, held in {"chosen": (x, z), "causes of d": (x, w)}.items():
        columns = np.stack([d, *held], axis=-1)
        spread[name] = np.std([np.linalg.lstsq(c, v, rcond=None)[0][0] for c, v in zip(columns, y, strict=True)])
    assert spread["chosen"] < spread["causes of d"] / 2


def test_pearls_example():
    case = Adjustment(Graph.parse(CLASSIC), "d", "y")
    assert case.valid(("x3", "z3"))
    assert case.valid(("z3", "z2"))
    assert not case.valid(("z3",))
    assert not case.valid(("z3", "z2", "m"))
    assert case.chosen == ("z3", "x2")


# ---- chosen ------------------------------------------------------------------------------------


def test_without_a_graph_the_covariates_stay():
    found = chosen(None, "d", "y", ["x"], COLUMNS)
    assert (found.columns, found.notes) == (("x",), ())


def test_without_covariates_the_graphs_set_is_taken_and_said():
    found = asked(["treatment -> outcome", "x -> d", "x -> y"])
    assert found.columns == ("x",)
    assert "Adjusted for `x`" in found.notes[0]
    assert "smallest variance" in found.notes[0]


def test_nothing_may_have_to_be_adjusted_for():
    found = asked(["d -> y", "d -> rating <- y"])
    assert found.columns == ()
    assert "nothing has to be adjusted for" in found.notes[0]


def test_a_collider_is_named_with_the_path_that_it_opens():
    found = asked(["d -> y", "d -> rating <- ability -> y"], ["rating"], unobserved=["ability"])
    assert found.columns == ("rating",)
    assert any("collider" in n and "`d -> rating <- ability -> y`" in n for n in found.notes)


def test_a_consequence_of_a_collider_is_named_with_it():
    found = asked(["d -> y", "w -> k <- z", "w -> d", "z -> y", "k -> t"], ["t"])
    assert any("`t` is a consequence of the collider `k`" in n and "d <- w -> k <- z -> y" in n for n in found.notes)


def test_a_mediator_is_named_with_its_way():
    (note,) = asked(["d -> m -> y"], ["m"]).notes
    assert "`m` lies on the way of the effect, `d -> m -> y`" in note


def test_a_consequence_of_the_outcome_is_named():
    notes = asked(["d -> y -> k"], ["k"]).notes
    assert any("`k` is a consequence of what treatment changes, `d -> y -> k`" in n for n in notes)


def test_a_consequence_of_treatment_alone_is_of_no_use():
    (note,) = asked(["d -> y", "d -> k"], ["k"]).notes
    assert "has no part in the effect, `d -> k`" in note


def test_a_path_left_open_is_named_with_what_closes_it():
    (note,) = asked(["d -> y", "x -> d", "x -> y", "z -> y"], ["z"]).notes
    assert "leave the path `d <- x -> y` open" in note
    assert "Adjusting for `x` too" in note


def test_covariates_that_are_not_in_the_graph_are_said():
    (note,) = asked(["d -> y", "x -> d", "x -> y"], ["x", "t"]).notes
    assert "does not say how `t` relates" in note


def test_enough_covariates_are_taken_without_a_word():
    assert asked(["d -> y", "x -> d", "x -> y"], ["x"]).notes == ()


def test_no_columns_that_would_do_is_said_with_the_path():
    with pytest.raises(
        DesignError, match=r"not identified by adjustment, because .* `d <- u -> y` through unobserved `u`"
    ):
        asked(["d -> y", "u -> d", "u -> y"], unobserved=["u"])


def test_what_would_do_instead_is_named():
    with pytest.raises(DesignError, match="front door, through `m`"):
        asked(["d -> m -> y", "d <-> y"])
    with pytest.raises(DesignError, match="instrument is there: `z` given `w`"):
        asked(["w -> z -> d -> y", "w -> y", "d <-> y"])
    with pytest.raises(DesignError, match="Measure what is unobserved"):
        asked(["d -> y", "d <-> y"])


def test_reverse_causation_is_not_identified():
    with pytest.raises(DesignError, match="`d <- y`"):
        asked(["y -> d"])


def test_a_graph_without_an_effect_is_said():
    found = asked(["x -> d", "x -> y"])
    assert "`d` has no effect on `y`" in found.notes[0]
    assert found.columns == ("x",)


def test_constant_causes_confound_levels_and_not_changes():
    edges = ["d -> y", "soil -> d", "soil -> y"]
    with pytest.raises(DesignError, match="unobserved `soil`"):
        asked(edges, constant=["soil"])
    assert asked(edges, constant=["soil"], changes=True).columns == ()


def test_what_the_comparison_holds_fixed_closes_paths_and_is_no_covariate():
    edges = ["d -> y", "t -> d", "t -> y", "x -> d", "x -> y"]
    found = asked(edges, fixed=["t"])
    assert found.columns == ("x",)
    assert "`t` by comparing within it" in found.notes[0]
    assert asked(edges, ["x"], fixed=["t"]).notes == ()
    assert "`d <- t -> y` open" in asked(edges, ["x"]).notes[0]


def test_what_the_comparison_holds_fixed_may_open_a_path_that_is_closed_again():
    found = asked(["d -> y", "w -> t <- z", "w -> d", "z -> y", "t -> x"], fixed=["t"])
    assert set(found.columns) & {"w", "z"}


def test_the_same_question_is_answered_once():
    from scale_impact.core.causal.graphs import adjustment

    adjustment._chosen.cache_clear()
    for _ in range(3):
        asked(["d -> y", "x -> d", "x -> y"])
    assert adjustment._chosen.cache_info().hits == 2
