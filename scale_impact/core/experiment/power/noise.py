"""Noise: outcomes of cities in which nothing happens, from the past or from a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Cities of one simulated trial: mean outcomes [clusters, periods], and other columns of theirs, of the same shape."""

    outcomes: Floats
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Noise(Protocol):
    """Where outcomes without an effect come from."""

    def draw(self, clusters: int, periods: int, size: int | None, rng: np.random.Generator) -> Drawn:
        """Mean outcomes of cities by period, and what else is known of them."""

    @property
    def words(self) -> str:
        """What they are, in a sentence."""


@dataclass(frozen=True, eq=False)
class FromData:
    """Paths of real cities over periods that follow each other: whatever ties periods and cities together stays in them.

    Attributes
    ----------
    table:
        [N, T], outcomes before the start.
    columns:
        [N, T] each: columns that the study's estimator names, which go with the cities.
    """

    table: Floats
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def draw(self, clusters: int, periods: int, size: int | None, rng: np.random.Generator) -> Drawn:
        """Cities without replacement as long as there are enough, over one stretch of periods."""
        n, t = self.table.shape
        first = int(rng.integers(t - periods + 1))
        chosen = rng.choice(n, clusters, replace=clusters > n)
        window = slice(first, first + periods)
        return Drawn(
            self.table[chosen, window], {name: values[chosen, window] for name, values in self.columns.items()}
        )

    @property
    def words(self) -> str:
        """Where the noise is from."""
        n, t = self.table.shape
        return (
            f"Outcomes are those of the {n} units in the {t} periods before the start: real paths, drawn with replacement where a trial "
            "has more cities than there are, which makes them more alike than new cities would be."
        )


@dataclass(frozen=True)
class FromModel:
    """The model of Hussey and Hughes (2007, equation 1) with decay between periods (Hooper et al. 2016).

    The outcome of a person varies with standard deviation ``sd``; the share ``icc`` of the variance is between cities in
    one period, of which ``cac`` stays from one period to another.

    Attributes
    ----------
    mean, sd, icc, cac:
        Mean and standard deviation of a person's outcome, intra-cluster correlation, cluster autocorrelation.
    """

    mean: float
    sd: float
    icc: float
    cac: float

    def draw(self, clusters: int, periods: int, size: int | None, rng: np.random.Generator) -> Drawn:
        """City means over ``size`` people, others in each period."""
        stays, passes, people = np.sqrt(self.parts(size))
        city = stays * rng.standard_normal((clusters, 1))
        noise = np.hypot(passes, people) * rng.standard_normal((clusters, periods))
        return Drawn(np.asarray(self.mean + city + noise))

    def parts(self, size: int | None) -> tuple[float, float, float]:
        """Variances of a city's mean: that stays, that passes with the period, and that of the people measured."""
        total = self.sd**2
        return total * self.icc * self.cac, total * self.icc * (1 - self.cac), total * (1 - self.icc) / (size or 1)

    @property
    def words(self) -> str:
        """The model in a sentence."""
        return (
            f"Outcomes follow a model: people vary with standard deviation {self.sd:g}, intra-cluster correlation {self.icc:g}, cluster "
            f"autocorrelation {self.cac:g}, other people in each period (Hussey and Hughes 2007; Hooper et al. 2016). Real outcomes are rarely so kind."
        )


def gls_variance(treated: Floats, noise: FromModel, size: int | None) -> float:
    """Variance of the effect by generalised least squares with known variances (Hussey and Hughes 2007, equation 8).

    ``treated`` [clusters, periods] says who is treated when.
    """
    n, t = treated.shape
    stays, passes, people = noise.parts(size)
    within = np.linalg.inv(stays * np.ones((t, t)) + (passes + people) * np.eye(t))
    designs = np.concatenate([np.broadcast_to(np.eye(t), (n, t, t)), treated[:, :, None]], axis=2)
    information = np.einsum("ntk,ts,nsl->kl", designs, within, designs)
    return float(np.linalg.inv(information)[-1, -1])
