"""Kinds of studies: by which key, what each needs and refuses, what its template calls, and what is changed of its block."""

import pytest

from scale_impact.core.changes import dotted, overlay, set_scalar
from scale_impact.core.settings import BLOCKS, Settings, kind_of
from scale_impact.core.study_names import NEEDED, NOT_OF, of_another_kind
from scale_impact.core.template import read_template
from tests.panels import ROOT
from tests.projects import STUDY, notebook

WHOLE = {
    "measure": {"source": "s", "unit": "u", "period": "p", "measure": "m", "treatment": {"treated": "t"}, "estimators": ["twfe"]},
    "benchmark": {"source": "s", "unit": "u", "period": "p", "benchmark": {"city": "A", "context": ["x"]}},
    "transfer": {"source": "s", "unit": "u", "period": "p", "measure": "m", "treatment": {"treated": "t"}, "transfer": {"city": "A"}},
    "scaleup": {"measure": "m", "scaleup": {"city": "A"}},
}  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
def test_the_kind_is_said_by_one_key_and_a_whole_study_lacks_nothing(kind):
    assert kind_of(WHOLE[kind]) == kind
    assert of_another_kind(WHOLE[kind]) == []


def test_a_key_that_says_nothing_makes_no_kind():
    assert kind_of({"transfer": None, "benchmark": None}) == "measure"
    assert Settings.model_validate({**STUDY, "scaleup": None}).kind == "measure"


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind in WHOLE for key in NEEDED[kind]])
def test_each_key_that_a_kind_needs_is_missed(kind, key):
    lacking = {k: v for k, v in WHOLE[kind].items() if k != key}
    said = of_another_kind(lacking)
    assert said
    assert said[0].startswith(f"{key}: ")


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind in WHOLE for key in NOT_OF[kind]])
def test_each_key_that_means_nothing_in_a_kind_is_refused_with_the_way_out(kind, key):
    said = of_another_kind({**WHOLE[kind], key: "x"})
    assert any(p.startswith(f"{key}: ") and p.endswith(f"Leave the key out, or leave out `{kind}`.") for p in said), (
        said
    )


@pytest.mark.parametrize(("one", "other"), [(a, b) for k, a in enumerate(BLOCKS) for b in BLOCKS[k + 1 :]])
def test_two_kinds_at_once_are_refused_before_anything_else(one, other):
    said = of_another_kind({**WHOLE[one], **WHOLE[other]})
    assert said == [
        f"{other}: a study has one of benchmark, transfer, scaleup (given: {one}, {other}). Make a study of each."
    ]


def test_effects_of_a_transfer_come_from_one_place():
    own = WHOLE["transfer"]
    rows = {**own, "transfer": {"city": "A", "studies": ["s"]}}
    assert [p.split(":")[0] for p in of_another_kind(rows)] == ["transfer.studies"]
    papers = {**own, "transfer": {"city": "A", "papers": ["p"]}}
    assert [p.split(":")[0] for p in of_another_kind(papers)] == ["transfer.papers"]
    nowhere = {k: v for k, v in own.items() if k != "treatment"}
    assert [p.split(":")[0] for p in of_another_kind(nowhere)] == ["treatment"]
    published = {k: v for k, v in rows.items() if k != "treatment"}
    assert of_another_kind(published) == []
    assert [p.split(":")[0] for p in of_another_kind({**published, "design": {}})] == ["design"]


def test_a_block_that_is_no_mapping_is_no_crash():
    assert of_another_kind({**WHOLE["transfer"], "transfer": "Havenmoor"}) == []


# ---- templates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "kinds"),
    [
        (["session.transfer()"], {"transfer"}),
        (["session.scale_up()"], {"scaleup"}),
        (["session.why_here()"], {"benchmark"}),
        (["session.estimates()"], {"measure"}),
        (["print(1)"], {"measure"}),
        (["session.transfer()", "session.scale_up()"], {"transfer", "scaleup"}),
        (["if x:\n    session.transfer()\nelse:\n    session.estimate()"], {"transfer", "measure"}),
        (["# session.transfer()\nprint('session.scale_up()')"], {"measure"}),
        (["%matplotlib inline\nsession.scale_up()"], {"scaleup"}),
        (["def broken(:\n    session.transfer()"], {"transfer"}),
    ],
    ids=lambda value: str(sorted(value)),  # sets have no order of their own
)
def test_what_a_template_calls_says_for_which_kinds_it_is(tmp_path, calls, kinds):
    path = tmp_path / "mine.ipynb"
    path.write_text(notebook("study = 'x'", *calls), encoding="utf-8")
    assert read_template(path).kinds == kinds


def test_each_shipped_template_is_for_one_kind():
    found = {p.stem: read_template(p).kinds for p in (ROOT / "notebooks").glob("*.ipynb")}
    own = {"benchmark": {"benchmark"}, "transfer": {"transfer"}, "scale_up": {"scaleup"}}
    assert {name: set(kinds) for name, kinds in found.items()} == {name: own.get(name, {"measure"}) for name in found}


# ---- changes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_variant_changes_single_keys_of_a_block_and_keeps_the_others(kind):
    base = {kind: {"city": "A", "target": 1}}
    assert overlay(base, {kind: {"city": "B"}}) == {kind: {"city": "B", "target": 1}}
    assert base == {kind: {"city": "A", "target": 1}}


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_city_in_short_is_that_of_the_studys_kind(kind):
    raw = {kind: {"city": "A"}}
    assert dotted("city", raw=raw) == f"{kind}.city"
    assert set_scalar(raw, "city", "B") == ({kind: {"city": "B"}}, [])
    assert set_scalar(raw, f"{kind}.city", "C") == ({kind: {"city": "C"}}, [])


def test_a_list_or_mapping_of_a_block_is_not_set_from_outside():
    raw = {"transfer": {"city": "A", "context": ["x"]}}
    changed, said = set_scalar(raw, "transfer.context", "y")
    assert changed == raw
    assert said
    assert set_scalar(raw, "transfer.pooling.tau2", "reml")[0]["transfer"]["pooling"] == {"tau2": "reml"}
