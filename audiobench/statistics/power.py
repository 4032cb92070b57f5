"""What a number of samples can show: the minimum detectable effect (MDE).

All effects are fractions (0.01 = one percentage point). Source: Miller 2024, arXiv 2411.00640, section on power.
"""

from __future__ import annotations

from math import inf, sqrt

from audiobench.statistics.distributions import normal_quantile

RULE_OF_THREE = 3
"""None seen of n still allows about 3/n (95 %): fewer discordant pairs than this are counted as this many."""


def mde(standard_error: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true effect that a two-sided test finds with chance `power`: (z_{1-alpha/2} + z_power) * SE."""
    return _factor(alpha, power) * standard_error


def mde_from_variance(variance: float, n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The MDE of the mean of n independent values (paired differences) with this variance; inf for n = 0."""
    return mde(sqrt(variance / n), alpha, power) if n > 0 else inf


def mde_paired(gained: int, lost: int, n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """The MDE of a paired comparison of n right/wrong samples of which gained + lost changed.

    The variance of a paired difference is about (gained + lost) / n; fewer than 3 changes are counted as 3. At most
    1.0, the largest difference there is; inf for n = 0.
    """
    if n <= 0:
        return inf
    discordance = min(1.0, max(gained + lost, RULE_OF_THREE) / n)
    return min(1.0, mde_from_variance(discordance, n, alpha, power))


def _factor(alpha: float, power: float) -> float:
    if not (0 < alpha < 1 and 0 < power < 1):
        raise ValueError(f"alpha={alpha} and power={power} must lie between 0 and 1")
    return normal_quantile(1 - alpha / 2) + normal_quantile(power)
