"""How far off the student is: pure tensor functions, and the criterion above them."""

from sklearn_regkd.losses.attentive import attentive_loss
from sklearn_regkd.losses.barron import barron_loss
from sklearn_regkd.losses.bounded import bounded_loss
from sklearn_regkd.losses.deviance import gamma_loss, poisson_loss
from sklearn_regkd.losses.quantile import quantile_loss
from sklearn_regkd.losses.robust import absolute_error, huber_loss, squared_error, tukey_loss
from sklearn_regkd.losses.tor import tor_loss
from sklearn_regkd.losses.wing import wing_loss

__all__ = [
    "absolute_error",
    "attentive_loss",
    "barron_loss",
    "bounded_loss",
    "gamma_loss",
    "huber_loss",
    "poisson_loss",
    "quantile_loss",
    "squared_error",
    "tor_loss",
    "tukey_loss",
    "wing_loss",
]
