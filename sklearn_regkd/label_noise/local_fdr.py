"""Which labels are wrong, as a probability: the local false discovery rate of each error."""

from numbers import Real
from typing import ClassVar

import numpy as np
from scipy.special import expit, gammaln
from scipy.stats import t as student_t

from sklearn_regkd.label_noise.verdict import Verdict
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.utils.constraints import ConstrainedParams
from sklearn_regkd.utils.sklearn_compat import Interval

# Tails of good errors that are tried, from those of house prices to next to Gaussian ones.
DEGREES_OF_FREEDOM = (2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 30.0)
# Most errors of wrong labels are larger than so many scales of the good ones, fewer and fewer
# smaller, by that power. From 2 on, half as many labels again as were wrong were expected to be;
# from 3 on, a fifth more (3 % wrong labels on eight tables).
NEAREST, POWER = 3.0, 3
MOST_WRONG = 0.6
FEWEST = 20
ROUNDS = 30
# What more errors would tell about the two kinds is not worth their time.
MOST_FITTED = 20_000


class LocalFDRRule(ConstrainedParams):
    """Say how probable it is that a label is wrong, and reject it above one half.

    Errors are taken for two groups [1]_: those of good labels, of Student's t distribution, whose
    scale and degrees of freedom are fitted, and those of wrong ones, whose logarithm is spread
    evenly from three scales to the largest error, with few below (ours: mistakes have no typical
    size, a slipped point is off by ten times or by a thousand). Errors above and below 0 are
    fitted apart, for good errors may be skewed. The probability is the share of the second
    group's density, times the probability that there is such a group: heavy tails alone may
    explain the large errors, and the Bayesian information criterion weighs the two.

    Parameters
    ----------
    cutoff : float, default=0.5
        Probability of being wrong from which a label is rejected.

    References
    ----------
    .. [1] B. Efron, "Large-scale inference: empirical Bayes methods for estimation, testing, and
       prediction", chapter 5, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.label_noise.local_fdr import LocalFDRRule
    >>> error = np.random.default_rng(0).normal(size=(500, 1))
    >>> LocalFDRRule().detect(error).inlier.all()
    np.True_
    >>> error[:10] = 20.0
    >>> np.flatnonzero(~LocalFDRRule().detect(error).inlier)
    array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """

    constraints: ClassVar = {"cutoff": [Interval(Real, 0, 1, closed="neither")]}

    def __init__(self, cutoff=0.5):
        self.cutoff = cutoff

    def detect(self, error: np.ndarray, used_rows: np.ndarray | None = None) -> Verdict:
        """Decide which labels are wrong.

        Parameters
        ----------
        error : ndarray of shape (n_samples, n_outputs)
            Label minus prediction; where errors are larger in some rows, divided by what is
            usual there.
        used_rows : ndarray of bool of shape (n_samples,), default=None
            Rows from which the groups are learned (those of positive weight); None means all.

        Returns
        -------
        Verdict
            Its `threshold` is NaN: it may be another one on either side.
        """
        self.validate()
        known = error if used_rows is None else error[used_rows]
        wrong = np.column_stack(
            [
                wrong_label_probability(column, of_known)
                for column, of_known in zip(error.T, known.T, strict=True)
            ]
        )
        n_outputs = error.shape[1]
        return Verdict(
            inlier=wrong <= self.cutoff,
            inlier_probability=1 - wrong,
            sigma=np.asarray(robust_sigma(known)),
            threshold=np.full(n_outputs, np.nan),
            rules=(self,) * n_outputs,
            mixtures=(None,) * n_outputs,
        )


def wrong_label_probability(error: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Return the probability that each label is wrong; see :class:`LocalFDRRule`.

    Parameters
    ----------
    error : ndarray of shape (n_samples,)
        Label minus prediction.
    known : ndarray of shape (n_known,), default=None
        The errors from which the two groups are learned; None means `error`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.label_noise.local_fdr import wrong_label_probability
    >>> error = np.r_[-50.0, np.linspace(-2, 2, 98), 50.0]
    >>> wrong_label_probability(error)[[0, 50, 99]].round(2)
    array([1., 0., 1.])
    """
    known = error if known is None else known
    probability, log_odds = np.zeros(len(error)), 0.0
    for sign in (1, -1):
        side = sign * error > 0
        # Where many labels are met exactly there is less than half of the errors on each side.
        probability[side], gained = _of_one_side(sign * error[side], sign * known[sign * known > 0])
        log_odds += gained
    # Who makes mistakes makes them in both directions, mostly: both sides tell whether there are.
    return expit(log_odds) * probability


def _of_one_side(size: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, float]:
    """Return what is probable of errors on one side of 0, and what speaks for wrong labels there.

    Parameters
    ----------
    size : ndarray of shape (n_samples,)
        Absolute errors.
    known : ndarray of shape (n_known,)
        Those from which the groups are learned.

    Returns
    -------
    probability : ndarray of shape (n_samples,)
        Of being wrong, if some labels are.
    log_odds : float
        That some are against none, by the Bayesian information criterion.
    """
    if len(known) < FEWEST:
        return np.zeros(len(size)), 0.0
    if len(known) > MOST_FITTED:
        known = np.random.RandomState(0).choice(known, MOST_FITTED, replace=False)
    unit = np.median(known)
    known, size = known / unit, size / unit
    without, fits = -np.inf, []
    for degrees in DEGREES_OF_FREEDOM:
        good = float(1 / student_t.ppf(0.75, degrees))
        for _ in range(ROUNDS):
            good = float(np.sqrt(np.mean(_pull(known, degrees, good) * known**2)))
        without = max(without, float(_log_good(known, degrees, good).sum()))
        fits.append(_fit_two_groups(known, degrees))
    likelihood, share, degrees, scale = max(fits)
    largest = known.max()
    good_density = (1 - share) * np.exp(_log_good(size, degrees, scale))
    wrong = share * _wrong(np.minimum(size, largest), scale, largest)
    # Two more numbers than one group has: the share of wrong labels, and their largest error.
    return wrong / (wrong + good_density + 1e-300), likelihood - without - np.log(len(known))


def _fit_two_groups(size: np.ndarray, degrees: float) -> tuple[float, float, float, float]:
    """Return log-likelihood, share of wrong labels, degrees of freedom and scale of good errors."""
    share, scale, largest = 0.05, float(1 / student_t.ppf(0.75, degrees)), size.max()
    for _ in range(ROUNDS):
        wrong = share * _wrong(size, scale, largest)
        both = wrong + (1 - share) * np.exp(_log_good(size, degrees, scale)) + 1e-300
        good = 1 - wrong / both
        scale = float(np.sqrt((good * _pull(size, degrees, scale) * size**2).sum() / good.sum()))
        share = float(np.clip(1 - good.mean(), 1e-6, MOST_WRONG))
    return float(np.log(both).sum()), share, degrees, scale


def _pull(size: np.ndarray, degrees: float, scale: float) -> np.ndarray:
    """Return the weight of each error in the scale of Student's t distribution."""
    return (degrees + 1) / (degrees + (size / scale) ** 2)


def _log_good(size: np.ndarray, degrees: float, scale: float) -> np.ndarray:
    """Return the logarithm of the density of the absolute value of Student's t."""
    constant = gammaln((degrees + 1) / 2) - gammaln(degrees / 2) - np.log(degrees * np.pi) / 2
    shape = (degrees + 1) / 2 * np.log1p((size / scale) ** 2 / degrees)
    return np.log(2 / scale) + constant - shape


def _wrong(size: np.ndarray, scale: float, largest: float) -> np.ndarray:
    """Return the density of wrong labels' errors: even in the logarithm, from three scales on."""
    nearest = NEAREST * scale
    mass = max(np.log(largest / nearest), 2.0) + 1 / (POWER + 1)
    share_there = np.minimum(size / nearest, 1) ** POWER
    return share_there / (np.maximum(size, nearest) * mass)
