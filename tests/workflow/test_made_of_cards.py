"""Studies on data that are made of other cards: what goes into a parcel, a crate and a frozen plan."""

import io
import json
import zipfile

from scale_impact.workflow.bundle import pack, unpack
from scale_impact.workflow.crate import opened
from scale_impact.workflow.crate.export import export
from scale_impact.workflow.fingerprint import inputs_of, run_id
from scale_impact.workflow.runs import expand
from tests.projects import command, joined, towns


def runs_of(root):
    runs, errors = expand([str(root / "studies" / "towns")], {})
    assert not errors
    return runs


def pulled(place):
    """The second card's file lies in the store, as if it had been pulled."""
    content = (place.root / "data/files/south.csv").read_bytes()
    kept = place.root / "data/raw/south/2020/south.csv"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(content)
    (place.root / "data/files/south.csv").unlink()
    return kept


def test_a_parcel_holds_every_card_and_file_below_and_is_a_project_with_the_same_run(place, tmp_path):
    joined(place, address="https://example.org/south.csv", vintage="2020", file="south.csv")
    pulled(place)
    (run,) = runs_of(place.root)
    parcel = pack([run])
    there = set(zipfile.ZipFile(io.BytesIO(parcel)).namelist())
    assert {f"data/sources/{name}.yaml" for name in ("both", "north", "south")} <= there
    assert {"data/files/north.csv", "data/raw/south/2020/south.csv"} <= there
    unpack(parcel, tmp_path / "there")
    (far,) = runs_of(tmp_path / "there")
    assert run_id(inputs_of(far)) == run_id(inputs_of(run))
    assert command("run", "towns", cwd=tmp_path / "there").code == 0


def test_a_crate_holds_each_source_by_its_own_licence_and_says_what_is_not_in_it(place, tmp_path):
    joined(place, redistribute=False, licence="for research only")
    assert command("run", "towns", cwd=place.root).code == 0
    export(runs_of(place.root), tmp_path / "towns.crate.zip")
    with opened(tmp_path / "towns.crate.zip") as crate:
        there = {p.relative_to(crate).as_posix() for p in crate.rglob("*") if p.is_file()}
        readme = (crate / "README.md").read_text(encoding="utf-8")
        graph = json.loads((crate / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    assert {f"data/sources/{name}.yaml" for name in ("both", "north", "south")} <= there
    assert "data/files/north.csv" in there
    assert "data/files/south.csv" not in there
    assert "for research only" in readme
    assert "the licence does not say that they may be handed on" in readme
    assert "computed from other sources of this package" in readme
    (action,) = [e for e in graph if e["@type"] == "CreateAction"]
    used = {thing["@id"] for thing in action["object"]}
    assert {
        "data/sources/both.yaml",
        "data/sources/north.yaml",
        "data/sources/south.yaml",
        "data/files/north.csv",
    } <= used


def test_a_crate_of_pulled_data_that_stay_out_says_how_to_pull_them(place, tmp_path):
    joined(place, address="https://example.org/south.csv", vintage="2020", file="south.csv", redistribute=False)
    pulled(place)
    assert command("run", "towns", cwd=place.root).code == 0
    export(runs_of(place.root), tmp_path / "towns.crate.zip")
    with opened(tmp_path / "towns.crate.zip") as crate:
        assert not (crate / "data/raw").exists()
        readme = (crate / "README.md").read_text(encoding="utf-8")
    assert "`.venv/bin/scale-impact data pull south`" in readme


def test_a_frozen_plan_holds_the_cards_below_and_notices_when_their_data_change(place):
    joined(place)
    assert command("freeze", "towns", cwd=place.root).code == 0
    joined(place, accessed="2026-11-22", decimal=".")
    said = command("check", "towns", cwd=place.root)
    assert "the data file of source south is another than at the time of freezing" in said.out
    assert "north" not in said.out


def test_rows_that_a_card_leaves_out_or_puts_right_after_freezing_are_deviations_from_the_plan(place):
    assert command("freeze", "towns", cwd=place.root).code == 0
    out = {"where": {"town": "00001"}, "reason": "odd"}
    right = {
        "where": {"town": "00002", "year": 2001},
        "column": "start",
        "expects": 2003,
        "value": 2004,
        "reason": "late",
    }
    place.data(towns(), exclude=[out], corrections=[right])
    said = command("check", "towns", cwd=place.root).out
    assert "This run deviates: source towns leaves out town 00001 (odd): not planned" in said
    assert "source towns puts start at town 00002, year 2001 right: 2004, not 2003 (late): not planned" in said


def test_a_query_that_was_changed_after_freezing_is_a_deviation_from_the_plan(place):
    joined(place)
    assert command("freeze", "towns", cwd=place.root).code == 0
    path = place.root / "data/sources/both.yaml"
    path.write_text(path.read_text().replace("USING (town, year)", "USING (town, year) WHERE town <> '00001'"))
    said = command("check", "towns", cwd=place.root).out
    assert "This run deviates: source both is computed in another way than planned" in said
