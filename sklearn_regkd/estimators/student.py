"""A small neural network as a scikit-learn regressor: the baseline, and the student."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from torch import Tensor

from sklearn_regkd.estimators.in_domain import InDomainMixin, note_training_rows
from sklearn_regkd.estimators.params import check_student_params
from sklearn_regkd.estimators.partial_fit import PartialFitMixin
from sklearn_regkd.estimators.student_training import train_student
from sklearn_regkd.estimators.targets import check_labels, loss_of, scaling_for
from sklearn_regkd.networks.inference import InferenceNetwork, inference_networks
from sklearn_regkd.networks.inputs import TransformedRows
from sklearn_regkd.persistence.estimator_file import saveable
from sklearn_regkd.persistence.mixin import SaveMixin
from sklearn_regkd.persistence.student_file import student_from_plain, student_to_plain
from sklearn_regkd.preprocessing.columns import TableColumns
from sklearn_regkd.preprocessing.folds import check_groups
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.preprocessing.validation import (
    check_fit_data,
    check_predict_data,
    check_weight,
    like_y,
)
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.supervision.validation_targets import ValidationTargets
from sklearn_regkd.training.device import device_of
from sklearn_regkd.training.torch_state import in_plain_torch, plain_arithmetic, plain_torch
from sklearn_regkd.training.train import forward
from sklearn_regkd.utils.sklearn_compat import (
    CallbackSupportMixin,
    all_or_nothing,
    check_fitted,
    with_callbacks,
)


@saveable
class StudentRegressor(
    PartialFitMixin, InDomainMixin, SaveMixin, CallbackSupportMixin, RegressorMixin, BaseEstimator
):
    """A small neural network for regression, trained by skorch.

    On its own it is the baseline that distillation has to beat; given to
    :class:`TORRegressor` or :class:`DistilledRegressor` as `student` it says
    what the student looks like and how it is trained.

    Inputs and targets are taken in raw units: both are standardised inside,
    and the scaling is a part of the network.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(64, 64)
        Width of each hidden layer; an integer means one layer, ``()`` a linear
        model. Not used with `module`.
    activation : {"silu", "relu", "gelu", "tanh"}, default="silu"
        Activation of the hidden layers. Not used with `module`.
    loss : name or callable, default="squared_error"
        Loss against the labels. ``"absolute_error"``, ``"huber"``, ``"tukey"``, ``"wing"``,
        ``"barron"`` and ``"barron_learned"`` are robust against wrong labels. Huber's,
        Tukey's and Barron's take the scale of an ordinary residual from the
        batches (1.4826 MAD, averaged over batches). A function or module of
        ``(prediction, label)``, tensors of shape (n_rows, n_outputs) in standardised
        units, returns one loss per element. ``"poisson"`` (counts and other labels >= 0) and
        ``"gamma"`` (labels > 0, errors relative to what is predicted) are deviances: the network
        predicts the logarithm, so that predictions are positive. ``"quantile"`` is the loss of
        the level `quantile`. For a student that is distilled, the `loss` of
        DistilledRegressor goes before it, and TORRegressor has the loss of its paper.
    quantile : float, default=0.5
        Level of the quantile that is predicted with ``loss="quantile"``, between 0 and 1.
    lr : float, default=0.02
        Learning rate; without early stopping the peak of a one-cycle
        schedule, with it constant.
    max_epochs : int or "auto", default="auto"
        Passes over the training rows. ``"auto"`` takes as many as make 1,000
        training steps, about 32 above 4,000 rows, fewer above 40,000, and at least
        10: what a small network needs is steps.
    batch_size : int or "auto", default="auto"
        Rows per training step, at most; batches are of nearly equal size. ``"auto"`` takes 128;
        of up to 2,000 rows 64, if `max_epochs` is ``"auto"``, `module` None and the decay below 10.
    optimizer : {"adamw", "sgd"} or torch.optim.Optimizer class, default="adamw"
        Optimizer. There is no ``"adam"``: with ``weight_decay=0`` AdamW is Adam.
    weight_decay : float or "auto", default="auto"
        Decay of the weights; biases are left alone. ``"auto"`` tries 0.1, 1 and 10 on
        held-out rows, at once, then what lies on either side of the best, out of 0.03, 0.3,
        3 and 30: many clean rows want little, few or noisy ones much. The student of a
        DistilledRegressor that trusts all of 300 or more labels is tried with its teacher, and
        with 0.003 and 0.01 as well. With `module` it means 0.03.
    embedding : {"periodic"} or None, default="periodic"
        How numbers enter the network: beside each input sines and cosines of it,
        of log-spaced frequencies, as many as keep the first layer small. None is
        the plain multi-layer perceptron. Not used with `module`.
    input_transform : {"quantile", "standard"}, default="quantile"
        ``"quantile"`` replaces each number by its normal score, by a table of at
        most 128 knots: units, skew and wild values of a feature do not matter
        then, and beyond the values seen in fit the prediction stays what it is at
        the edge. ``"standard"`` subtracts the mean and divides by the standard
        deviation. With `module` it is always ``"standard"``.
    categorical_features : "from_dtype", sequence of int, str or bool, or None, \
            default="from_dtype"
        Columns that hold categories. ``"from_dtype"`` takes those that a pandas or
        polars frame declares as such; else integers are positions, text names columns of a
        frame, and booleans are a mask. Such columns of an array hold codes from 0; after a
        frame, `predict` takes the same categories in an array of objects as well.
        Each of the 64 most frequent categories becomes an input; one that was not
        seen in fit, or is missing, sets none of them. Only with
        ``input_transform="quantile"``.
    missing_values : {"error", "indicator"}, default="error"
        Whether NaN in X is refused, or taken as the median together with an input
        that says so. Only with ``input_transform="quantile"``.
    clip_predictions : bool, default=False
        Whether predictions are clipped to the range of the labels that were taken for right: of
        all, or of those that a distillation estimator has not rejected. For targets that
        cannot be beyond it, such as shares; where y may grow, it would hide that. What is
        exported or saved clips as well. Set it before `fit`.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their loss no longer falls, and
        keep the weights of the best epoch.
    validation_fraction : float, default=0.1
        Share of the rows that early stopping holds out.
    n_iter_no_change : int, default=10
        Epochs without improvement that early stopping waits for.
    module : callable or skorch.NeuralNet, default=None
        Another network than the built-in one. An ``nn.Module`` class or a
        factory, called with ``n_outputs`` and ``n_features`` (or
        ``input_shape`` where X has more than two dimensions: (channels, height, width)
        or (height, width)), returning a module of output shape (n_samples, n_outputs); see
        :mod:`~sklearn_regkd.networks.cnn` for images. Or an uninitialised
        skorch net for full control: its own learning rate, epochs, batches,
        optimizer, callbacks, split, iterators and device hold, and those of
        this estimator are not used; its criterion is replaced.
    module_params : dict, default=None
        Further arguments of `module`.
    net_params : dict, default=None
        Further arguments of the skorch net, such as ``callbacks``,
        ``iterator_train`` or ``optimizer__betas``. Callbacks are added to
        ours, everything else replaces ours.
    augment : callable, default=None
        Changes the inputs of each training batch, and only of those: called as
        ``augment(X, generator)`` with a tensor (n_rows, ...) of raw inputs of the type of X
        (uint8 stays uint8) on the CPU, which it may overwrite, and a ``torch.Generator`` that
        `random_state` decides. It returns a tensor of the same shape; labels stay what they are.
        Only with `module`.
    device : str, default="auto"
        Where the network is trained, and all copies of it. ``"auto"`` takes CUDA where there
        is one and a step is worth it: at least a million multiply-adds forward, which are
        the rows of a batch times the weights (of a `module`, always). Else the CPU.
    checkpoint : str or path-like, default=None
        File in which the state of the training is kept, about once a second. If the process is
        killed, the next fit with the same parameters, data and integer `random_state` goes on
        from there, and ends where the first one would have ended. The file
        is removed at the end of a fit; each fit that runs at the same time needs its own.
    random_state : int, RandomState instance or None, default=None
        Decides initial weights, order of rows, held-out rows and dropout. The
        global generators are not touched.
    verbose : int, default=0
        0 prints nothing, 1 shows the trial of the weight decay and a progress bar on stderr, 2
        also prints skorch's table.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net. ``net_.module_`` takes raw inputs and returns
        standardised outputs; ``net_.predict`` returns raw units. `predict` uses a
        copy of its weights, made by `fit` (unless `module` was given).
    history_ : skorch.history.History
        One record per epoch.
    n_iter_ : int
        Epochs that were run.
    n_outputs_ : int
        Number of targets.
    weight_decay_ : float
        Weight decay that was used.
    n_parameters_ : int
        Trained numbers in the network.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of str of shape (n_features,)
        Their names, where X had any.

    See Also
    --------
    TORRegressor : The same student, with a teacher that rejects wrong labels.
    DistilledRegressor : The same student, with the best default recipe.

    Notes
    -----
    Predictions have the floating type of X, single precision for uint8: the built-in
    network is trained in single precision and evaluated in the precision of X (as
    scikit-learn's ``MLPRegressor``); a user's module is evaluated in single precision. A
    target whose offset is too large for single precision (a time stamp) is
    always returned in double precision.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_regkd import StudentRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> student = StudentRegressor((16,), max_epochs=20, random_state=0).fit(X, y)
    >>> student.n_parameters_
    2497
    >>> student.predict(X[:2]).shape
    (2,)
    """

    def __init__(
        self,
        hidden_layer_sizes=(64, 64),
        *,
        activation="silu",
        loss="squared_error",
        quantile=0.5,
        lr=0.02,
        max_epochs="auto",
        batch_size="auto",
        optimizer="adamw",
        weight_decay="auto",
        embedding="periodic",
        input_transform="quantile",
        categorical_features="from_dtype",
        missing_values="error",
        clip_predictions=False,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        module=None,
        module_params=None,
        net_params=None,
        augment=None,
        device="auto",
        checkpoint=None,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.quantile = quantile
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.embedding = embedding
        self.input_transform = input_transform
        self.categorical_features = categorical_features
        self.missing_values = missing_values
        self.clip_predictions = clip_predictions
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.module = module
        self.module_params = module_params
        self.net_params = net_params
        self.augment = augment
        self.device = device
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    @in_plain_torch
    @all_or_nothing
    @with_callbacks
    def fit(self, X, y, sample_weight=None, groups=None):
        """Train the network on labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. With `module` also images, (n_samples, channels, height, width) or
            (n_samples, height, width); uint8 stays uint8 until the batch.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss; rows of weight 0 are left out.
        groups : array-like of shape (n_samples,), default=None
            Person, sensor or day of each row: rows of one group are held out together, for
            early stopping and where the weight decay is tried.

        Returns
        -------
        StudentRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            Bad data or an unknown parameter value.
        RuntimeError
            If the loss is no longer finite.
        """
        self._validate_params_now()
        X = self._encode_categories(X)
        X, y, self._y_ndim = check_fit_data(
            self, X, y, allow_nd=self.module is not None, allow_nan=self._takes_missing()
        )
        weight = check_weight(sample_weight, X)
        weight = np.ones(len(y)) if weight is None else weight
        used, groups = weight > 0, check_groups(groups, len(y))
        if not used.all():
            X, y, weight = X[used], y[used], weight[used]
            groups = None if groups is None else groups[used]
        loss = loss_of(self)
        check_labels(loss, y)
        scaling = scaling_for(loss, y, weight)
        label = scaling.standardize(y)
        supervision = Supervision.by_labels(label, weight / weight.mean()).held_out_by(
            groups, ValidationTargets.of_groups(groups)
        )
        note_training_rows(self, X, y)
        train_student(self, X, supervision, scaling, {"loss": loss})
        return self

    def predict(self, X):
        """Predict the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs, raw as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions in the units of y, of the floating type of X.
        """
        check_fitted(self, "net_")
        X = self._columns.transform(X)
        X = check_predict_data(self, X, self._input_shape, self._takes_missing())
        return like_y(self._predict_columns(X, "label"), self._y_ndim)

    def _encode_categories(self, X):
        """Learn which columns hold categories, and return X with codes in their place."""
        plain = self.module is not None or self.input_transform != "quantile"
        self._columns = TableColumns(None if plain else self.categorical_features)
        return self._columns.fit_transform(X)

    @property
    def _categorical(self) -> Sequence[int]:
        """Return the positions of the columns that hold categories."""
        return self._columns.categorical

    def _takes_missing(self) -> bool:
        return self.missing_values == "indicator"

    @with_callbacks
    def _learn_from_teacher(
        self,
        distiller: BaseEstimator,
        X: np.ndarray,
        supervision: Supervision,
        scaling: Scaling,
        criterion: dict[str, Any],
        rows: TransformedRows | None,
    ) -> None:
        """Be fitted as the student of a distillation estimator, which has validated X."""
        self._validate_params_now()
        for name in ("n_features_in_", "feature_names_in_", "_y_ndim"):
            if hasattr(distiller, name):
                setattr(self, name, getattr(distiller, name))
        train_student(self, X, supervision, scaling, criterion, rows)

    def _take(self, net, output, weight_decay, input_shape) -> None:
        """Set all fitted attributes."""
        self.net_ = net
        self.history_ = net.history_
        self.n_iter_ = len(net.history_) or net.max_epochs  # none yet if it was put off
        self.n_outputs_ = output.n_outputs
        self.weight_decay_ = float(weight_decay)
        self.n_parameters_ = sum(p.numel() for p in net.module_.parameters())
        self._input_shape = input_shape
        # A copy: skorch applies its own on the CPU, wherever the module is.
        self._output = copy.deepcopy(output).to(device_of(net.module_))
        self._inference = self._inference_networks() if len(net.history_) else None
        if len(net.history_) and hasattr(self, "_when_trained"):
            when_trained = self._when_trained
            del self._when_trained
            when_trained(self)

    def _predict_columns(self, X: np.ndarray, head: str) -> np.ndarray:
        """Predict validated rows, shape (n_samples, n_outputs)."""
        if self._inference is not None:
            with plain_arithmetic():
                return self._inference[X.dtype](X, head)
        with plain_torch(gradients=False):
            prediction = forward(self.net_.module_, X, self._output, head=head)
        dtype = X.dtype if X.dtype.kind == "f" else prediction.dtype
        return prediction if prediction.dtype == np.float64 else prediction.astype(dtype)

    @in_plain_torch
    def _inference_networks(self) -> dict[np.dtype, InferenceNetwork] | None:
        """Return the built-in network in the precisions of X; a user's stays as it is."""
        if self.module is not None:
            return None
        return inference_networks(self.net_.module_, self._output)

    def _state(self):
        return {k: v for k, v in super()._state().items() if k != "_inference"}

    def __setstate__(self, state):
        super().__setstate__(state)
        if "net_" in vars(self) and "_inference" not in vars(self):
            self._inference = self._inference_networks()

    def _validate_params_now(self) -> None:
        check_student_params(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.three_d_array = self.module is not None
        tags.input_tags.allow_nan = self._takes_missing()
        return tags

    # What a file holds of it.

    def _learned_state(self, training_rows: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
        check_fitted(self, "net_")
        learned, tensors = student_to_plain(self)
        return {"learned": learned}, tensors

    def _take_learned_state(self, state: dict[str, Any], tensors: dict[str, Tensor], module):
        student_from_plain(self, state["learned"], tensors, module)
