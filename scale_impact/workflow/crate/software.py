"""The software of a crate: this package's source as it was used, and what sets it up on another machine."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from scale_impact.workflow.crate.items import Item, files_below
from scale_impact.workflow.crate.page import page

PACKAGE = Path(__file__).resolve().parents[2]
NAME = "scale-impact"

SETUP = {
    "pyproject.toml": "The package and the ranges of versions that it works with",
    "uv.lock": "Exact versions and hashes of every package, as make sets them up",
    "environment.yml": "The same packages for users of conda",
    "LICENSE": "The licence of code and texts",
    "CITATION.cff": "Who made it and how to cite it",
}
"""Files beside the package, and what they are."""


def software(slug: str, taken: frozenset[str] = frozenset()) -> list[Item]:
    """The package's source, the files that set it up, and a Makefile that verifies the study.

    Parameters
    ----------
    slug:
        The study that ``make verify`` verifies.
    taken:
        Places that the project fills itself: its own licence and citation.
    """
    source = [
        Item(f"{PACKAGE.name}/{path.relative_to(PACKAGE).as_posix()}", path, "package", "Source of scale_impact")
        for path in files_below(PACKAGE)
    ]
    setup = [item for item in set_up(PACKAGE.parent) if item.place not in taken]
    locked = any(item.place == "uv.lock" for item in setup)
    makefile = page("Makefile.j2", slug=slug, locked=locked).encode()
    return [*source, *setup, Item("Makefile", makefile, "setup", "make verify: sets up, runs again, compares")]


def package_version() -> str:
    """The version of this package."""
    return distribution(NAME).version


def set_up(folder: Path) -> list[Item]:
    """What lies beside the package's source; where it was installed without, the same from what is installed."""
    if _is_ours(folder / "pyproject.toml"):
        return [Item(n, folder / n, "setup", about) for n, about in SETUP.items() if (folder / n).is_file()]
    package = distribution(NAME)
    return [
        Item("pyproject.toml", _pyproject(package).encode(), "setup", SETUP["pyproject.toml"]),
        Item(
            "requirements.txt", "".join(f"{pin}\n" for pin in pinned(NAME)).encode(), "setup",
            "Exact versions of every package, as they were installed",
        ),
    ]  # fmt: skip


def _is_ours(path: Path) -> bool:
    """Whether a pyproject.toml is this package's: beside an installed package may lie anybody's."""
    if not path.is_file():
        return False
    return bool(tomllib.loads(path.read_text(encoding="utf-8")).get("project", {}).get("name") == NAME)


def _pyproject(package: Distribution) -> str:
    """A pyproject.toml with which the source in the crate can be installed."""
    needed = [r for r in package.requires or [] if "extra ==" not in r]
    return page(
        "pyproject.toml.j2", name=NAME, version=package.version, python=package.metadata["Requires-Python"],
        needed=[r.replace('"', "'") for r in needed], package=PACKAGE.name,
    )  # fmt: skip


def pinned(name: str) -> list[str]:
    """Everything that a package needs, as it is installed: ``pandas==3.1.1``, in order."""
    found: dict[str, str] = {}
    waiting = list(_needs(name))
    while waiting:
        next_name = _normal(waiting.pop())
        if next_name not in found and (version := _version(next_name)) is not None:
            found[next_name] = version
            waiting += _needs(next_name)
    return [f"{n}=={v}" for n, v in sorted(found.items())]


def _needs(name: str) -> Iterator[str]:
    """Names of what a package needs on some system; extras are left out."""
    for requirement in distribution(name).requires or []:
        match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
        if match and "extra ==" not in requirement:
            yield match.group()


def _version(name: str) -> str | None:
    """The version that is installed; None where this system does without the package."""
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
