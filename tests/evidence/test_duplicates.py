"""The same city or the same data in several studies."""

from dataclasses import replace

from scale_impact.evidence.duplicates import Piece, clusters, places_of, plain_name, repeated

ONE = Piece("a", frozenset({"towns"}), frozenset({"gary"}), "jobs", "twfe", 1.5)


def test_the_same_number_of_the_same_data_is_kept_once():
    assert repeated([ONE, replace(ONE, study="b")]) == {1: 0}
    assert repeated([ONE, replace(ONE, study="b"), replace(ONE, study="c")]) == {1: 0, 2: 0}


def test_another_number_method_outcome_data_or_place_is_another_piece():
    others = [
        replace(ONE, value=1.6), replace(ONE, method="imputation"), replace(ONE, outcome="rents"), replace(ONE, data_sets=frozenset({"x"})),
        replace(ONE, places=frozenset({"hammond"})),
    ]  # fmt: skip
    assert repeated([ONE, *others]) == {}


def test_what_shares_study_data_or_city_is_one_cluster_also_by_a_third():
    pieces = [
        Piece("a", frozenset({"x"}), frozenset({"gary"}), "jobs", "m", 1),
        Piece("b", frozenset({"y"}), frozenset({"gary"}), "jobs", "m", 2),
        Piece("c", frozenset({"y"}), frozenset({"hammond"}), "jobs", "m", 3),
        Piece("d", frozenset({"z"}), frozenset({"muncie"}), "jobs", "m", 4),
        Piece("d", frozenset(), frozenset(), "rents", "m", 5),
    ]
    assert clusters(pieces) == ("a", "a", "a", "d", "d")


def test_clusters_do_not_depend_on_the_order_of_rows():
    pieces = [
        Piece(s, frozenset({d}), frozenset(), "jobs", "m", 1)
        for s, d in (("c", "x"), ("a", "y"), ("b", "x"), ("c", "y"))
    ]
    found = dict(zip([(p.study, *p.data_sets) for p in pieces], clusters(pieces), strict=True))
    turned = dict(zip([(p.study, *p.data_sets) for p in pieces[::-1]], clusters(pieces[::-1]), strict=True))
    assert found == turned
    assert set(found.values()) == {"a"}


def test_nothing_known_in_common_is_no_common_thing():
    unknown = [Piece(s, frozenset(), frozenset(), "jobs", "m", 1.0) for s in "ab"]
    assert clusters(unknown) == ("a", "b")
    assert repeated(unknown) == {}


def test_names_are_one_whatever_accents_and_case():
    assert plain_name("São  Paulo ") == plain_name("sao paulo")
    assert places_of(["Gary", "17", "1001"]) == {"gary"}
