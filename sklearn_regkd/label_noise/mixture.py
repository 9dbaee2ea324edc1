"""Which labels are wrong where they crowd on one side: a mixture of two kinds of errors."""

import warnings
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar, Self

import numpy as np
from scipy.stats import norm, t

from sklearn_regkd.label_noise.verdict import Verdict
from sklearn_regkd.preprocessing.robust_stats import half_sample_mode, robust_sigma
from sklearn_regkd.utils.constraints import ConstrainedParams
from sklearn_regkd.utils.sklearn_compat import Interval

DEGREES_OF_FREEDOM = 5
ROUNDS = 60
# |e| has its 0.35 quantile there, for Student's t of 5 degrees and scale 1.
CENTRAL_QUANTILE, CENTRAL_VALUE = 0.35, 0.4822
LARGEST_SHARE = 0.5
MOST_SIGMA = 1000.0
LEAST_SCALE = 1e-9  # of the range of errors; below it, most of them are the same number
SMALLEST = 1e-150  # whose square is still a number
GOOD_REACH, WRONG_REACH = 10.0, 5.0


@dataclass(frozen=True)
class Mixture:
    """Two kinds of errors: those of good labels and those of wrong ones.

    Parameters
    ----------
    share : float
        Share of the wrong labels.
    location, scale : float
        Student's t distribution (5 degrees of freedom) of good labels' errors.
    outlier_location, outlier_scale : float
        Normal distribution of wrong labels' errors.
    """

    share: float
    location: float
    scale: float
    outlier_location: float
    outlier_scale: float

    @property
    def separation(self) -> float:
        """Distance between the two kinds, in scales of the good one."""
        return abs(self.outlier_location - self.location) / self.scale

    def scaled(self, factor: float) -> Self:
        """Return the same mixture in other units, `factor` times as many."""
        return type(self)(
            self.share,
            self.location * factor,
            self.scale * factor,
            self.outlier_location * factor,
            self.outlier_scale * factor,
        )

    def out_of_reach(self, error: np.ndarray) -> np.ndarray:
        """Return which errors are too far from both kinds to belong to either.

        Far out the heavy tail of good errors is above the normal density of
        wrong ones, which must not make the farthest labels trusted.
        """
        reach = max(
            GOOD_REACH * self.scale,
            self.separation * self.scale + WRONG_REACH * self.outlier_scale,
        )
        return np.abs(error - self.location) > reach

    def inlier_probability(self, error: np.ndarray) -> np.ndarray:
        """Return the probability that each label is a good one."""
        # Squares must not overflow; whatever is that far is out of reach anyway.
        error = error.clip(self.location - 1e9 * self.scale, self.location + 1e9 * self.scale)
        with np.errstate(over="ignore", under="ignore"):
            good = t.logpdf((error - self.location) / self.scale, DEGREES_OF_FREEDOM)
            good += np.log((1 - self.share) / self.scale)
            wrong = norm.logpdf((error - self.outlier_location) / self.outlier_scale)
            wrong += np.log(self.share / self.outlier_scale)
            return 1 / (1 + np.exp(np.clip(wrong - good, -700, 700)))


def fit_mixture(error: np.ndarray) -> Mixture:
    """Fit the two kinds of errors by expectation maximisation.

    It starts from the half-sample mode and the spread around it. Good errors
    have heavy tails (Student's t), wrong ones a normal distribution that may
    be wide and centred (gross errors) or narrow and aside (a shift), but never
    narrower than the good one.

    Parameters
    ----------
    error : ndarray of shape (n_samples,)
        Label minus teacher. Beyond 1,000 robust standard deviations it makes no
        difference how far: a single absurd error must not become a kind of its own.
    """
    center, sigma = np.median(error), robust_sigma(error)
    if sigma > SMALLEST:
        error = error.clip(center - MOST_SIGMA * sigma, center + MOST_SIGMA * sigma)
    location = half_sample_mode(error)
    scale = np.quantile(np.abs(error - location), CENTRAL_QUANTILE) / CENTRAL_VALUE
    far = np.abs(error - location) > 2.5 * scale
    least = max(LEAST_SCALE * np.ptp(error), SMALLEST)
    if not scale > least or far.sum() < 3:
        scale = max(scale, np.std(error), SMALLEST)
        return Mixture(1e-12, location, scale, location, 5 * scale)
    share = np.clip(far.mean(), 0.02, 0.45)
    outlier_location = error[far].mean()
    outlier_scale = max(error[far].std(), scale)
    for _ in range(ROUNDS):
        mixture = Mixture(share, location, scale, outlier_location, outlier_scale)
        good = mixture.inlier_probability(error)
        # The t distribution as a normal one of varying precision.
        pull = (DEGREES_OF_FREEDOM + 1) / (DEGREES_OF_FREEDOM + ((error - location) / scale) ** 2)
        location = np.average(error, weights=good * pull + 1e-300)
        variance = (good * pull * (error - location) ** 2).sum() / (good.sum() + 1e-300)
        scale = max(np.sqrt(variance), least)
        wrong = 1 - good
        share = np.clip(wrong.mean(), 0.005, LARGEST_SHARE)
        outlier_location = np.average(error, weights=wrong + 1e-300)
        spread = np.sqrt(np.average((error - outlier_location) ** 2, weights=wrong + 1e-300))
        outlier_scale = max(spread, scale)
    return Mixture(share, location, scale, outlier_location, outlier_scale)


class MixtureRule(ConstrainedParams):
    """Reject the labels that more probably belong to the second of two kinds of errors.

    Nothing else comes near it where many labels are wrong in the same
    direction. Where clean errors have two humps it takes one of them for
    wrong labels: ``outliers="auto"`` uses it only with evidence.

    Parameters
    ----------
    max_share : float, default=0.5
        The largest share of labels that may be rejected; above, all labels
        are trusted, with a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.label_noise.mixture import MixtureRule
    >>> error = np.r_[np.linspace(-1, 1, 70), np.linspace(9, 11, 30)][:, None]
    >>> int((~MixtureRule().detect(error).inlier).sum())
    30
    """

    constraints: ClassVar = {"max_share": [Interval(Real, 0, 1, closed="right")]}

    def __init__(self, max_share=0.5):
        self.max_share = max_share

    def detect(self, error: np.ndarray, used_rows: np.ndarray | None = None) -> Verdict:
        """Decide which labels are wrong.

        Parameters
        ----------
        error : ndarray of shape (n_samples, n_outputs)
            Label minus teacher.
        used_rows : ndarray of bool of shape (n_samples,), default=None
            Rows from which the mixture is learned (those of positive weight); None means all.

        Returns
        -------
        Verdict
            Its `threshold` is NaN: a mixture has none that holds on both sides.
        """
        self.validate()
        known = error if used_rows is None else error[used_rows]
        probability = np.ones(error.shape)
        sigma = np.empty(error.shape[1])
        mixtures: list[Mixture | None] = [None] * error.shape[1]
        for output in range(error.shape[1]):
            mixture = fit_mixture(known[:, output])
            sigma[output] = mixture.scale
            column = mixture.inlier_probability(error[:, output])
            column[mixture.out_of_reach(error[:, output])] = 0.0
            rejected = np.mean((column if used_rows is None else column[used_rows]) < 0.5)
            if rejected > self.max_share:
                warnings.warn(
                    f"the mixture rejects {rejected:.0%} of the labels of output {output}, more "
                    f"than max_share={self.max_share:g}: all of them are trusted instead",
                    stacklevel=2,
                )
                continue
            probability[:, output], mixtures[output] = column, mixture
        return Verdict(
            inlier=probability >= 0.5,
            inlier_probability=probability,
            sigma=sigma,
            threshold=np.full(error.shape[1], np.nan),
            rules=(self,) * error.shape[1],
            mixtures=tuple(mixtures),
        )
