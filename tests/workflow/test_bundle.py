"""What a run reads, in a parcel."""

import io
import zipfile

import pytest

from scale_impact.errors import UsageError
from scale_impact.workflow import bundle
from scale_impact.workflow.bundle import pack, unpack, zipped
from scale_impact.workflow.runs import expand
from tests.projects import sha256, towns


def names(content):
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_a_parcel_holds_what_runs_read_and_nothing_else(place):
    (place.root / "studies/towns/README.md").write_text("why")
    for written in ("results/estimates.jsonl", "failed/executed.ipynb", ".run/main.lock"):
        path = place.root / "studies/towns" / written
        path.parent.mkdir(parents=True)
        path.write_text("x")
    place.study("other", template="quick")
    runs, _ = expand(["towns"], {})
    assert names(pack(runs)) == [
        "data/files/towns.csv", "data/indicators/catalogue.csv", "data/measures/enterprise_zone.yaml",
        "data/sources/towns.yaml", "notebooks/staggered_did.ipynb", "studies/towns/README.md", "studies/towns/study.yaml",
    ]  # fmt: skip
    assert pack(runs) == pack(runs)


def test_an_unpacked_parcel_is_a_project_in_which_the_run_has_the_same_id(place, tmp_path):
    from scale_impact.workflow.fingerprint import inputs_of, run_id

    place.study(variants={"wide": {"level": 0.99}})
    (run,), _ = expand(["towns"], {})
    unpack(pack([run]), tmp_path / "there")
    (far,), _ = expand([tmp_path / "there/studies/towns"], {})
    assert run_id(inputs_of(far)) == run_id(inputs_of(run))


def test_data_of_a_package_stay_where_they_are(place):
    from tests.panels import ROOT

    target = place.root / "studies/zones"
    target.mkdir()
    (target / "study.yaml").write_text((ROOT / "studies/indiana-enterprise-zones/study.yaml").read_text())
    runs, _ = expand(["zones"], {})
    assert not [n for n in names(pack(runs)) if "ezunem" in n]


def test_downloaded_data_travel_so_that_workers_need_no_network(place):
    digest = sha256(place.root / "data/files/towns.csv")
    kept = place.root / f".scale-impact/downloads/{digest}/towns.csv"
    kept.parent.mkdir(parents=True)
    (place.root / "data/files/towns.csv").rename(kept)
    card = place.root / "data/sources/towns.yaml"
    card.write_text(card.read_text().replace("file: data/files/towns.csv", "file: https://data.invalid/towns.csv"))
    runs, _ = expand(["towns"], {})
    assert kept.relative_to(place.root).as_posix() in names(pack(runs))


def test_several_parquet_files_all_travel(place):
    from hashlib import sha256 as digest

    folder = place.root / "data/files/parts"
    folder.mkdir()
    for k in range(2):
        towns().iloc[k::2].to_parquet(folder / f"{k}.parquet")
    hashes = "\n".join(sorted(sha256(p) for p in folder.iterdir()))
    card = place.data(towns(), kind="parquet", sha256=digest(hashes.encode()).hexdigest())
    card.write_text(card.read_text().replace("file: data/files/towns.csv", "file: data/files/parts"))
    runs, _ = expand(["towns"], {})
    assert {"data/files/parts/0.parquet", "data/files/parts/1.parquet"} <= set(names(pack(runs)))


def test_more_than_can_travel_is_refused_with_what_to_do_instead(place, monkeypatch):
    monkeypatch.setattr(bundle, "LARGEST", 1000)
    with pytest.raises(UsageError, match=r"more than the .* that are sent to workers. Put the data at an address"):
        pack(expand(["towns"], {})[0])


def test_a_study_outside_the_project_is_refused(place, tmp_path, monkeypatch):
    away = tmp_path / "away"
    (place.root / "studies/towns").rename(away)
    monkeypatch.setenv("SCALE_IMPACT_ROOT", str(place.root))
    with pytest.raises(UsageError, match=r"study\.yaml lies outside the project's folder"):
        pack(expand([away], {})[0])


def test_a_folder_comes_back_as_it_was(tmp_path):
    (tmp_path / "one/figures").mkdir(parents=True)
    (tmp_path / "one/figures/a.png").write_bytes(bytes(range(256)))
    (tmp_path / "one/b").write_text("b")
    unpack(zipped(tmp_path / "one"), tmp_path / "two")
    assert (tmp_path / "two/figures/a.png").read_bytes() == bytes(range(256))
    assert (tmp_path / "two/b").read_text() == "b"
    assert zipped(tmp_path / "nothing") == b""


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x"])
def test_a_name_that_leads_out_of_its_folder_is_refused(tmp_path, name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as parcel:
        parcel.writestr(name, "x")
    with pytest.raises(ValueError, match="leads out of its folder"):
        unpack(buffer.getvalue(), tmp_path / "there")
    assert not (tmp_path / "x").exists()
