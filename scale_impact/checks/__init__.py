"""Checks: one file each, and the file name is the key.

``run(panel, design, refit, *, options) -> Check``; ``refit(panel, design)`` estimates the
study's effect again, so that no check imports an estimator. A check that compares estimators has
a keyword-only parameter ``refits`` too: a mapping of their names to such functions; one that looks
at the study's interval has ``judged``, which is ``refit`` with that interval, and one that looks at all
specifications of a grid has ``curve``, which makes their curve; one that looks at all outcomes has ``profile``,
which makes their profile.

A check whose options name units, periods or columns may have ``refuse(panel, design, refit, *, options)``, too: it raises what
``run`` would, before the check is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from scale_impact.core import keys
from scale_impact.core.check import Check
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.one_thread import one_thread
from scale_impact.core.panel import Panel
from scale_impact.errors import EstimationError, StreamedError, UsageError

if TYPE_CHECKING:
    from scale_impact.core.profile.profile import Profile
    from scale_impact.core.specifications import SpecificationCurve

Refit = Callable[[Panel, Design], Effect]
Curve = Callable[..., "SpecificationCurve"]
MakeProfile = Callable[..., "Profile"]


NOBODY = "The study compares with nobody (`control: none`), and this check needs units that are not treated."
"""Of checks whose file does not say ``WITHOUT_CONTROLS = True``."""

NO_START = "The study compares exposures of one period, and this check needs units that start treatment some time."
"""Of checks whose file does not say ``EXPOSURE = True``."""


def names() -> tuple[str, ...]:
    """Keys of all checks."""
    return keys.names("checks")


def option_names(name: str) -> tuple[str, ...]:
    """Options that a check takes."""
    return keys.options("checks", name, "run")


def check(
    name: str,
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    refits: Mapping[str, Refit] | None = None,
    judged: Refit | None = None,
    curve: Curve | None = None,
    profile: MakeProfile | None = None,
    **options: Any,
) -> Check:
    """Run a check of a design and its estimate.

    Parameters
    ----------
    name:
        Key of the check: a file of ``scale_impact/checks/``.
    panel, design:
        The data, and who is compared with whom.
    refit:
        Estimates the effect for a panel and a design.
    refits, judged:
        All estimators of the study by name, the primary one first, for checks that compare them; ``refit`` with the
        study's kind of interval for the overall effect, for checks of that interval (default ``refit``).
    curve, profile:
        Make the specification curve of the study's grid, with its joint test, and the profile of its outcomes; None where
        there is no grid, no study.
    options:
        Options of the check.

    Returns
    -------
    Check, ``inapplicable`` where it needs single units and the data are streamed, or somebody to compare with and the
    design has nobody.

    Raises
    ------
    UsageError
        No such check, no such option, or one that has to be given is not.
    """
    run = keys.load("checks", name, "run")
    problems = keys.unknown_options("checks", name, "run", options)
    if problems := problems + keys.missing_options("checks", name, "run", options):
        raise UsageError(problems)
    if (reason := _not_asked(name, design)) is not None:
        return Check.inapplicable(name, reason)
    try:
        with one_thread(keys.marked("checks", name, "EXPOSURE")):  # those ask estimators of rows again and again
            found: Check = run(
                panel, design, refit, **options, **_filled(name, refits, judged or refit, curve, profile)
            )
    except StreamedError as error:
        return Check.inapplicable(name, " ".join(error.problems))
    except EstimationError as error:  # of the data as they are changed here; a study's own estimates were made before
        return Check.inapplicable(
            name, f"Asked of data that are changed, the estimator has no answer. {' '.join(error.problems)}"
        )
    return found


def refuse(name: str, panel: Panel, design: Design, refit: Refit, **options: Any) -> None:
    """Refuse options of a check that do not fit the data, where its file can say so without running it.

    Raises
    ------
    ScaleImpactError
        As the check itself.
    """
    if not keys.marked("checks", name, "refuse") or _not_asked(name, design) is not None:
        return
    known = keys.options("checks", name, "refuse")
    try:
        keys.load("checks", name, "refuse")(panel, design, refit, **{o: v for o, v in options.items() if o in known})
    except StreamedError:  # the check is inapplicable then
        return


def _not_asked(name: str, design: Design) -> str | None:
    """Why a check has nothing to ask of a kind of design; None where it has."""
    if design.control == "none" and not keys.marked("checks", name, "WITHOUT_CONTROLS"):
        return NOBODY
    return None if design.exposed is None or keys.marked("checks", name, "EXPOSURE") else NO_START


def _filled(
    name: str, refits: Mapping[str, Refit] | None, judged: Refit, curve: Curve | None, profile: MakeProfile | None
) -> dict[str, Any]:
    """What a check wants beside its options."""
    wanted = keys.filled("checks", name, "run")
    found = {k: v for k, v in {"judged": judged, "curve": curve, "profile": profile}.items() if k in wanted}
    if "refits" not in wanted:
        return found
    if not refits:
        raise UsageError(
            f"{name} compares estimators: give `refits`, such as {{'twfe': lambda p, d: estimate('twfe', p, d)}}, the primary one first."
        )
    return {**found, "refits": refits}
