"""What stands in a panel and a design where streamed data have no single units.

Data that are streamed are reduced to moments of cohorts on their way: nothing of the size of the
units is kept. An estimator that is linear in the cohorts' means does not notice. Whoever asks for
single units (covariates, leaving units out, randomisation) gets an error that says so, not a
wrong number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from scale_impact.errors import StreamedError


@dataclass(frozen=True, eq=False)
class Withheld:
    """In place of an array over units or observations: its length is known, its entries are not.

    Attributes
    ----------
    what:
        What the entries would be, in words.
    size:
        How many there are.
    known:
        What is known instead: of the units' cohorts the moments, of the outcomes what a pass
        over them found.
    """

    what: str
    size: int
    known: Any = None

    def __len__(self) -> int:
        return self.size

    def refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Say why there is nothing to see.

        Raises
        ------
        StreamedError
            Always.
        """
        raise StreamedError(
            f"The data are streamed and kept as moments of cohorts: {self.what} cannot be had. Leave out what needs single units "
            "(covariates, unit weights, leaving units out, randomisation by unit), or read the data whole: `stream: false` in the source's card, "
            "`Panel.from_frame` in Python."
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python and numpy ask for many of these, and take no for an answer
            raise AttributeError(name)
        self.refuse()

    __hash__ = object.__hash__
    __array__ = __array_ufunc__ = __getitem__ = __iter__ = __contains__ = __invert__ = __neg__ = refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __and__ = __or__ = refuse
