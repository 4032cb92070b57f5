"""What a number of samples can show: minimum detectable effect (MDE) and the sample size that an effect needs.

All effects are fractions (0.01 = one percentage point). Source: Miller 2024, arXiv 2411.00640, section on power.
"""

from __future__ import annotations

from math import ceil, inf, sqrt

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


def samples_for_paired(effect: float, discordance: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Samples that a paired comparison needs to find `effect` when this fraction of samples changes; at least 1.

    Raises ValueError unless `effect` is positive and the discordance lies in (0, 1].
    """
    if effect <= 0 or not 0 < discordance <= 1:
        raise ValueError(f"effect={effect} must be positive and discordance={discordance} in (0, 1]")
    return max(1, ceil(_factor(alpha, power) ** 2 * discordance / effect**2))


def miller_n(
    effect: float,
    omega2: float,
    sigma2_a: float = 0.0,
    sigma2_b: float = 0.0,
    epochs_a: int = 1,
    epochs_b: int = 1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """Questions needed to find `effect` between two models (Miller 2024, sample-size formula).

    n = (z_{1-alpha/2} + z_power)^2 (omega^2 + sigma_A^2/K_A + sigma_B^2/K_B) / effect^2, with omega^2 the variance
    over questions of the difference of expected scores, sigma^2 the variance within a question, K the epochs.
    """
    if effect <= 0:
        raise ValueError(f"effect={effect} must be positive")
    return ceil(_factor(alpha, power) ** 2 * (omega2 + sigma2_a / epochs_a + sigma2_b / epochs_b) / effect**2)


def _factor(alpha: float, power: float) -> float:
    if not (0 < alpha < 1 and 0 < power < 1):
        raise ValueError(f"alpha={alpha} and power={power} must lie between 0 and 1")
    return normal_quantile(1 - alpha / 2) + normal_quantile(power)
