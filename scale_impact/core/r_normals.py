"""Normal draws as R makes them, so that results that R simulates can be had again, digit by digit.

R's defaults: Mersenne Twister, seeded through a linear congruential generator, and normals by
inversion of a uniform number with 54 random bits.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BITS = 2.0**27
"""R puts two uniform numbers together: 27 bits of the first, then the second."""


@lru_cache(maxsize=8)
def standard_normals(n: int, seed: int = 0) -> Floats:
    """What ``set.seed(seed); rnorm(n)`` gives in R (3.6 or newer), [n].

    Source: Matsumoto and Nishimura (1998); R Core Team, src/main/RNG.c and snorm.c.
    """
    from scipy.special import ndtri

    raw = _twister(seed).random_raw(2 * n).astype(float) * 2.0**-32
    uniform = np.clip(raw, 2.0**-33, 1 - 2.0**-33)
    draws: Floats = ndtri((np.floor(BITS * uniform[0::2]) + uniform[1::2]) / BITS)
    draws.flags.writeable = False
    return draws


def _twister(seed: int) -> np.random.MT19937:
    """The generator in the state that R's ``set.seed`` leaves."""
    state = seed
    for _ in range(51):  # 50 to scramble the seed, one for a counter that R overwrites
        state = (69069 * state + 1) % 2**32
    key = np.empty(624, dtype=np.uint32)
    for k in range(624):
        state = (69069 * state + 1) % 2**32
        key[k] = state
    generator = np.random.MT19937()
    generator.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": 624}}
    return generator
