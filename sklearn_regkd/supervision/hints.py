"""Hints: the student's hidden layer learns what happens inside the teacher."""

from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn_regkd.supervision.strategy import Strategy, TeacherInterface
from sklearn_regkd.supervision.targets import Targets
from sklearn_regkd.utils.sklearn_compat import Interval

LEAVES = "leaves"


class Hints(Strategy):
    """Tell the student what happens inside the teacher.

    A linear adapter on the student's last hidden layer is trained to predict the
    hints, together with the student and by the squared error; it is
    dropped afterwards. Columns of the hints are standardised.

    Parameters
    ----------
    layer : "leaves" or str, default="leaves"
        ``"leaves"``: in which leaf of each tree a row ends, of a teacher made of
        trees. Otherwise the name of a layer of a torch teacher, as in
        ``named_modules()``, whose output is the hint.
    weight : float, default=0.1
        Weight of the hints in the loss.
    n_components : int, default=32
        Values per row. A hint of more is projected to as many at random,
        which keeps distances between rows.
    attentive : bool, default=False
        Whether rows on which teacher and label contradict each other count less,
        by the attention of :func:`~sklearn_regkd.losses.attentive.attention`.

    Notes
    -----
    FitNets [1]_ train the first half of a student on hints before anything
    else; here hints and targets are learned at the same time, which is one
    training instead of two and needs no depth. The attentive weight is that of [2]_.
    A random projection of leaf memberships is our own: two rows are near each
    other if the trees treat them alike.

    References
    ----------
    .. [1] A. Romero et al., "FitNets: hints for thin deep nets", ICLR 2015,
       arXiv 1412.6550.
    .. [2] M. R. U. Saputra et al., "Distilling knowledge from a deep pose
       regressor network", ICCV 2019, arXiv 1908.00858.

    Examples
    --------
    >>> from sklearn_regkd import DistilledRegressor
    >>> from sklearn_regkd.supervision.hints import Hints
    >>> DistilledRegressor(hints=Hints(weight=0.3)).get_params()["hints__weight"]
    0.3
    """

    argument = "hints"
    short_names = (LEAVES,)

    constraints: ClassVar = {
        "layer": [str],
        "weight": [Interval(Real, 0, None, closed="left")],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "attentive": ["boolean"],
    }

    def __init__(self, layer=LEAVES, weight=0.1, n_components=32, attentive=False):
        self.layer = layer
        self.weight = weight
        self.n_components = n_components
        self.attentive = attentive

    def apply(self, targets: Targets, data: Any, teacher: TeacherInterface) -> Targets:
        """Add the hints of each row."""
        return targets.change(hints=teacher.hint_features(self.layer, self.n_components))

    def criterion_params(self) -> dict[str, Any]:
        """Return weight and attention of the hints."""
        return {"hint_weight": self.weight, "attentive_hints": self.attentive}

    def validate(self) -> None:
        """Raise a ValueError if a parameter has none of the known values."""
        super().validate()
        if not self.layer:
            raise ValueError("layer must be 'leaves' or the name of a layer, got ''")

    @classmethod
    def from_short(cls, given: Any) -> Any:
        """Return hints by the name of any layer, or what was given."""
        return cls(given) if isinstance(given, str) else given

    @classmethod
    def in_words(cls) -> str:
        """Return what :meth:`from_short` takes, for error messages."""
        return f"{super().in_words()}, the name of a layer of a torch teacher"
