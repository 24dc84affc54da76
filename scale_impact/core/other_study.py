"""Another study, as a study reads it: what its run has published, and what cards and catalogue say of what its rows name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scale_impact.core.project import Project

ROWS = ("checks", "estimates", "units")
"""Files of rows that are read of a run."""


@dataclass(frozen=True)
class OtherStudy:
    """A study whose results another one reads; whether its study.yaml is there plays no part.

    Nothing is remembered: the study may be run at any time.
    """

    project: Project
    slug: str
    whole: bool = False
    """Whether the rows of all its runs are read, and not those of one that says who was treated."""

    @property
    def run(self) -> Path | None:
        """The folder of the run that is read, of several the first by name; None where none says who was treated."""
        found = sorted(self._published.glob("**/units.jsonl"))
        return found[0].parent if found else None

    @property
    def study(self) -> str:
        """The study, without the variant that ``slug`` may name as ``study/variant``."""
        return self.slug.partition("/")[0]

    @property
    def _published(self) -> Path:
        """The folder of its results, or of those of the variant that is named."""
        study, _, variant = self.slug.partition("/")
        return self.project.studies / study / "results" / variant

    @property
    def results(self) -> tuple[Path, ...]:
        """The files of rows that are there."""
        if self.whole:
            found = self._published.glob("**/*.jsonl")
            return tuple(sorted(path for path in found if path.stem in ROWS))
        run = self.run
        return () if run is None else tuple(path for name in ROWS if (path := run / f"{name}.jsonl").is_file())

    @property
    def cards(self) -> tuple[Path, ...]:
        """The cards of the measures that the rows name."""
        known = self.project.keys("measures")
        return tuple(self.project.measure(name) for name in self._named("measure") if name in known)

    @property
    def indicators(self) -> tuple[str, ...]:
        """The indicators that the rows name."""
        return self._named("indicator")

    @property
    def files(self) -> tuple[Path, ...]:
        """All that is read of it beside the catalogue of indicators."""
        return (*self.results, *self.cards)

    def _named(self, key: str) -> tuple[str, ...]:
        found = {str(row[key]) for path in self.results for row in _rows(path) if row.get(key)}
        return tuple(sorted(found))


def _rows(path: Path) -> tuple[dict[str, object], ...]:
    """The rows of a file as it is now, each content parsed once a process."""
    stat = path.stat()
    return _parsed(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _parsed(path: Path, inode: int, size: int, changed: int) -> tuple[dict[str, object], ...]:
    """What names something in each row; what is no row is said by those who need it to be one (``evidence.adoptions``)."""
    found = []
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            found.append({key: row.get(key) for key in ("measure", "indicator")})
    return tuple(found)
