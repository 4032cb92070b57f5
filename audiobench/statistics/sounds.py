"""Distances between sets of sounds by what a network makes of them: Frechet distance, divergence of labels, inception score.

A Frechet distance needs of each set its number, its sum and its sum of outer products (`Moments`), which add up; so a group
of samples is left out by subtraction, and nothing is embedded twice. Sources: Heusel et al. 2017 (the distance), Kilgour et
al. 2019 (FAD), Chong & Forsyth 2020 and Gui et al. 2024 (its bias at small n, extrapolated), Salimans et al. 2016
(inception score). The unbiased covariance (n - 1) and the 1e-6 in `divergences` are those of haoheliu/audioldm_eval @8dc07ee.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import TYPE_CHECKING

from audiobench.statistics.distributions import t_quantile, t_two_sided
from audiobench.statistics.intervals import UNKNOWN, By, Interval
from audiobench.statistics.power import mde

if TYPE_CHECKING:
    import numpy as np

GROUPS = 20
"""Groups of samples that the jackknife leaves out, one at a time."""
FEWEST_GROUPS = 10
"""Fewer allow no interval."""
OFFICIAL_EPSILON = 1e-6
"""What audioldm_eval adds to the generated sound's probabilities before it takes their logarithm."""
SIZES = 8
"""Subset sizes through which the distance is extrapolated."""
DRAWS = 4
"""Subsets of each size."""


@dataclass(frozen=True, slots=True)
class Moments:
    """A set of vectors as a Frechet distance sees it; two disjoint sets add up, and a part is taken out again."""

    n: float
    total: np.ndarray
    """Sum of the vectors, shape (d,)."""
    products: np.ndarray
    """Sum of their outer products, shape (d, d)."""

    @classmethod
    def of(cls, vectors: np.ndarray) -> Moments:
        """Of vectors, shape (n, d)."""
        rows = vectors.astype(float)
        return cls(float(len(rows)), rows.sum(axis=0), rows.T @ rows)

    def __add__(self, more: Moments) -> Moments:
        return Moments(self.n + more.n, self.total + more.total, self.products + more.products)

    def __sub__(self, part: Moments) -> Moments:
        return Moments(self.n - part.n, self.total - part.total, self.products - part.products)

    @property
    def mean(self) -> np.ndarray:
        """Shape (d,)."""
        return self.total / self.n

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased, shape (d, d)."""
        import numpy as np

        mean = self.mean
        return (self.products - self.n * np.outer(mean, mean)) / (self.n - 1)


def frechet(a: Moments, b: Moments) -> float | None:
    """Squared Frechet distance of the Gaussians with these moments: |mean difference|^2 + tr(A + B - 2 (AB)^(1/2)).

    Symmetric; 0 for equal moments, up to rounding. None where a set has fewer than two vectors, or a number is not finite.
    """
    import numpy as np

    if a.n < 2 or b.n < 2 or a.total.shape != b.total.shape:
        return None
    first, second = a.covariance, b.covariance
    apart = a.mean - b.mean
    if not (np.isfinite(first).all() and np.isfinite(second).all() and np.isfinite(apart).all()):
        return None
    # tr (AB)^(1/2) is the sum of the square roots of the eigenvalues of A^(1/2) B A^(1/2), which is symmetric
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    middle = np.linalg.eigvalsh(root @ second @ root)
    together = float(np.sqrt(np.clip(middle, 0.0, None)).sum())
    return float(apart @ apart + np.trace(first) + np.trace(second) - 2 * together)


def unbounded(made: np.ndarray, reference: np.ndarray, *, seed: int = 0) -> float | None:
    """The distance at an unlimited number of generated sounds, which a finite number overstates: distances of random subsets
    (shape (n, d)) of `made` against all of `reference`, as a line over 1/n, at 1/n = 0.

    None where a subset would have fewer sounds than twice the vectors' width: the line is not straight there.
    """
    import numpy as np

    n, width = made.shape
    smallest = max(2 * width, n // 4)
    if n < 2 * smallest:
        return None
    rng, whole = np.random.default_rng(seed), Moments.of(reference)
    inverse: list[float] = []
    distances: list[float] = []
    for size in [round(smallest + step * (n - smallest) / (SIZES - 1)) for step in range(SIZES)]:
        for _ in range(DRAWS if size < n else 1):
            found = frechet(Moments.of(made[rng.permutation(n)[:size]]), whole)
            if found is None:
                return None
            inverse.append(1 / size)
            distances.append(found)
    return float(np.polyfit(inverse, distances, 1)[1])


def softmax(logits: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    import numpy as np

    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def divergences(reference: np.ndarray, made: np.ndarray, epsilon: float = OFFICIAL_EPSILON) -> np.ndarray:
    """KL(reference || made) of each pair's label distributions, in nats; logits of shape (n, classes) in, shape (n,) out."""
    import numpy as np

    of = softmax(reference.astype(float))
    return (of * (np.log(of, out=np.zeros_like(of), where=of > 0) - np.log(softmax(made.astype(float)) + epsilon))).sum(
        -1
    )


def inception(probabilities_sum: np.ndarray, negative_entropy_sum: float, n: float) -> float:
    """The exponential of the mean KL divergence of each sound's label distribution from their mean, of the whole set at once: from the
    sum of the distributions (shape (classes,)) and of their sum p log p.
    """
    import numpy as np

    mean = probabilities_sum / n
    of_mean = float((mean * np.log(mean, out=np.zeros_like(mean), where=mean > 0)).sum())
    return float(np.exp(negative_entropy_sum / n - of_mean))


def inception_splits(logits: np.ndarray, splits: int = 10, seed: int = 2020) -> tuple[float, float]:
    """(mean, standard deviation) of the inception scores of `splits` parts of the shuffled set, as audioldm_eval prints it."""
    import numpy as np

    rows = logits.astype(float)[np.random.RandomState(seed).permutation(len(logits))]
    found: list[float] = []
    for number in range(splits):
        part = rows[number * len(rows) // splits : (number + 1) * len(rows) // splits]
        if not len(part):
            return float("nan"), float("nan")
        p = softmax(part)
        entropy = float((p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum())
        found.append(inception(p.sum(axis=0), entropy, float(len(p))))
    return float(np.mean(found)), float(np.std(found))


# ---- intervals and tests of figures of whole sets -----------------------------------------------------------------------

Figure = Callable[[Sequence[int] | None], float | None]
"""The figure without the samples at these places; None = of all."""


def groups_of(n: int, clusters: Sequence[Hashable] | None, *, seed: int = 0) -> list[list[int]]:
    """The places 0..n-1 in at most `GROUPS` random groups of like size that keep clusters together."""
    import numpy as np

    keys: Sequence[Hashable] = range(n) if clusters is None else clusters
    units: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        units.setdefault(key, []).append(place)
    listed = list(units.values())
    order = np.random.default_rng(seed).permutation(len(listed))
    made: list[list[int]] = [[] for _ in range(min(GROUPS, len(listed)))]
    for number, place in enumerate(map(int, order)):
        made[number % len(made)].extend(listed[place])
    return made


def jackknife(figure: Figure, groups: Sequence[Sequence[int]]) -> tuple[float, float] | None:
    """(standard error, degrees of freedom) by leaving out one group at a time; None where that allows no statement."""
    if len(groups) < FEWEST_GROUPS:
        return None
    without = [figure(group) for group in groups]
    known = [value for value in without if value is not None]
    if len(known) < len(groups):
        return None
    centre, count = sum(known) / len(known), len(known)
    return sqrt((count - 1) / count * sum((value - centre) ** 2 for value in known)), count - 1.0


def interval(figure: Figure, n: int, clusters: Sequence[Hashable] | None = None, *, lowest: float = -inf) -> Interval:
    """95 % interval of a figure of `n` samples by the grouped jackknife: of what it comes to on average at this n, so that the
    bias of a Frechet distance at small n is not in it. (A bootstrap would add that bias a second time.)
    """
    value = figure(None)
    if value is None:
        return UNKNOWN
    found = jackknife(figure, groups_of(n, clusters))
    if found is None:
        return Interval(value, value, By.NONE)
    half = found[0] * t_quantile(0.975, found[1])
    return Interval(max(lowest, value - half), value + half, By.JACKKNIFE.over(clusters is not None))


@dataclass(frozen=True, slots=True)
class Change:
    """A difference of two figures of the same samples."""

    interval: Interval
    p: float
    p_less: float
    p_greater: float
    mde: float


def change(figure: Figure, n: int, clusters: Sequence[Hashable] | None, widest: float) -> Change:
    """What is known of a difference: `figure` gives it, paired, without the samples at some places."""
    value = figure(None)
    found = jackknife(figure, groups_of(n, clusters))
    if value is None or found is None:
        return Change(Interval(-widest, widest, By.NONE), 1.0, 1.0, 1.0, inf)
    error, freedom = found
    half = error * t_quantile(0.975, freedom)
    if not error:
        return Change(Interval(value, value, By.JACKKNIFE.over(clusters is not None)), float(value == 0),
                      float(value >= 0), float(value <= 0), inf)  # fmt: skip
    tail = t_two_sided(value / error, freedom) / 2
    above = tail if value > 0 else 1 - tail
    return Change(
        Interval(value - half, value + half, By.JACKKNIFE.over(clusters is not None)),
        2 * tail, 1 - above, above, mde(error),
    )  # fmt: skip
