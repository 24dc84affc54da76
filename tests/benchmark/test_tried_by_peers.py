"""What peers tried: who is counted, what is said, and what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scale_impact.benchmark.cities import Context, ContextColumn
from scale_impact.benchmark.peers import find_peers
from scale_impact.benchmark.tried_by_peers import Adoption, CityEffect, tried_by_peers
from scale_impact.errors import DataError, UsageError

NAMES = tuple("ABCDEFGH")


def peers(number=4, far=False):
    """Cities on a line; the peers of A are B, C, D, E."""
    x = np.arange(8.0)
    if far:
        x[0] = -1000
    context = Context(NAMES, (ContextColumn("x", "size"),), pd.DataFrame({"x": x}))
    return find_peers(context, number=number, caliper=1.0 if far else 10.0, overlap="counted")


ZONE = Adoption(
    "zones", "Enterprise zone", "Unemployment", "%", {"B": "1984", "D": "1986", "H": "1985"}, ("C",), -1.2, -2.0, -0.4, p_value=0.004,
    direction="-", checks={"pass": 4, "fail": 1}, sample="22 cities, 1980 to 1988",
)  # fmt: skip


def test_peers_that_tried_are_counted_nearest_first_and_the_others_are_told_apart():
    found = tried_by_peers(peers(), "A", [ZONE])
    (measure,) = found.measures
    assert list(measure.by_peers.items()) == [("B", "1984"), ("D", "1986")]
    assert measure.not_by_peers == ("C",)
    assert measure.not_studied == ("E",)
    first = found.sentences()[0]
    assert "2 of its 4 peers tried this: enterprise zone (B from 1984 on, D from 1986 on)" in first
    assert "1 was followed and did not, 1 is not in the study" in first
    assert first.endswith("This city is not in the study.")


def test_what_happened_has_its_number_interval_checks_and_sample():
    said = "\n".join(tried_by_peers(peers(), "A", [ZONE]).sentences())
    assert "on average over all 3 cities that tried it (22 cities, 1980 to 1988)" in said
    assert (
        "Unemployment: −1.2 percentage points, 95 % interval −2 to −0.4, p = 0.004: told apart from no effect, for the better."
        in said
    )
    assert "Of its 5 checks, 4 passed, 1 failed." in said
    assert "not the effect in any one peer, and no forecast for this city" in said


def test_an_effect_for_the_worse_and_one_that_is_not_told_apart_are_said_so():
    worse = replace(ZONE, effect=1.2, low=0.4, high=2.0)
    unsure = replace(ZONE, low=-2.5, high=0.1)
    neither = replace(ZONE, direction="0")
    assert "for the worse" in "\n".join(tried_by_peers(peers(), "A", [worse]).sentences())
    assert "not told apart from no effect." in "\n".join(tried_by_peers(peers(), "A", [unsure]).sentences())
    assert "for the" not in tried_by_peers(peers(), "A", [neither]).sentences()[2]


def test_nobody_tried_is_an_answer():
    found = tried_by_peers(peers(), "A", [replace(ZONE, adopters={"H": "1985"})])
    assert found.sentences()[0].startswith("None of its 4 peers is known to have tried this: enterprise zone; ")
    assert "nothing to learn from them" in found.sentences()[-1]
    assert not any("What the study" in s for s in found.sentences())


def test_the_city_itself_may_have_tried_it():
    found = tried_by_peers(peers(), "A", [replace(ZONE, adopters={**ZONE.adopters, "A": "1983"})])
    assert "This city tried it itself, from 1983 on." in found.sentences()[0]
    found = tried_by_peers(peers(), "A", [replace(ZONE, never=("A", "C"))])
    assert "This city is in the study and did not try it." in found.sentences()[0]


def test_a_city_that_the_study_left_out_has_its_reason():
    found = tried_by_peers(peers(), "A", [replace(ZONE, left_out={"A": "had one before", "E": "had one before"})])
    assert "1 was left out by the study (had one before)" in found.sentences()[0]
    assert "This city was left out by the study (had one before)." in found.sentences()[0]


def test_a_city_without_peers_learns_nothing_and_hears_why():
    found = tried_by_peers(peers(far=True), "A", [ZONE])
    assert found.measures == ()
    assert "A has no peers to learn from. No other city" in found.sentences()[0]


def test_one_peer_and_all_peers_have_words_of_their_own():
    def first(number, **changed):
        return tried_by_peers(peers(number), "A", [replace(ZONE, **changed)]).sentences()[0]

    assert first(1).startswith("Its one peer tried this: enterprise zone (B from 1984 on). ")
    none = {"adopters": {"H": "1985"}}
    assert first(1, **none).startswith(
        "Its one peer is not known to have tried this: enterprise zone; it is not in the study."
    )
    assert first(1, never=("B",), **none).startswith("Its one peer did not try this: enterprise zone. ")
    assert first(2, never=("B", "C"), **none).startswith("None of its 2 peers tried this")
    assert "; it was left out by the study (had one)." in first(1, left_out={"B": "had one"}, **none)
    assert first(2, adopters={"B": "1984", "C": "1985"}, never=()).startswith("Both of its peers tried this")


def test_checks_that_failed_are_named():
    said = "\n".join(tried_by_peers(peers(), "A", [replace(ZONE, failed=("multiple_testing",))]).sentences())
    assert "1 failed (multiple testing: among so many outcomes chance gives one as large)." in said
    other = "\n".join(tried_by_peers(peers(), "A", [replace(ZONE, failed=("pre_trends",))]).sentences())
    assert "1 failed (pre trends)." in other


def test_no_study_is_an_answer():
    assert "No study of a measure is named" in tried_by_peers(peers(), "A", []).sentences()[0]


def test_an_effect_that_there_is_not_has_its_reason_and_a_sentence_given_is_used():
    none = replace(ZONE, effect=None, low=None, high=None, why_not="One city tried it.")
    told = replace(ZONE, outcome="Jobs", reading="jobs up by 3 %, 95 % interval 1 to 5 %: zero is excluded.")
    said = tried_by_peers(peers(), "A", [none, told]).sentences()
    assert "- Unemployment: no answer. One city tried it. Of its 5 checks, 4 passed, 1 failed." in said
    assert any(s.startswith("- jobs up by 3 %") for s in said)
    assert any("Of 2 outcomes some can seem to move by chance" in s for s in said)


def test_effects_of_single_peers_stand_beside_the_average():
    found = tried_by_peers(
        peers(), "A", [replace(ZONE, by_city={"B": CityEffect(-3.0, -5.0, -1.0), "H": CityEffect(9.0)})]
    )
    line = found.sentences()[2]
    assert "B alone −3 percentage points (−5 to −1)." in line
    assert "H alone" not in line


def test_measures_that_more_peers_tried_come_first_and_the_table_has_a_row_an_outcome():
    rare = replace(ZONE, study="bridge", measure="Bridge", adopters={"E": "1990"}, never=())
    found = tried_by_peers(peers(), "A", [rare, ZONE, replace(ZONE, outcome="Jobs")])
    assert [m.study for m in found.measures] == ["zones", "bridge"]
    table = found.table()
    assert list(table["outcome"]) == ["Unemployment", "Jobs", "Unemployment"]
    assert list(table["peers_tried"]) == [2, 2, 1]
    assert table["who"][0] == "B (1984); D (1986)"


def test_cities_written_in_another_way_are_noticed():
    found = tried_by_peers(peers(), "A", [replace(ZONE, adopters={"018": "1984"}, never=("019",))])
    assert any("No city of the study zones is in the benchmark ('018' there, 'A' here)" in s for s in found.sentences())


def test_all_that_is_wrong_with_adoptions_is_said_at_once():
    wrong = [
        replace(ZONE, never=("B", "C")), replace(ZONE, study="x", low=1.0, high=0.0), replace(ZONE, study="y", effect=None),
        replace(ZONE, study="z", checks={"ok": 1}), replace(ZONE, never=("C",)),
    ]  # fmt: skip
    with pytest.raises(DataError) as caught:
        tried_by_peers(peers(), "A", wrong)
    assert len(caught.value.problems) == 5
    with pytest.raises(UsageError, match="no city of the benchmark"):
        tried_by_peers(peers(), "Atlantis", [ZONE])
