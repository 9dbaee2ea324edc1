"""The short names of the outlier rules."""

from numbers import Real
from typing import Any

import numpy as np

from sklearn_regkd.label_noise.local_fdr import LocalFDRRule
from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.label_noise.threshold import THRESHOLDS, ThresholdRule

Rule = ThresholdRule | MixtureRule | LocalFDRRule


def default_threshold() -> ThresholdRule:
    """Return the rule for errors on both sides: 3 robust standard deviations."""
    return ThresholdRule(3.0)


def resolve_rule(outliers: Any) -> Rule | None:
    """Turn the short name of an outlier rule, or a rule, into a valid rule; None stays None.

    Parameters
    ----------
    outliers : {"paper", "chauvenet", "mad", "mixture", "fdr"}, float, rule object or None
        ``"mad"`` is 3 robust standard deviations (1.4826 MAD), a number that many.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if outliers is None:
        return None
    rule = outliers
    if isinstance(outliers, bool):
        rule = None
    elif outliers == "mixture":
        rule = MixtureRule()
    elif outliers == "fdr":
        rule = LocalFDRRule()
    elif outliers == "mad":
        rule = default_threshold()
    elif outliers in THRESHOLDS or (isinstance(outliers, Real) and 0 < float(outliers) < np.inf):
        rule = ThresholdRule(outliers)
    if isinstance(rule, Rule):
        rule.validate()
        return rule
    raise ValueError(
        f"outliers={outliers!r} is unknown; known: None, 'auto', {', '.join(THRESHOLDS)}, mad, "
        "mixture, fdr, a number > 0, a ThresholdRule, a MixtureRule or a LocalFDRRule"
    )
