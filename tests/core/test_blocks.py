"""Outcomes by cluster and cohort."""

import numpy as np
import pandas as pd
import pytest

import scale_impact as si
from scale_impact.core.blocks import ClusterCounts, blocks_of, cluster_counts, cluster_parts
from scale_impact.errors import DesignError
from tests.panels import BEFORE, NEVER, design_of, drawn


def of(frame, **design):
    chosen = design_of(frame, **design)
    return blocks_of(chosen._panel, chosen), chosen


def test_units_are_blocks_of_their_changes_around_the_cohorts_path():
    frame = drawn({2: 2, NEVER: 3}, 4, seed=1)
    blocks, design = of(frame)
    wide = frame.pivot(index="id", columns="t", values="y")
    changes = wide.sub(wide[0], axis=0).loc[[int(n) for n in blocks.names]].to_numpy()
    own = design.cohort_codes
    means = np.array([changes[own == g].mean(axis=0) for g in (0, 1)])
    np.testing.assert_allclose(blocks.deviations, changes - means[own], atol=1e-12)
    np.testing.assert_allclose(blocks.paths, means, atol=1e-12)
    assert blocks.cells.tolist() == [[2.0] * 4, [3.0] * 4]
    assert blocks.mixed() is None


def test_clusters_above_the_unit_have_a_block_for_each_cohort():
    frame = drawn({2: 4, NEVER: 6}, 4, seed=1).assign(st=lambda f: "s" + (f["id"] % 3).astype(str))
    blocks, _ = of(frame, cluster="st")
    units, _ = of(frame)
    label = frame.groupby("id")["st"].first()
    for k in range(len(blocks.cluster)):
        inside = [
            u for u, name in enumerate(units.names)
            if label[int(name)] == blocks.names[blocks.cluster[k]] and units.cohort[u] == blocks.cohort[k]
        ]  # fmt: skip
        np.testing.assert_allclose(blocks.deviations[k], units.deviations[inside].sum(axis=0), atol=1e-10)
        assert blocks.counts[k].tolist() == [len(inside)] * 4
    assert blocks.members.sum() == 10
    assert "hold units of different adoption dates" in blocks.mixed()


def test_levels_are_kept_where_they_matter():
    frame = drawn({2: 2, NEVER: 3}, 4, seed=1)
    design = design_of(frame)
    blocks = blocks_of(design._panel, design, levels=True)
    wide = frame.pivot(index="id", columns="t", values="y").loc[[int(n) for n in blocks.names]].to_numpy()
    np.testing.assert_allclose(blocks.deviations + blocks.paths[blocks.cohort], wide, atol=1e-12)


def test_counts_of_clusters_leave_out_units_treated_from_the_start():
    frame = drawn({BEFORE: 2, 2: 3, 4: 4, NEVER: 5}, 6, seed=1).assign(st=lambda f: f["id"] % 2)
    for options, expected in (
        ({}, (12, 7, 5)),
        ({"control": "not_yet"}, (12, 7, 9)),
        ({"cluster": "st"}, (2, 2, 2)),
    ):
        design = design_of(frame, **options)
        assert cluster_counts(design._panel, design) == ClusterCounts(*expected, scattered=1.0)


def test_clusters_are_scattered_where_their_cohorts_are_small():
    frame = drawn({2: 15, 4: 5, NEVER: 5}, 6, seed=1)
    design = design_of(frame)
    assert cluster_counts(design._panel, design).scattered == 0.25


def test_parts_are_the_members_of_each_cluster_by_name():
    frame = drawn({BEFORE: 2, 2: 3, NEVER: 5}, 4, seed=1).assign(st=lambda f: "s" + (f["id"] % 3).astype(str))
    design = design_of(frame, cluster="st")
    panel = design._panel
    label = frame.groupby("id")["st"].first()
    parts = dict(cluster_parts(panel, design))
    assert sum(map(len, parts.values())) == 8
    for name, members in parts.items():
        assert {label[int(panel.unit_name(u))] for u in members} == {name}
    plain = design_of(frame)
    assert [len(m) for _, m in cluster_parts(panel, plain)] == [1] * 8


def test_cross_sections_have_blocks_only_with_clusters():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"c": np.arange(40) % 6, "t": np.arange(40) // 6 % 2, "y": rng.normal(size=40)})
    frame["group"] = (frame["c"] < 3).astype(int)
    panel = si.Panel.from_frame(frame, unit=None, period="t", outcome="y")
    design = si.Design.from_panel(panel, group="group", starts=1)
    assert cluster_counts(panel, design) is None
    for function in (blocks_of, cluster_parts):
        with pytest.raises(DesignError, match="name the cluster that observations share"):
            function(panel, design)
    clustered = si.Design.from_panel(panel, group="group", starts=1, cluster="c")
    blocks = blocks_of(panel, clustered)
    for k, name in enumerate(blocks.names):
        cell = frame[frame["c"] == int(name)].groupby("t")["y"].agg(["sum", "size"])
        np.testing.assert_allclose(blocks.counts[k], cell["size"])
        np.testing.assert_allclose(
            blocks.deviations[k] + blocks.counts[k] * blocks.paths[blocks.cohort[k]], cell["sum"]
        )
    assert not blocks.followed
