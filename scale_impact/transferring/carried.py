"""Rows of a study that tells effects apart by context, for the city that asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scale_impact.core.evidence import ESTIMATE_FIELDS, NOTICED, RANKED
from scale_impact.core.project import Project
from scale_impact.core.settings import TransportChoices
from scale_impact.core.words import nearest
from scale_impact.errors import DesignError
from scale_impact.evidence.store import whole_rows

Row = Mapping[str, Any]


def rows_by_context(project: Project, chosen: TransportChoices, indicator: str) -> list[Row]:
    """Rows of kind ``subgroup`` or ``unit`` of one outcome and one estimator.

    Raises
    ------
    DesignError
        The study has published nothing, or no such rows; rows of another indicator.
    SourceError
        Rows that are not whole.
    """
    slug, _, variant = chosen.study.partition("/")
    path = project.studies / slug / "results" / variant / "estimates.jsonl"
    if not path.is_file():
        raise DesignError(
            f"transfer.transport.study: there is no {project.relative(path)}. Run it first: scale-impact run {slug}."
        )
    found: list[Row] = [
        r
        for r in whole_rows(project, path, ESTIMATE_FIELDS, key="transfer.transport.study")
        if r["kind"] in ("subgroup", "unit") and r["estimand"] not in (NOTICED, RANKED) and r["context"]
    ]
    for key in ("outcome", "estimator"):
        found = _kept(found, key, getattr(chosen, key), chosen.study)
    kinds = list(dict.fromkeys(r["kind"] for r in found))
    found = [r for r in found if r["kind"] in (["subgroup"] if chosen.shares else kinds[-1:])]
    if not found:
        raise DesignError(
            f"transfer.transport.study: {chosen.study} has published no effect of groups or units with their context."
        )
    if found[0]["indicator"] != indicator:
        raise DesignError(
            f"transfer.transport.outcome: {chosen.study} is about {found[0]['indicator']}, and this study about {indicator}. Name another outcome."
        )
    return found


def _kept(rows: list[Row], key: str, wanted: str | None, study: str) -> list[Row]:
    """Rows of the outcome or estimator that is named, else of the first."""
    known = list(dict.fromkeys(str(r[key]) for r in rows))
    if wanted is not None and wanted not in known:
        raise DesignError(
            f"transfer.transport.{key}: {study} has no effects of groups by {wanted!r}. {nearest(wanted, known)}"
        )
    chosen = wanted if wanted is not None else next(iter(known), None)
    return [r for r in rows if r[key] == chosen]
