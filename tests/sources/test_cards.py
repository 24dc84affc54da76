"""What a card does with what its files hold: several files, names, rows left out, values put right, other cards."""

import pandas as pd
import pytest

from scale_impact.core.source import load_source, reading
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


def test_the_hash_of_a_derived_card_follows_every_file_below_it(place):
    card(place)
    derived(place, "middle", ["towns"])
    top, where = load_source(derived(place, "top", ["middle"])), "data/sources/top.yaml"
    before = digest(top, place.root, where)
    card(place, TEXT, citation="words only", missing=["-", ""])
    assert digest(top, place.root, where) == before
    card(place, TEXT + "03,2019,1\n")
    assert digest(top, place.root, where) != before


# ---- keys of other kinds -------------------------------------------------------------------------------


def test_keys_that_the_kind_would_pass_over_are_all_refused(place):
    assert problems(card(place, sheet="Data", tables=["a"]), place) == [
        "sheet: cards of kind csv have no such key; those of excel, package, url, ckan do. Leave it out, or correct `kind`.",
        "tables: cards of kind csv have no such key; those of sql do. Leave it out, or correct `kind`.",
    ]


# ---- what used to go wrong in silence ------------------------------------------------------------------


def test_a_column_that_one_of_several_files_lacks_is_refused_unless_the_card_says_so(place):
    path, second = two_years(place)
    second.write_text("NO2_mean,town,extra\n39,01,x\n31,02,y\n")
    card = load_source(path).model_dump(mode="json", exclude_defaults=True)
    card["files"][1]["sha256"] = sha256(second)
    found = problems(write_yaml(path, card), place)
    assert found == [
        "There is no column 'no2' in b.csv; found 'NO2_mean'. If it is the same, give no2 `in_file: NO2_mean` in the card.",
        "If b.csv never had that, add to its entry under `files`: lacks: [no2]",
    ]
    card["files"][1]["lacks"] = ["no2"]
    frame = read(write_yaml(path, card), place.root)
    assert frame["no2"].isna().tolist() == [False, False, True, True]


@pytest.mark.parametrize("key", ["adds", "lacks"])
def test_a_column_that_a_file_has_is_neither_added_nor_lacking(place, key):
    path, _ = two_years(place)
    card = load_source(path).model_dump(mode="json", exclude_defaults=True)
    card["files"][0][key] = {"no2": 1} if key == "adds" else ["no2"]
    (found,) = problems(write_yaml(path, card), place)
    assert found == f"data/a.csv has a column 'no2' itself. Leave it out of `{key}` in the card."


def test_codes_that_are_text_in_one_file_and_numbers_in_another_are_refused(place):
    path, second = two_years(place)
    (place.root / "data/a.csv").write_text("town,no2\nA1,40\nA2,30\n")
    second.write_text("no2,town\n39,11\n31,12\n")
    card = load_source(path).model_dump(mode="json", exclude_defaults=True)
    del card["columns"]["town"]["type"]
    for k, name in enumerate(("a", "b")):
        card["files"][k]["sha256"] = sha256(place.root / f"data/{name}.csv")
    (found,) = problems(write_yaml(path, card), place)
    assert found.startswith("'town' holds text in data/a.csv and numbers in data/b.csv. Give it `type: text`")


def test_columns_are_taken_from_the_file_by_the_cards_word_whatever_else_it_holds(place):
    columns = {**COLUMNS, "no2": {**COLUMNS["no2"], "in_file": "a"}}
    frame = read(card(place, "town,year,a,no2\n01,2019,40,-1\n", columns=columns), place.root)
    assert frame["no2"].tolist() == [40]
    twice = {**columns, "pm10": {**COLUMNS["no2"], "in_file": "a"}}
    assert problems(card(place, "town,year,a\n01,2019,40\n", columns=twice), place) == [
        "columns no2, pm10 are all 'a' in the file. Keep one."
    ]


def test_a_correction_writes_what_the_column_holds_and_each_cell_once(place):
    text = "town,year,no2\n012,2019,40\n02,2019,30\n"
    rule = {"where": {"town": "012"}, "column": "town", "expects": "012", "value": 13, "reason": "x"}
    assert read(card(place, text, corrections=[rule]), place.root)["town"].tolist() == ["13", "02"]
    number = {"where": {"town": "02"}, "column": "no2", "expects": 30, "value": 31, "reason": "x"}
    assert problems(card(place, text, corrections=[number, number]), place) == [
        "corrections.1: another correction puts no2 at town '02' right. Leave one out."
    ]
    wrong = [{**number, "value": value} for value in ("n/a", 10**23)]
    assert [problems(card(place, text, corrections=[w]), place) for w in wrong] == [
        ["corrections.0.value: no2 holds numbers, and 'n/a' is none. Correct `value`."],
        [f"corrections.0.value: no2 holds numbers, and '{10**23}' is none. Correct `value`."],
    ]
    listed = {**number, "value": [1, 2]}
    assert any("corrections.0.value" in p for p in problems(card(place, text, corrections=[listed]), place))


def test_a_correction_of_a_date_is_a_date(place):
    columns = {**COLUMNS, "day": {"unit": "date", "meaning": "Day", "type": "date"}}
    text = "town,year,no2,day\n01,2019,40,2019-02-03\n"
    rule = {"where": {"town": "01"}, "column": "day", "expects": "2019-02-03", "value": "2019-03-02", "reason": "x"}
    assert read(card(place, text, columns=columns, corrections=[rule]), place.root)["day"][0] == pd.Timestamp(
        "2019-03-02"
    )
    assert (
        "the card expects '2024'"
        in problems(card(place, text, columns=columns, corrections=[{**rule, "expects": 2024}]), place)[0]
    )


def test_rules_that_leave_no_row_are_refused(place):
    rule = {"where": {"year": [2019, 2020]}, "reason": "x"}
    assert problems(card(place, exclude=[rule]), place) == [
        "exclude leaves out all 5 rows of towns.csv. Correct `where`."
    ]


def test_a_hash_may_be_written_in_capitals(place):
    path = card(place)
    capitals = {**load_source(path).model_dump(mode="json", exclude_defaults=True)}
    capitals["sha256"] = capitals["sha256"].upper()
    assert len(read(write_yaml(path, capitals), place.root)) == 5


def test_tables_of_a_query_that_change_places_are_another_run(place):
    path, _ = two_years(place)
    source = load_source(path).model_dump(mode="json", exclude_defaults=True)
    source |= {"kind": "sql", "query": "SELECT * FROM a"}
    for file in source["files"]:
        file.pop("adds")
    one = load_source(write_yaml(path, source))
    source["files"][0]["file"], source["files"][1]["file"] = "data/b.csv", "data/a.csv"
    other = load_source(write_yaml(path, source))
    assert reading(one) != reading(other)


def test_what_is_made_from_data_that_must_not_be_handed_on_must_not_either(place):
    card(place, redistribute=False)
    assert problems(derived(place, "top", ["towns"]), place) == [
        "redistribute: it is made from towns, which must not be handed on. Write: redistribute: false"
    ]
