"""Front door, instruments and the ID algorithm: against trying everything, DoWhy and y0."""

import pytest

from scale_impact.core.causal.graphs.adjustment import Adjustment
from scale_impact.core.causal.graphs.graph import Graph
from scale_impact.core.causal.graphs.identification import front_door, identifiable, instruments, is_front_door
from tests.graphs import cases, dowhy, front_doors, instrument_sets
from tests.panels import reference


def case(*edges, **options):
    return Adjustment(Graph.parse(edges, **options), "d", "y")


def test_front_doors_are_those_of_the_definition():
    found = 0
    for one in cases(200, seed=5):
        sets = front_doors(one)
        mine = front_door(one)
        assert (mine is None) == (not sets)
        if mine is not None:
            found += 1
            assert set(mine) in [set(s) for s in sets]
            assert len(mine) == min(map(len, sets))
    assert found > 10


def test_many_mediators_are_thinned_one_at_a_time():
    names = [f"m{i:02d}" for i in range(14)]
    many = case(f"d -> {' -> '.join(names)} -> y", "d <-> y")
    found = front_door(many)
    assert len(found) == 1
    assert is_front_door(many, found)


def test_dowhys_front_doors_are_front_doors():
    from dowhy.causal_identifier import BackdoorAdjustment

    for one in cases(150, seed=6):
        theirs = dowhy(one, BackdoorAdjustment.BACKDOOR_DEFAULT)
        if theirs.frontdoor_variables:  # it looks at nodes on the way of the effect only
            assert is_front_door(one, theirs.frontdoor_variables)
        known = {n for n in theirs.instrumental_variables or [] if n in one.graph.observed}
        assert known <= {i.name for i in instruments(one) if not i.given}


def test_an_instrument_is_found_where_trying_all_finds_one():
    found = 0
    for one in cases(250, seed=7):
        sets = instrument_sets(one)
        mine = instruments(one)
        assert bool(mine) == any(sets.values())
        for instrument in mine:
            assert set(instrument.given) in sets[instrument.name]
        found += bool(mine)
    assert found > 30


def test_instruments_in_words():
    found = instruments(case("z -> d -> y", "w -> v -> d", "w -> y", "d <-> y"))
    assert [i.words for i in found] == ["`z`", "`v` given `w`"]


@pytest.mark.parametrize(
    ("edges", "known"),
    [
        (("d -> y", "d <-> y"), False),  # the bow
        (("z -> d -> y", "d <-> y"), False),  # an instrument alone: only with further assumptions
        (("d -> m -> y", "d <-> y"), True),  # the front door
        (("w1 -> w2 -> d -> y", "w1 <-> d", "w1 <-> y"), True),  # the napkin, Pearl and Mackenzie (2018)
        (("d -> m -> y", "d <-> m"), False),
        (("d -> w -> y", "w <-> y", "d <-> w"), False),
    ],
)
def test_known_graphs_of_the_literature(edges, known):
    assert identifiable(case(*edges)) == known


def test_what_is_identified_simply_is_identified_in_general():
    for one in cases(200, seed=8):
        if one.identified or front_door(one) is not None:
            assert identifiable(one)


def test_the_verdicts_are_those_of_y0():
    graphs = reference("y0_identification", "random")["graphs"]
    assert len(graphs) == 150
    for edges, known in graphs:
        assert identifiable(Adjustment(Graph.parse(edges), "V0", "V1")) == known
