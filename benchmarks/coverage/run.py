"""How often do the 95 % intervals that audiobench prints contain the truth? Writes a Markdown table.

    python benchmarks/coverage/run.py [--replicates 2400] [--jobs 2] [--out coverage.md] [--only TEXT]

Unclustered proportions are computed exactly (no simulation) at the worst true accuracy. Everything else is simulated:
every line is a family of truths (a grid), `worst` the lowest coverage of any cell of that grid. Every cell is screened
with an eighth of the replicates; those below 95.5 % there are measured afresh with all of them, so that the table
shows neither luck nor the bad luck of the lowest of many. Exits with 1 when a cell lies below 93 %
(`FLOORS` names the families for which less is known and documented).
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from audiobench.statistics.intervals import Interval, mean, proportion, ratio, wilson
from audiobench.statistics.listening import retention_interval
from audiobench.statistics.macro import macro_average
from audiobench.statistics.paired import paired_difference
from audiobench.statistics.scaling import scaling

FLOOR = 0.93
FLOORS = {"ratio, uneven clusters": 0.90, "paired difference, uneven clusters": 0.79}
"""Families known to fall short of `FLOOR` where a few clips hold most questions; docs/statistics.md says so."""
DOUBTFUL = 0.955


@dataclass(frozen=True)
class Cell:
    """One truth: `draw(rng)` makes an experiment and returns its interval (None: no statement was made)."""

    name: str
    truth: float
    draw: Callable[[np.random.Generator], Interval | None]
    replicates: float = 1.0
    """Share of the asked number of replicates (bootstraps are slow)."""


@dataclass(frozen=True)
class Measured:
    name: str
    coverage: float | None
    """Of the intervals that were stated; None where none was."""
    replicates: int
    """Intervals that were stated."""


def correlated(rng: np.random.Generator, p: float, icc: float, clusters: int) -> np.ndarray:
    """A probability for each cluster, with mean p and intra-cluster correlation icc (beta-binomial)."""
    if icc == 0:
        return np.full(clusters, p)
    return rng.beta(p * (1 - icc) / icc, (1 - p) * (1 - icc) / icc, clusters)


def cluster_keys(clusters: int, uneven: bool) -> np.ndarray:
    sizes = np.resize([1, 2, 3, 4, 6, 8], clusters) if uneven else np.full(clusters, 4)
    return np.repeat(np.arange(clusters), sizes)


def clustered_proportions() -> Iterator[Cell]:
    for count, uneven, p, icc in itertools.product(
        (5, 10, 20, 50, 200), (False, True), (0.5, 0.78, 0.9, 0.95, 0.99), (0.0, 0.3, 0.9)
    ):
        keys = cluster_keys(count, uneven)

        def draw(rng, count=count, p=p, icc=icc, keys=keys):
            return proportion(
                (rng.random(len(keys)) < correlated(rng, p, icc, count)[keys]).astype(float), keys.tolist()
            )

        yield Cell(f"{count} clusters, {'1-8' if uneven else '4'} each, p={p}, icc={icc}", p, draw)


def zipf(clusters: int, exponent: float, n: int) -> np.ndarray:
    """Sizes of clusters that fall off as 1 / rank ** exponent, about n values in all, at least one each."""
    weights = 1 / np.arange(1, clusters + 1) ** exponent
    return np.maximum(1, np.round(weights / weights.sum() * n)).astype(int)


UNEVEN = {
    "one of 300, ten of 1": np.array([300] + [1] * 10),
    "one of 100, a hundred of 1": np.array([100] + [1] * 100),
    "one of 50, ten of 5": np.array([50] + [5] * 10),
    "Zipf 1.2, 6 clusters, n=300": zipf(6, 1.2, 300),
    "Zipf 1.3, 10 clusters, n=300": zipf(10, 1.3, 300),
    "Zipf 1.2, 40 clusters, n=1000": zipf(40, 1.2, 1000),
    "Zipf 1, 100 clusters, n=1000": zipf(100, 1.0, 1000),
    "Zipf 1.2, 200 clusters, n=2000": zipf(200, 1.2, 2000),
    "two of 50": np.array([50, 50]),
    "two, 75 and 25": np.array([75, 25]),
    "two, 95 and 5": np.array([95, 5]),
}
"""Designs where a few clips hold most of the questions, by name: the size of each cluster."""


def stated(interval: Interval) -> Interval | None:
    return interval if interval.method != "none" else None


def uneven_proportions() -> Iterator[Cell]:
    for (name, sizes), p, icc in itertools.product(UNEVEN.items(), (0.5, 0.8, 0.95), (0.0, 0.3, 0.9)):
        keys = np.repeat(np.arange(len(sizes)), sizes)

        def draw(rng, sizes=sizes, p=p, icc=icc, keys=keys):
            hits = rng.random(len(keys)) < correlated(rng, p, icc, len(sizes))[keys]
            return stated(proportion(hits.astype(float), keys.tolist()))

        yield Cell(f"{name}, p={p}, icc={icc}", p, draw, 0.5)


def uneven_differences() -> Iterator[Cell]:
    for (name, sizes), (gain, loss), icc in itertools.product(
        UNEVEN.items(), ((0.1, 0.02), (0.2, 0.1)), (0.0, 0.3, 0.9)
    ):
        keys = np.repeat(np.arange(len(sizes)), sizes)

        def draw(rng, gain=gain, loss=loss, icc=icc, keys=keys):
            d = changes(rng, gain, loss, icc, keys)
            a = (d == -1) | ((d == 0) & (np.arange(len(keys)) % 4 > 0))
            return stated(paired_difference(a.astype(float), a + d.astype(float), keys.tolist()))

        yield Cell(f"{name}, {gain:.1%} gained, {loss:.1%} lost, icc={icc}", gain - loss, draw, 0.5)


def uneven_ratios() -> Iterator[Cell]:
    for (name, sizes), rate in itertools.product(UNEVEN.items(), (0.02, 0.08)):
        keys = np.repeat(np.arange(len(sizes)), sizes)

        def draw(rng, sizes=sizes, keys=keys, rate=rate):
            words = rng.integers(5, 31, len(keys))
            edits = rng.poisson(rng.gamma(2, rate / 2, len(sizes))[keys] * words)
            return stated(ratio(edits, words, keys.tolist(), seed=int(rng.integers(2**31)), resamples=1000))

        yield Cell(f"WER {rate:.1%}, {name}", rate, draw, 0.25)


def epochs() -> Iterator[Cell]:
    for n, k, p, icc in itertools.product((10, 30, 100, 500), (4, 8), (0.5, 0.8, 0.95), (0.1, 0.5, 0.9)):

        def draw(rng, n=n, k=k, p=p, icc=icc):
            return proportion(rng.binomial(k, correlated(rng, p, icc, n)) / k, epochs=k)

        yield Cell(f"n={n}, {k} epochs, p={p}, icc={icc}", p, draw)


def ratings() -> Iterator[Cell]:
    shares = {"high": [0.05, 0.1, 0.15, 0.4, 0.3], "spread": [0.2] * 5, "mostly 5": [0.02, 0.03, 0.05, 0.1, 0.8]}
    scale = np.arange(1, 6)
    for n, (name, share) in itertools.product((30, 50, 200), shares.items()):

        def draw(rng, n=n, share=share):
            return mean(rng.choice(scale, n, p=share), seed=int(rng.integers(2**31)), resamples=1000)

        yield Cell(f"ratings 1-5 ({name}), n={n}", float(scale @ np.array(share)), draw, 0.5)
    for n in (30, 50, 200):

        def draw(rng, n=n):
            return mean(rng.lognormal(0, 0.5, n), seed=int(rng.integers(2**31)), resamples=1000)

        yield Cell(f"latency, log-normal (sigma 0.5), n={n}", float(np.exp(0.125)), draw, 0.5)
    for count in (10, 40):

        def draw(rng, count=count):
            latent = np.repeat(rng.normal(0, 0.7, count), 5) + rng.normal(0, 0.7, count * 5)
            keys = np.repeat(np.arange(count), 5).tolist()
            return mean(latent + 3, keys, seed=int(rng.integers(2**31)), resamples=1000)

        yield Cell(f"scores in {count} clusters of 5", 3.0, draw, 0.5)


def word_error_rates() -> Iterator[Cell]:
    for n, rate, shape in itertools.product((30, 50, 200, 1000), (0.005, 0.02, 0.08, 0.3), (0.3, 1.0)):

        def draw(rng, n=n, rate=rate, shape=shape):
            words = rng.integers(5, 31, n)
            edits = rng.poisson(rng.gamma(shape, rate / shape, n) * words)
            return ratio(edits, words, seed=int(rng.integers(2**31)), resamples=1000)

        yield Cell(f"WER {rate:.1%}, {n} utterances, gamma shape {shape}", rate, draw, 0.25 if n > 100 else 0.5)
    for speakers, rate in itertools.product((10, 20, 50), (0.02, 0.08)):

        def draw(rng, speakers=speakers, rate=rate):
            n = speakers * 10
            keys = np.repeat(np.arange(speakers), 10)
            words = rng.integers(5, 31, n)
            edits = rng.poisson(rng.gamma(0.6, 1 / 0.6, n) * rng.gamma(2, rate / 2, speakers)[keys] * words)
            return ratio(edits, words, keys.tolist(), seed=int(rng.integers(2**31)), resamples=1000)

        yield Cell(f"WER {rate:.1%}, {speakers} speakers of 10 utterances", rate, draw, 0.5)


CHANGES = ((0.05, 0.05), (0.1, 0.02), (0.01, 0.01), (0.005, 0.0), (0.2, 0.1), (0.3, 0.0))


@lru_cache(maxsize=200_000)
def unclustered_difference(gained: int, lost: int, n: int) -> Interval:
    a = [0.0] * gained + [1.0] * (n - gained)
    b = [1.0] * gained + [0.0] * lost + [1.0] * (n - gained - lost)
    return paired_difference(a, b)


def paired_differences() -> Iterator[Cell]:
    for n, (gain, loss) in itertools.product((10, 20, 50, 100, 200, 1000), CHANGES):

        def draw(rng, n=n, gain=gain, loss=loss):
            gained, lost, _ = rng.multinomial(n, [gain, loss, 1 - gain - loss])
            return unclustered_difference(int(gained), int(lost), n)

        yield Cell(f"n={n}, {gain:.1%} gained, {loss:.1%} lost", gain - loss, draw)


def changes(rng: np.random.Generator, gain: float, loss: float, icc: float, keys: np.ndarray) -> np.ndarray:
    """-1, 0 or 1 for each sample; clusters share their chances (Dirichlet-multinomial)."""
    shares = np.maximum([gain, loss, 1 - gain - loss], 1e-9)
    count = keys[-1] + 1
    chances = (rng.dirichlet(shares * (1 - icc) / icc, count) if icc else np.tile(shares, (count, 1)))[keys]
    u = rng.random(len(keys))
    return np.where(u < chances[:, 0], 1, np.where(u < chances[:, 0] + chances[:, 1], -1, 0))


def clustered_differences() -> Iterator[Cell]:
    for count, uneven, (gain, loss), icc in itertools.product(
        (5, 10, 20, 50, 200), (False, True), CHANGES, (0.0, 0.3, 0.9)
    ):
        keys = cluster_keys(count, uneven)

        def draw(rng, gain=gain, loss=loss, icc=icc, keys=keys):
            d = changes(rng, gain, loss, icc, keys)
            a = (d == -1) | ((d == 0) & (np.arange(len(keys)) % 4 > 0))
            return paired_difference(a.astype(float), a + d.astype(float), keys.tolist())

        each = "1-8" if uneven else "4"
        yield Cell(f"{count} clusters, {each} each, {gain:.1%} gained, {loss:.1%} lost, icc={icc}", gain - loss, draw)


def score_differences() -> Iterator[Cell]:
    for n, shift in itertools.product((30, 50, 200), (0.0, 0.3)):

        def draw(rng, n=n, shift=shift):
            base = rng.normal(3.5, 0.8, n)
            a, b = base + rng.normal(0, 0.5, n), base + shift + rng.gamma(1, 0.5, n) - 0.5
            return paired_difference(a, b, seed=int(rng.integers(2**31)))

        yield Cell(f"judge scores, n={n}, shift {shift}", shift, draw, 0.25)


def budget_gains() -> Iterator[Cell]:
    budgets = (0, 256, 1024, 4096)
    x = np.log2(np.array(budgets) + 1)
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum() * (x[-1] - x[0])
    for n, curve, noise in itertools.product(
        (20, 50, 200), ((0.6,) * 4, (0.5, 0.55, 0.6, 0.65), (0.95, 0.96, 0.96, 0.97), (0.7, 0.6, 0.55, 0.5)), (0.2, 1.0)
    ):

        def draw(rng, n=n, curve=curve, noise=noise):
            shared = rng.random((n, 1))
            u = np.where(rng.random((n, 4)) < noise, rng.random((n, 4)), shared)
            return scaling((u < np.array(curve)).astype(float), budgets).gain_interval

        yield Cell(f"n={n}, accuracy {curve}, noise {noise}", float(weights @ np.array(curve)), draw, 0.25)


def macro_averages() -> Iterator[Cell]:
    for tasks in (((50, 0.5), (200, 0.8), (1000, 0.98)), ((100, 0.9),) * 6, ((20, 0.99), (20, 0.95), (20, 0.6))):

        def draw(rng, tasks=tasks):
            hits = [(int(rng.binomial(n, p)), n) for n, p in tasks]
            return macro_average([k / n for k, n in hits], [binomial_interval(k, n) for k, n in hits])[1]

        yield Cell(f"tasks (n, p) {tasks}", float(np.mean([p for _, p in tasks])), draw)


@lru_cache(maxsize=10_000)
def binomial_interval(k: int, n: int) -> Interval:
    return proportion([1.0] * k + [0.0] * (n - k))


RETENTIONS = [
    *itertools.product((50, 200, 1000), ((0.8, 0.3), (0.75, 0.5), (0.6, 0.55)), (0.5,), (0.0,)),
    # Controls that leave next to nothing right, or that a deaf model answers nearly alike.
    *itertools.product((60, 120, 200), ((0.9, 0.01), (0.9, 0.02), (0.9, 0.05), (0.6, 0.03)), (0.0, 0.5), (0.0,)),
    *itertools.product((60, 200), ((0.95, 0.9), (0.99, 0.5), (0.5, 0.1)), (0.0, 0.95), (0.0,)),
    *itertools.product((60, 200), ((0.9, 0.3), (0.9, 0.25), (0.6, 0.3), (0.95, 0.9), (0.9, 0.02)), (0.0, 0.5), (0.25,)),
]
"""n, (accuracy with the sound, without), share of samples answered alike under both, chance."""


def retentions() -> Iterator[Cell]:
    for n, (full, control), alike, chance in RETENTIONS:

        def draw(rng, n=n, full=full, control=control, alike=alike, chance=chance):
            u = rng.random(n)
            mixed = np.where(rng.random(n) < alike, u, rng.random(n))
            interval = retention_interval((u < full).astype(float), (mixed < control).astype(float), chance=chance)
            return interval if interval.method != "none" else None

        name = f"n={n}, full {full}, control {control}, alike {alike}" + (f", chance {chance}" if chance else "")
        yield Cell(name, (control - chance) / (full - chance), draw)


def clustered_retentions() -> Iterator[Cell]:
    """Clips of 4 questions that share their luck with probability 0.6."""
    grid = ((0.9, 0.01), (0.9, 0.05), (0.8, 0.3), (0.75, 0.5))
    for clusters, (full, control), alike in itertools.product((20, 50, 100), grid, (0.0, 0.5)):
        keys = np.repeat(np.arange(clusters), 4)

        def draw(rng, keys=keys, clusters=clusters, full=full, control=control, alike=alike):
            n = len(keys)
            u, v = (np.where(rng.random(n) < 0.6, rng.random(clusters)[keys], rng.random(n)) for _ in range(2))
            mixed = np.where((rng.random(clusters) < alike)[keys], u, v)
            interval = retention_interval((u < full).astype(float), (mixed < control).astype(float), keys.tolist())
            return interval if interval.method != "none" else None

        yield Cell(f"{clusters} clips of 4, full {full}, control {control}, alike {alike}", control / full, draw)


FAMILIES: dict[str, Callable[[], Iterator[Cell]]] = {
    "proportion, clustered": clustered_proportions,
    "proportion, uneven clusters": uneven_proportions,
    "proportion over epochs": epochs,
    "mean of scores": ratings,
    "ratio (corpus WER)": word_error_rates,
    "ratio, uneven clusters": uneven_ratios,
    "paired difference, right/wrong": paired_differences,
    "paired difference, clustered": clustered_differences,
    "paired difference, uneven clusters": uneven_differences,
    "paired difference, scores": score_differences,
    "gain over budgets (scaling)": budget_gains,
    "macro average": macro_averages,
    "retention (MOVER-R)": retentions,
    "retention, clustered": clustered_retentions,
}


def screened(family: str, index: int, replicates: int) -> Measured:
    """Coverage of one cell: a quick look, and a fresh full measurement where that is not clearly enough."""
    quick = measure(family, index, replicates // 8)
    doubtful = quick.coverage is not None and quick.coverage < DOUBTFUL
    return measure(family, index, replicates, stage=1) if doubtful else quick


def measure(family: str, index: int, replicates: int, stage: int = 0) -> Measured:
    """Coverage of one cell; its seed depends on its place and stage only."""
    cell = next(itertools.islice(FAMILIES[family](), index, None))
    rng = np.random.default_rng([list(FAMILIES).index(family), index, stage])
    hits = made = 0
    for _ in range(int(replicates * cell.replicates)):
        interval = cell.draw(rng)
        if interval is None:
            continue
        made += 1
        hits += interval.low - 1e-12 <= cell.truth <= interval.high + 1e-12
    return Measured(cell.name, hits / made if made else None, made)


def exact_proportion(n: int, interval: Callable[[int, int], Interval]) -> tuple[float, float, float]:
    """(worst coverage over the true p, that p, mean coverage over p), by summing the binomial distribution."""
    from scipy.stats import binom

    k = np.arange(n + 1)
    bounds = [interval(int(i), n) for i in k]
    low, high = np.array([b.low for b in bounds]), np.array([b.high for b in bounds])
    even = np.linspace(0.0005, 0.9995, 1999)
    edges = np.clip(np.concatenate([low - 1e-9, low + 1e-9, high - 1e-9, high + 1e-9]), 1e-6, 1 - 1e-6)

    def coverage(p: np.ndarray) -> np.ndarray:
        parts = []
        for chunk in np.array_split(p, max(1, len(p) * n // 2_000_000)):
            inside = (low <= chunk[:, None]) & (chunk[:, None] <= high)
            parts.append((binom.pmf(k, n, chunk[:, None]) * inside).sum(axis=1))
        return np.concatenate(parts)

    points = np.concatenate([even, edges])
    values = coverage(points)
    worst = int(values.argmin())
    return float(values[worst]), float(points[worst]), float(values[: len(even)].mean())


def main() -> int:
    """Measure, print and write the tables; 1 when any cell lies below the floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=2400)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", metavar="TEXT", help="only the families whose name contains this")
    arguments = parser.parse_args()
    started = time.perf_counter()
    lines = [
        "| n | `proportion`: worst | at p | mean | plain Wilson: worst | at p | mean |",
        "|---|---|---|---|---|---|---|",
    ]
    low = []
    for n in (5, 10, 20, 50, 51, 75, 100, 115, 200, 500, 1000):
        ours, plain = exact_proportion(n, binomial_interval), exact_proportion(n, wilson)
        lines.append(f"| {n} | " + " | ".join(f"{w:.3f} | {p:.3f} | {m:.3f}" for w, p, m in (ours, plain)) + " |")
        if ours[0] < FLOOR:
            low.append(f"proportion n={n}: {ours[0]:.3f}")
    lines += [
        "",
        "| interval | cells | no interval stated | replicates of the worst | worst | its standard error | where | mean over cells |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for family, cells in FAMILIES.items():
            if arguments.only and arguments.only not in family:
                continue
            count = sum(1 for _ in cells())
            done = list(pool.map(screened, [family] * count, range(count), [arguments.replicates] * count))
            covered = {m.name: (m.coverage, m.replicates) for m in done if m.coverage is not None}
            name, (coverage, replicates) = min(covered.items(), key=lambda item: item[1][0])
            error = np.sqrt(coverage * (1 - coverage) / replicates)
            lines.append(
                f"| {family} | {count} | {count - len(covered)} | {replicates} | {coverage:.3f} "
                f"| {error:.3f} | {name} | {np.mean([c for c, _ in covered.values()]):.3f} |"
            )
            print(f"{time.perf_counter() - started:6.0f} s  {lines[-1]}", file=sys.stderr, flush=True)
            low += [f"{family}: {cell}: {c:.3f}" for cell, (c, _) in covered.items() if c < FLOORS.get(family, FLOOR)]
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
    for line in low:
        print(f"below the floor: {line}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    raise SystemExit(main())
