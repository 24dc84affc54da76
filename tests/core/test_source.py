"""Source cards and measure cards: all problems at once."""

import pytest

from scale_impact.core.catalogue.measure import load_measure
from scale_impact.core.source import Source, load_source, reading
from scale_impact.errors import SourceError, StudyError
from tests.panels import ROOT

CARD = """\
title: Air
origin: a network
licence: CC-BY 4.0
kind: csv
file: data/air.csv
columns:
  no2: {unit: µg/m3, meaning: Nitrogen dioxide}
  code: {unit: none, meaning: Code of the station, type: text}
"""


def written(tmp_path, text):
    path = tmp_path / "air.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path, text):
    with pytest.raises(SourceError) as caught:
        load_source(written(tmp_path, text))
    return list(caught.value.problems)


def test_a_card_is_read_with_its_defaults(tmp_path):
    card = load_source(written(tmp_path, CARD))
    assert (card.separator, card.decimal, card.encoding, card.sha256) == (",", ".", "utf-8", None)
    assert card.columns["no2"].unit == "µg/m3"
    assert card.columns["code"].type == "text"


def test_missing_misspelt_and_wrong_keys_of_a_card_are_said_at_once(tmp_path):
    text = (
        CARD.replace("licence:", "license:")
        .replace("meaning: Nitrogen dioxide", "maening: x")
        .replace("type: text", "type: txt")
    )
    assert problems(tmp_path, text) == [
        "licence: this key is missing.",
        "columns.no2.meaning: this key is missing.",
        "columns.no2.maening: there is no such key. Did you mean 'meaning'?",
        "columns.code.type: should be 'number', 'text' or 'date' (it is 'txt').",
        "license: there is no such key. Did you mean 'licence'?",
    ]


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n"])
def test_a_card_that_is_no_mapping_is_refused(tmp_path, text):
    assert len(problems(tmp_path, text)) == 1


def test_a_card_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"There is no source card air\.yaml"):
        load_source(tmp_path / "air.yaml")


def test_a_measure_card_says_what_is_missing(tmp_path):
    (tmp_path / "zone.yaml").write_text("title: Zone\nwhat: a zone\n")
    with pytest.raises(StudyError, match=r"zone\.yaml: mechanism: this key is missing"):
        load_measure(tmp_path / "zone.yaml")
    with pytest.raises(StudyError, match=r"There is no measure card lez\.yaml"):
        load_measure(tmp_path / "lez.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "data/sources").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_shipped_card_says_licence_origin_hash_and_meaning(path):
    card = load_source(path)
    assert card.licence
    assert card.origin
    hashes = [piece.sha256 for piece in card.pieces]
    asked_of_a_service = card.provider is not None  # what it answers is known when it is first pulled
    assert all(h is None or len(h) == 64 for h in hashes)
    assert asked_of_a_service or None not in hashes
    assert hashes or card.components
    assert all(c.unit and c.meaning for c in card.columns.values())


def test_a_part_without_periods_is_told_from_one_with_the_cards_own_also_when_it_is_written_and_read_again():
    def part(**keys):
        return {"title": "T", "origin": "x", "licence": "x", "kind": "panel", "unit": "u", "period": "t",
                "parts": [{"source": "a", **keys}], "columns": {c: {"unit": "none", "meaning": c} for c in "ut"}}  # fmt: skip

    own, none = Source.model_validate(part()), Source.model_validate(part(period=None))
    assert (own.parts[0].is_constant, none.parts[0].is_constant) == (False, True)
    for card in (own, none):
        again = Source.model_validate_json(card.model_dump_json())
        assert again.parts[0].is_constant == card.parts[0].is_constant
    assert reading(own) != reading(none)
