"""What a card does with what its files hold: several files, names, rows left out, values put right, other cards."""

import pandas as pd
import pytest

from scale_impact.core.source import load_source
from scale_impact.errors import NotPulledError, SourceError
from scale_impact.sources import digest, files, frame_of, is_here, read, unfit
from tests.projects import Place, sha256, write_yaml

COLUMNS = {
    "town": {"unit": "none", "meaning": "Code", "type": "text"},
    "year": {"unit": "year", "meaning": "Year"},
    "no2": {"unit": "ug/m3", "meaning": "Annual mean"},
}

TEXT = "town,year,no2\n01,2019,40\n02,2019,30.5\nTotal,2019,70.5\n01,2020,38\n02,2020,\n"


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def card(place, text=TEXT, **keys):
    return place.data(text=text, columns=keys.pop("columns", COLUMNS), **keys)


def problems(path, place):
    with pytest.raises(SourceError) as caught:
        read(path, place.root)
    return list(caught.value.problems)


# ---- rows left out, values put right -------------------------------------------------------------------


def test_rows_that_are_no_units_are_left_out_for_a_reason(place):
    rule = {"where": {"town": "Total"}, "reason": "sum of all towns"}
    frame = read(card(place, exclude=[rule]), place.root)
    assert frame["town"].tolist() == ["01", "02", "01", "02"]
    assert frame.index.tolist() == [0, 1, 2, 3]


def test_a_rule_may_name_several_values_and_several_columns(place):
    rule = {"where": {"town": ["01", "Total"], "year": 2019}, "reason": "x"}
    frame = read(card(place, exclude=[rule]), place.root)
    assert list(zip(frame["town"], frame["year"], strict=True)) == [("02", 2019), ("01", 2020), ("02", 2020)]


def test_a_value_is_put_right_where_it_is_what_the_card_expects(place):
    rules = [
        {"where": {"town": "01", "year": 2019}, "column": "no2", "expects": 40, "value": 4.0, "reason": "decimal slip"},
        {"where": {"town": "02", "year": 2020}, "column": "no2", "expects": None, "value": 29, "reason": "late report"},
        {"where": {"town": "02", "year": 2019}, "column": "no2", "expects": 30.5, "value": None, "reason": "broken"},
    ]
    frame = read(card(place, corrections=rules), place.root).set_index(["town", "year"])["no2"]
    assert frame["01", 2019] == 4.0
    assert frame["02", 2020] == 29
    assert pd.isna(frame["02", 2019])
    assert frame["01", 2020] == 38


def test_a_correction_of_text_is_compared_as_text(place):
    columns = {**COLUMNS, "name": {"unit": "none", "meaning": "Name"}}
    text = "town,year,no2,name\n01,2019,1,Sprinfield\n02,2019,2,Shelbyville\n"
    rule = {
        "where": {"town": "01"},
        "column": "name",
        "expects": "Sprinfield",
        "value": "Springfield",
        "reason": "typing",
    }
    assert read(card(place, text, columns=columns, corrections=[rule]), place.root)["name"][0] == "Springfield"


def test_everything_wrong_with_rules_is_said_at_once(place):
    rules = [
        {"where": {"town": "01", "year": 2019}, "column": "no2", "expects": 41, "value": 4, "reason": "x"},
        {"where": {"town": "09"}, "column": "no2", "expects": 1, "value": 4, "reason": "x"},
        {"where": {"twon": "01"}, "column": "no2", "expects": 1, "value": 4, "reason": "x"},
        {"where": {"town": "01"}, "column": "NO2", "expects": 1, "value": 4, "reason": "x"},
    ]
    found = problems(card(place, corrections=rules, exclude=[{"where": {"town": "Sum"}, "reason": "x"}]), place)
    assert found == [
        "exclude.0: no row of towns.csv has town 'Sum'. Correct `where`, or leave the entry out.",
        "corrections.0: no2 at town '01', year '2019' holds '40', the card expects '41'. Was the file mended? Then leave the "
        "correction out.",
        "corrections.1: no row of towns.csv has town '09'. Correct `where`, or leave the entry out.",
        "corrections.2.where: there is no column 'twon' in towns.csv. Did you mean 'town'?",
        "corrections.3.column: there is no column 'NO2' in towns.csv. Known: no2, town, year.",
    ]


# ---- names and several files ---------------------------------------------------------------------------


def test_a_column_may_be_called_otherwise_in_the_file(place):
    columns = {**COLUMNS, "town": {**COLUMNS["town"], "in_file": "AGS"}}
    frame = read(card(place, TEXT.replace("town,", "AGS,"), columns=columns), place.root)
    assert frame.columns.tolist() == ["town", "year", "no2"]
    assert frame["town"][0] == "01"


def test_a_column_that_was_renamed_in_the_file_is_found_and_the_key_to_write_is_said(place):
    assert problems(card(place, TEXT.replace("no2", "NO2_mean")), place) == [
        "There is no column 'no2' in towns.csv; found 'NO2_mean'. If it is the same, give no2 `in_file: NO2_mean` in the card."
    ]


def two_years(place):
    a, b = place.root / "data/a.csv", place.root / "data/b.csv"
    a.parent.mkdir(parents=True)
    a.write_text("town,no2\n01,40\n02,30\n")
    b.write_text("no2,town,extra\n39,01,x\n31,02,y\n")
    files = [
        {"file": "data/a.csv", "sha256": sha256(a), "adds": {"year": 2019}},
        {"file": "data/b.csv", "sha256": sha256(b), "adds": {"year": 2020}},
    ]
    keys = {"title": "Air", "origin": "x", "licence": "CC0", "kind": "csv", "files": files, "columns": COLUMNS}
    return write_yaml(place.root / "data/sources/air.yaml", keys), b


def test_several_files_are_one_below_the_other_each_with_what_it_is_given(place):
    path, _ = two_years(place)
    frame = read(path, place.root)
    assert frame.to_dict("list") == {
        "town": ["01", "02", "01", "02"], "year": [2019, 2019, 2020, 2020], "no2": [40, 30, 39, 31],
    }  # fmt: skip


def test_each_of_several_files_has_its_hash(place):
    path, second = two_years(place)
    source, where = load_source(path), "data/sources/air.yaml"
    before = digest(source, place.root, where)
    assert unfit(source, place.root, where) == []
    second.write_text("no2,town\n39,01\n32,02\n")
    assert digest(source, place.root, where) != before
    (found,) = unfit(source, place.root, where)
    assert "describes another file than b.csv" in found
    assert "b.csv is not the file that the card describes" in problems(path, place)[0]
    assert frame_of(source, place.root, where)["no2"].tolist() == [40, 30, 39, 32]


# ---- pulled data ---------------------------------------------------------------------------------------


def test_a_file_with_an_address_is_read_from_the_store_of_its_vintage_and_nowhere_else(place):
    path = card(place, address="https://example.org/towns.csv", vintage="2020-05", file="towns.csv")
    source, where = load_source(path), "data/sources/towns.yaml"
    assert not is_here(source, place.root, where)
    with pytest.raises(NotPulledError, match="scale-impact data pull towns"):
        read(path, place.root)
    kept = place.root / "data/raw/towns/2020-05/towns.csv"
    kept.parent.mkdir(parents=True)
    kept.write_text(TEXT)
    assert is_here(source, place.root, where)
    assert len(read(path, place.root)) == 5
    assert files(source, place.root, where) == [kept]


def test_the_hash_of_pulled_data_is_the_cards_so_that_they_need_not_be_here(place):
    path = card(place, address="https://example.org/towns.csv", file="towns.csv")
    source = load_source(path)
    assert digest(source, place.root, "data/sources/towns.yaml") == source.sha256


def test_another_query_is_another_file_of_the_store(place):
    keys = {"title": "T", "origin": "x", "licence": "x", "kind": "sdmx", "provider": "ESTAT", "dataflow": "urb_cpop1"}
    names = set()
    for start in (2010, 2011):
        asked = {**keys, "query": {"params": {"startPeriod": start}}, "columns": COLUMNS}
        source = load_source(write_yaml(place.root / "data/sources/eu.yaml", asked))
        names.add(source.pieces[0].file)
    assert len(names) == 2
    assert all(name.startswith("sdmx-") for name in names)


# ---- other cards ---------------------------------------------------------------------------------------


def derived(place, name, tables, query="SELECT * FROM towns"):
    keys = {
        "title": name,
        "origin": "x",
        "licence": "x",
        "kind": "sql",
        "tables": tables,
        "query": query,
        "columns": COLUMNS,
    }
    return write_yaml(place.root / f"data/sources/{name}.yaml", keys)


def test_cards_that_are_made_from_each_other_are_refused(place):
    derived(place, "a", ["b"])
    found = problems(derived(place, "b", ["a"]), place)
    assert found == ["b -> a -> b: these cards are made from each other. Leave one out."]


def test_an_unknown_card_that_another_is_made_from_offers_the_nearest(place):
    card(place)
    assert problems(derived(place, "a", ["twons"]), place) == ["There is no source 'twons'. Did you mean 'towns'?"]


def test_the_hash_of_a_derived_card_follows_every_card_and_file_below_it(place):
    card(place)
    derived(place, "middle", ["towns"])
    top, where = load_source(derived(place, "top", ["middle"])), "data/sources/top.yaml"
    seen = [digest(top, place.root, where)]
    card(place, TEXT + "03,2019,1\n")
    seen.append(digest(top, place.root, where))
    derived(place, "middle", ["towns"], query="SELECT * FROM towns WHERE year > 2019")
    seen.append(digest(top, place.root, where))
    card(place, TEXT + "03,2019,1\n", missing=["-"])
    seen.append(digest(top, place.root, where))
    card(place, TEXT + "03,2019,1\n", missing=["-"], citation="words only")
    assert digest(top, place.root, where) == seen[-1]
    assert len(set(seen)) == 4


# ---- keys of other kinds -------------------------------------------------------------------------------


def test_keys_that_the_kind_would_pass_over_are_all_refused(place):
    assert problems(card(place, sheet="Data", tables=["a"]), place) == [
        "sheet: cards of kind csv have no such key; those of excel, package, url, ckan do. Leave it out, or correct `kind`.",
        "tables: cards of kind csv have no such key; those of sql do. Leave it out, or correct `kind`.",
    ]
