"""Where things lie: the project's folders, found from where the user stands."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from scale_impact.core.words import nearest
from scale_impact.errors import StudyError, UsageError

ROOT_VARIABLE = "SCALE_IMPACT_ROOT"
"""Names the project's folder where it cannot be found from the working folder."""

OUT_VARIABLE = "SCALE_IMPACT_OUT"
RUN_VARIABLE = "SCALE_IMPACT_RUN_ID"
"""Set by a run for its notebook: where results go, and which run they are of."""

CHANGED_DATA_VARIABLE = "SCALE_IMPACT_CHANGED_DATA"
"""Set to ``read`` by `verify` alone, for its notebooks: data whose hash is not the card's are read, and that is said."""


@dataclass(frozen=True)
class Project:
    """A project folder with notebooks/, studies/ and data/."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """The project around a folder (default: the working folder), or the one this package lies in.

        Raises
        ------
        UsageError
            There is none.
        """
        named = os.environ.get(ROOT_VARIABLE)
        here = (start or Path.cwd()).resolve()
        candidates = [Path(named)] if named else [here, *here.parents, Path(__file__).resolve().parents[2]]
        for folder in candidates:
            data, studied = folder / "data", (folder / "studies").is_dir()
            rows_alone = studied and (data / "indicators").is_dir()  # for studies without data of their own
            if (folder / "notebooks").is_dir() and ((data / "sources").is_dir() or rows_alone):
                return cls(folder)
            if studied and (folder / "notebooks").is_dir():
                raise UsageError(
                    f"{folder.name}/ has studies/ and notebooks/, but no data/sources/: it is no whole project."
                )
        raise UsageError(
            f"No project found from {here} upwards: a project has notebooks/, studies/ and data/sources/. Go to its folder, "
            f"or name it in {ROOT_VARIABLE}."
        )

    @property
    def studies(self) -> Path:
        """The folder of all studies."""
        return self.root / "studies"

    @property
    def papers(self) -> Path:
        """The folder of evidence that others have published, a CSV a collection."""
        return self.root / "data" / "evidence"

    def template(self, name: str) -> Path:
        """The notebook of a template."""
        return self.root / "notebooks" / f"{name}.ipynb"

    def source(self, name: str) -> Path:
        """The card of a source."""
        return self.root / "data" / "sources" / f"{name}.yaml"

    def measure(self, name: str) -> Path:
        """The card of a measure."""
        return self.root / "data" / "measures" / f"{name}.yaml"

    @property
    def indicators(self) -> Path:
        """The indicator catalogue."""
        return self.root / "data" / "indicators" / "catalogue.csv"

    def keys(self, kind: str) -> tuple[str, ...]:
        """Names of what there is of a kind: templates, sources, measures or studies."""
        if kind == "studies":
            return tuple(sorted(p.parent.name for p in self.studies.glob("*/study.yaml")))
        folder, ending = {
            "templates": (self.root / "notebooks", ".ipynb"),
            "sources": (self.root / "data" / "sources", ".yaml"),
            "measures": (self.root / "data" / "measures", ".yaml"),
        }[kind]
        return tuple(sorted(p.name.removesuffix(ending) for p in folder.glob(f"*{ending}")))

    def relative(self, path: Path) -> str:
        """A path as a user of the project writes it."""
        try:
            return path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return path.as_posix()


def study_folder(name: str | Path) -> Path:
    """The folder of a study: a slug under studies/, a folder, or its study.yaml.

    Raises
    ------
    StudyError
        There is none; the nearest slug is offered.
    """
    given = Path(name)
    folder = given.parent if given.name == "study.yaml" else given
    places, project = [folder], None
    try:
        project = Project.find()
        places += [] if ".." in folder.parts else [project.root / folder, project.studies / folder]
    except UsageError:
        if os.environ.get(ROOT_VARIABLE):
            raise
    for place in places:
        if (place / "study.yaml").is_file():
            return _inside(place)
    raise StudyError(
        f"There is no study {str(name)!r}: no study.yaml in {', '.join(map(str, _tidy(places)))}. "
        f"{nearest(given.name, project.keys('studies') if project is not None else ())}"
    )


def _inside(folder: Path) -> Path:
    """The folder of a study as it really lies; one that a link leads out of its project is refused."""
    real, studies = folder.resolve(), Path(os.path.abspath(folder)).parent
    whole = studies.name == "studies" and (studies.parent / "notebooks").is_dir()
    if whole and not real.is_relative_to(studies.parent.resolve()):
        raise StudyError(
            f"studies/{folder.name} is a link to {real}, outside of its project: results would be written there. Copy the study "
            "into studies/, or name its own folder."
        )
    return real


def _tidy(places: list[Path]) -> list[str]:
    here = Path.cwd()
    whole = dict.fromkeys(p if p.is_absolute() else here / p for p in places)
    return [p.relative_to(here).as_posix() if p.is_relative_to(here) else p.as_posix() for p in whole]
