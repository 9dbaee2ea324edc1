"""How far off the student is: pure tensor functions, and the criterion above them."""

from sklearn_regkd.losses.robust import absolute_error, huber_loss, squared_error, tukey_loss
from sklearn_regkd.losses.tor import tor_loss

__all__ = ["absolute_error", "huber_loss", "squared_error", "tor_loss", "tukey_loss"]
