"""A page a city or other place: what was tried there, where it stands among others, what it may expect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scale_impact.report.pages import fitting, page, write_page
from scale_impact.report.places import Place, Told
from scale_impact.report.summary import Summary

A_PAGE = 600
"""Places a page of their list."""

HEADINGS = {
    "measure": "What was tried here",
    "prediction": "What it may expect",
    "decision": "Whether to scale here",
    "benchmark": "Among other cities",
    "comparison": "Where it was compared with others",
}
"""Parts of a page, in this order."""

Saying = tuple[Told, str, str]
"""What is told of a place, by which study, and where."""


def write_cities(out: Path, studies: Sequence[Summary]) -> int:
    """Write the list of places and a page each; how many pages."""
    found: dict[Place, list[Saying]] = {}
    for study in sorted(studies, key=lambda s: s.slug):
        for told, href in study.places:
            found.setdefault(told.place, []).append((told, study.title, href))
    namesakes: dict[str, list[Place]] = {}
    for place in found:
        namesakes.setdefault(place.name.casefold(), []).append(place)
    for place, said in found.items():
        write_page(
            out / "cities" / f"{place.slug}.html",
            _page(place, said, [p for p in namesakes[place.name.casefold()] if p != place]),
        )
    return len(found) + _write_list(
        out, sorted(found, key=lambda p: (p.name.casefold(), p.name, p.kind, p.source)), found
    )


def _page(place: Place, said: Sequence[Saying], namesakes: Sequence[Place]) -> str:
    sources = sorted({told.source for told, _, _ in said if told.source})

    def render(most: int) -> str:
        parts = [(heading, [one for one in said if one[0].what == what]) for what, heading in HEADINGS.items()]
        shown = [(heading, some[:most], max(len(some) - most, 0)) for heading, some in parts if some]
        return page(
            "city.html.j2", "../", here="Cities", place=place, parts=shown, namesakes=namesakes[:30], sources=sources[:20], n_sources=len(sources),
        )  # fmt: skip

    return fitting(render)


def _write_list(out: Path, places: Sequence[Place], found: dict[Place, list[Saying]]) -> int:
    pages = [places[k : k + A_PAGE] for k in range(0, len(places), A_PAGE)] or [[]]
    for k, some in enumerate(pages, 1):
        listed = [
            (place, len({href for _, _, href in found[place]}), any(t.what != "comparison" for t, _, _ in found[place]))
            for place in some
        ]
        text = page(
            "cities.html.j2",
            "../",
            here="Cities",
            listed=listed,
            number=k,
            of=len(pages),
            address=_address,
            count=len(places),
        )
        write_page(out / "cities" / _address(k), text)
    return len(pages)


def _address(k: int) -> str:
    return "index.html" if k == 1 else f"index-{k}.html"
