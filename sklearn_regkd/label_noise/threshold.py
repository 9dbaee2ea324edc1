"""Which labels are wrong: thresholds on the distance between label and teacher."""

import warnings
from numbers import Real
from typing import ClassVar

import numpy as np
from scipy.special import erfcinv, expit

from sklearn_regkd.label_noise.verdict import Verdict
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from sklearn_regkd.utils.constraints import ConstrainedParams
from sklearn_regkd.utils.sklearn_compat import Interval, StrOptions

FALLBACK_MULTIPLE = 3.0
THRESHOLDS = ("paper", "chauvenet")


def paper_threshold(sigma: float, n_samples: int, expected: float = 2.0) -> float:
    """Return the rejection threshold of Takamoto et al.

    ``sigma sqrt(-2 ln(sqrt(2 pi) sigma a / N))``: the error beyond which N
    Gaussian errors are expected to leave fewer than `a` samples per unit error.

    Parameters
    ----------
    sigma : float
        Robust scale of the teacher's errors, in standardised units: sigma
        stands inside the logarithm, so the rule depends on the units.
    n_samples : int
        N above.
    expected : float, default=2.0
        a above; 2 in the implementation that was read.

    Returns
    -------
    float
        The threshold. Where the logarithm's argument reaches 1 the density
        lies under `a` everywhere and the rule does not apply: the threshold is
        then 3 sigma (ours; the paper's way is not known).

    References
    ----------
    .. [1] M. Takamoto, Y. Morishita, H. Imaoka, "An efficient method of
       training small models for regression problems with knowledge
       distillation", MIPR 2020, arXiv 2002.12597.

    Examples
    --------
    >>> from sklearn_regkd.label_noise.threshold import paper_threshold
    >>> round(paper_threshold(0.1, 1000), 3)
    0.39
    """
    share = np.sqrt(2 * np.pi) * sigma * expected / n_samples
    if sigma <= 0:
        return 0.0
    return float(sigma * (np.sqrt(-2 * np.log(share)) if share < 1 else FALLBACK_MULTIPLE))


def chauvenet_threshold(sigma: float, n_samples: int, expected: float = 0.5) -> float:
    """Return Chauvenet's threshold, the scale-free sibling of the paper's.

    ``k sigma`` with ``N erfc(k / sqrt 2) = a``: beyond it, N Gaussian errors
    are expected to leave `a` samples in all. Multiplying the errors by a
    factor multiplies the threshold by the same factor.

    Parameters
    ----------
    sigma : float
        Robust scale of the teacher's errors, in any units.
    n_samples : int
        N above.
    expected : float, default=0.5
        a above; Chauvenet's own value is one half.

    Returns
    -------
    float
        The threshold; 3 sigma where `expected` is not below `n_samples`.

    References
    ----------
    .. [1] J. R. Taylor, "An Introduction to Error Analysis", 2nd edition,
       chapter 6, 1997.

    Examples
    --------
    >>> from sklearn_regkd.label_noise.threshold import chauvenet_threshold
    >>> round(chauvenet_threshold(1.0, 1000), 2)
    3.48
    """
    share = expected / n_samples
    return float(sigma * (np.sqrt(2) * erfcinv(share) if share < 1 else FALLBACK_MULTIPLE))


class ThresholdRule(ConstrainedParams):
    """Reject a label whose distance from the teacher reaches a threshold.

    Parameters
    ----------
    threshold : {"paper", "chauvenet"} or float, default="paper"
        ``"paper"`` is :func:`paper_threshold`, ``"chauvenet"`` the scale-free
        :func:`chauvenet_threshold`; a number k > 0 means k robust standard
        deviations of the teacher's errors.
    expected : float, default=None
        How many good labels the rule expects beyond the threshold (per unit
        error for ``"paper"``). None means 2 for ``"paper"`` and 0.5 for
        ``"chauvenet"``; a fixed number has no use for it.

    Notes
    -----
    The probability of an inlier follows from the threshold: a label at
    distance e is a good one with probability ``f(e) / (f(e) + f(threshold))``,
    f the Gaussian density of good errors. It is the posterior of a mixture
    whose wrong labels are spread evenly at the density that the threshold
    stands for, so one half is crossed exactly at the threshold.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.label_noise.threshold import ThresholdRule
    >>> error = np.array([[-0.1], [0.0], [0.1], [9.0]])
    >>> ThresholdRule(threshold=3.0).detect(error).inlier.ravel()
    array([ True,  True,  True, False])
    """

    constraints: ClassVar = {
        "threshold": [StrOptions(set(THRESHOLDS)), Interval(Real, 0, None, closed="neither")],
        "expected": [None, Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, threshold="paper", expected=None):
        self.threshold = threshold
        self.expected = expected

    def detect(self, error: np.ndarray, used_rows: np.ndarray | None = None) -> Verdict:
        """Decide which labels are wrong.

        Parameters
        ----------
        error : ndarray of shape (n_samples, n_outputs)
            Label minus teacher, standardised.
        used_rows : ndarray of bool of shape (n_samples,), default=None
            Rows from which the scale is learned (those of positive weight); None means all.

        Returns
        -------
        Verdict
            On every row, used or not.

        Raises
        ------
        ValueError
            If `threshold` or `expected` is not one of the values above.

        Warns
        -----
        UserWarning
            If the teacher's errors have a MAD of 0, in which case all labels
            of that output are trusted, or if more than half of the labels of
            an output are rejected.
        """
        self.validate()
        known = error if used_rows is None else error[used_rows]
        sigma = robust_sigma(known)
        threshold = np.array([self._threshold(s, len(known)) for s in sigma])
        for output in np.flatnonzero(sigma == 0):
            threshold[output] = np.inf
            if np.any(known[:, output] != 0):
                warnings.warn(
                    f"more than half of the teacher's errors on output {output} are the same "
                    "number (MAD of 0), as when a teacher has learned its labels by heart: no "
                    "label of this output is rejected. Hand over an unfitted teacher, so that "
                    "it predicts rows that it has not seen.",
                    stacklevel=2,
                )
        distance = np.abs(error)
        inlier = distance < threshold
        safe = np.where(sigma > 0, sigma, 1.0)
        with np.errstate(over="ignore", invalid="ignore"):
            log_odds = ((threshold / safe) ** 2 - (distance / safe) ** 2) / 2
        probability = np.where(np.isinf(threshold), 1.0, expit(log_odds))
        rejected = 1 - np.mean(inlier if used_rows is None else inlier[used_rows], axis=0)
        for output in np.flatnonzero(rejected > 0.5):
            warnings.warn(
                f"the teacher rejects {rejected[output]:.0%} of the labels of output {output}: "
                "is it biased, or does it predict in other units than y?",
                stacklevel=2,
            )
        return Verdict(
            inlier=inlier,
            inlier_probability=probability,
            sigma=sigma,
            threshold=threshold,
            rules=(self,) * error.shape[1],
            mixtures=(None,) * error.shape[1],
        )

    def _threshold(self, sigma: float, n_samples: int) -> float:
        if self.threshold == "paper":
            return paper_threshold(
                sigma, n_samples, 2.0 if self.expected is None else self.expected
            )
        if self.threshold == "chauvenet":
            expected = 0.5 if self.expected is None else self.expected
            return chauvenet_threshold(sigma, n_samples, expected)
        return float(self.threshold * sigma)
