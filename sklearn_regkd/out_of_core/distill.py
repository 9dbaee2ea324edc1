"""One call: from blocks on disk or on a cluster to a distilled student."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_regkd.estimators.distilled import DistilledRegressor
from sklearn_regkd.estimators.partial_fit import start_student
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.estimators.student_training import around_training, decisive_params
from sklearn_regkd.estimators.targets import (
    check_labels,
    in_log_units,
    least_label,
    loss_of,
    scaling_for,
)
from sklearn_regkd.losses.modules import is_log_loss
from sklearn_regkd.networks.inputs import fit_input_transform
from sklearn_regkd.out_of_core.block_reader import (
    Block,
    BlockReader,
    active_client,
    framed,
    open_reader,
)
from sklearn_regkd.out_of_core.prediction_store import PredictionStore, predict_blocks
from sklearn_regkd.out_of_core.sample import BlockSample, sample_blocks
from sklearn_regkd.out_of_core.supervise import BlockSupervisor
from sklearn_regkd.preprocessing.domain import fit_domain
from sklearn_regkd.preprocessing.scaling import Scaling, fit_target_scaling
from sklearn_regkd.preprocessing.validation import check_fit_data, like_y
from sklearn_regkd.supervision.methods import DistillationMethods
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.training.build import AUTO_ROWS, batch_size_of, count_epochs
from sklearn_regkd.training.checkpoint import CheckpointFile
from sklearn_regkd.training.stream import Plan, train_on_stream
from sklearn_regkd.training.torch_state import in_plain_torch
from sklearn_regkd.utils.cache import open_memory
from sklearn_regkd.utils.fingerprint import fingerprint
from sklearn_regkd.utils.progress import report_stage, show_progress

# The default batch size of a student, to which its default number of steps belongs.
SAMPLE_BATCH = 128
# Methods that look at all rows at once.
NOT_IN_BLOCKS = ("route", "hints", "revision", "selection", "synthetic")


@in_plain_torch
def distill_blocks(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    folder: Any,
    sample_rows: int = 100_000,
    buffer_rows: int = 500_000,
) -> Any:
    """Fit an estimator on a table that does not fit into memory.

    1. Each block is read, and a random sample of the rows is kept.
    2. The estimator is fitted on the sample, its student with ``max_epochs="auto"`` and
       batches of at most 128 rows. This gives the teacher, the rule for wrong labels and the
       weight of the teacher.
    3. The teacher predicts all blocks. Each prediction is written to a file as it comes.
    4. The student is trained by streaming over the blocks in random order, through a buffer
       in which rows are shuffled. The sample's rule decides which labels are wrong, by their
       distance from the teacher's predictions.

    Where a ``distributed.Client`` is active its workers read the blocks and predict.
    Called again after it was stopped, by whatever means, it finds the sample's estimator, all
    predictions and the state of the student's training in `folder`, and goes on from there: the
    result is that of a call that was never stopped.

    Parameters
    ----------
    estimator : DistilledRegressor or StudentRegressor
        What to fit; not changed. Its `random_state` is an integer. A StudentRegressor learns
        from labels alone. Of the student, ``max_epochs="auto"`` may be a single pass over very
        many rows, and ``weight_decay="auto"`` means 0.03.
    X : dask array or data frame, sequence, iterable or callable
        The table: tables of dask, a sequence of (X, y) blocks, another iterable of
        them that begins anew each time, or a callable that returns an iterator. Without
        a sequence or dask, blocks are taken in their own order. Numbers only.
    y : dask array, str or list of str, default=None
        Labels of a dask array; names of the target columns of a dask data frame.
    folder : path-like
        Folder for what is kept between calls. Like any pickle, it is to be read only if you trust
        who wrote it.
    sample_rows : int, default=100_000
        Number of rows of the sample, which fits into memory several times.
    buffer_rows : int, default=500_000
        Number of rows among which the student's batches are shuffled.

    Returns
    -------
    DistilledRegressor or StudentRegressor
        The fitted estimator. The `student_` of a DistilledRegressor has seen all rows; attributes
        with a value for each row, such as `inlier_probability_`, are those of the sample.

    Raises
    ------
    TypeError
        If `estimator` or X is of another kind.
    ValueError
        If a parameter of the estimator needs all rows at once, or a block cannot be learned.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.out_of_core import distill_blocks
    >>> rng = np.random.default_rng(0)
    >>> rows = [rng.uniform(-1, 1, (1000, 2)) for _ in range(8)]
    >>> blocks = [(X, X[:, 0] + X[:, 1]) for X in rows]
    >>> student = StudentRegressor((16,), max_epochs=5, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     student = distill_blocks(student, blocks, folder=folder, buffer_rows=2000)
    >>> student.score(*blocks[0]) > 0.99
    True
    """
    _check(estimator, sample_rows, buffer_rows)
    with show_progress(estimator, estimator.verbose):
        return _distill(estimator, X, y, folder, sample_rows, buffer_rows)


def _distill(
    estimator: Any, X: Any, y: Any, folder: Any, sample_rows: int, buffer_rows: int
) -> Any:
    """Do what :func:`distill_blocks` is asked for, with arguments that are checked."""
    reader, client, seed = open_reader(X, y), active_client(), int(estimator.random_state)
    student = _student_of(estimator)
    report_stage("reading all blocks once")
    sample = sample_blocks(reader, sample_rows, seed, client, student._takes_missing())
    rows = framed(sample.X, reader.names)
    scaling = fit_target_scaling(sample.y, np.ones(len(sample.y)))
    batch_size = batch_size_of(student, AUTO_ROWS)
    ndim = reader.y_ndim or (1 if sample.y.shape[1] == 1 else 2)
    plan = Plan(
        sample.sizes,
        count_epochs(student.max_epochs, sample.n_rows, batch_size, at_least=1),
        buffer_rows,
        seed,
        reader.is_sequence,
    )
    stream = _Stream(
        reader=reader, client=client, sample=sample, plan=plan, scaling=scaling, folder=folder
    )
    if isinstance(estimator, StudentRegressor):
        check_fit_data(student, rows, sample.y, allow_nan=student._takes_missing())
        student._y_ndim, student._label_range = ndim, sample.label_range
        loss = loss_of(student)
        check_labels(loss, sample.y)
        scaling = scaling_for(loss, sample.y, np.ones(len(sample.y)))
        stream = replace(stream, scaling=scaling, loss=loss)
        stream.train(student, {"loss": loss}, stream.supervise_by_labels)
        return student
    loss = estimator._named_loss()
    check_labels(loss, sample.y)
    on_sample = _estimator_for_sample(estimator)
    # A hash of all that decides the teacher: its own may change on the way through a file.
    teacher_hash = fingerprint([on_sample, rows, sample.y])
    distilled = open_memory(str(folder)).call(
        _fit_on_sample, estimator=on_sample, X=rows, y=like_y(sample.y, ndim)
    )
    predictions = PredictionStore(Path(folder, "predictions"), teacher_hash, sample.fingerprints)
    predict_blocks(reader, predictions, distilled.teacher_, scaling, client)
    student = clone(distilled.student_).set_params(
        **{name: getattr(student, name) for name in ("max_epochs", "batch_size", "verbose")}
    )
    for name in ("n_features_in_", "feature_names_in_", "_y_ndim"):
        if hasattr(distilled, name):
            setattr(student, name, getattr(distilled, name))
    student._label_range = distilled.student_._label_range  # of the labels that are not rejected
    methods = DistillationMethods()  # none of which works block by block
    criterion = distilled._criterion(vars(distilled), methods)
    supervisor = BlockSupervisor(distilled, sample.y, scaling)
    if is_log_loss(loss):
        units = scaling_for(loss, sample.y, np.ones(len(sample.y)))
        stream = replace(stream, scaling=units)
    least = least_label(loss, sample.y)

    def supervise(index: int, y: np.ndarray) -> Supervision:
        check_labels(loss, y, is_block=True)
        supervision = supervisor.supervise(y, predictions.read(index))
        if not is_log_loss(loss):
            return supervision
        return in_log_units(supervision, scaling, stream.scaling, least)

    stream.train(student, criterion, supervise, teacher_hash)
    distilled.student_ = student
    distilled.history_, distilled.n_iter_ = student.history_, student.n_iter_
    return distilled


def _check(estimator: Any, sample_rows: int, buffer_rows: int) -> None:
    if not isinstance(estimator, DistilledRegressor | StudentRegressor):
        raise TypeError(
            f"distill_blocks takes a DistilledRegressor or a StudentRegressor, got {estimator!r}"
        )
    estimator._validate_params_now()
    given = [name for name in NOT_IN_BLOCKS if getattr(estimator, name, None) is not None]
    student = _student_of(estimator)
    if student.early_stopping:
        given.append("early_stopping")
    if given:
        raise ValueError(
            f"{', '.join(given)} cannot be used block by block: leave it at its default, or fit on "
            "rows that fit into memory"
        )
    if not isinstance(estimator.random_state, Integral):
        raise ValueError(
            f"distill_blocks needs an integer random_state, got {estimator.random_state!r}: what "
            "is found in the folder must be what would be computed again"
        )
    for name, value in (("sample_rows", sample_rows), ("buffer_rows", buffer_rows)):
        if not (isinstance(value, Integral) and value > 1):
            raise ValueError(f"{name} must be an integer > 1, got {value!r}")


def _student_of(estimator: Any) -> StudentRegressor:
    """Return an unfitted student that belongs to this call."""
    if isinstance(estimator, StudentRegressor):
        return clone(estimator)
    return estimator._own_student()


def _estimator_for_sample(estimator: DistilledRegressor) -> DistilledRegressor:
    """Return a clone whose student is trained as suits a sample, not as suits all rows."""
    own = clone(estimator)
    student = _student_of(own)
    if student.batch_size != "auto":
        student.set_params(batch_size=min(student.batch_size, SAMPLE_BATCH))
    student.set_params(max_epochs="auto", verbose=0)
    return own.set_params(student=student)


def _fit_on_sample(estimator: Any, X: Any, y: np.ndarray) -> Any:
    return estimator.fit(X, y)


@dataclass(frozen=True, kw_only=True)
class _Stream:
    """All that the training of a student on blocks depends on, but for its supervision.

    Parameters
    ----------
    reader : BlockReader
        The blocks.
    client : distributed.Client or None
        Client of the cluster whose workers read them.
    sample : BlockSample
        Sampled rows, by which inputs are scaled.
    plan : Plan
        The windows of the stream.
    scaling : Scaling
        Scaling of the targets.
    folder : path-like
        Folder for the state of the training.
    loss : str or callable, default="squared_error"
        The loss of a student without a teacher, for the check of its labels.
    """

    reader: BlockReader
    client: Any
    sample: BlockSample
    plan: Plan
    scaling: Scaling
    folder: Any
    loss: Any = "squared_error"

    def supervise_by_labels(self, index: int, y: np.ndarray) -> Supervision:
        """Return the supervision of a block for a student without a teacher."""
        check_labels(self.loss, y, is_block=True)
        return Supervision.by_labels(self.scaling.standardize(y), np.ones(len(y)))

    def train(
        self,
        student: StudentRegressor,
        criterion: dict[str, Any],
        supervise: Callable[[int, np.ndarray], Supervision],
        teacher_hash: str | None = None,
    ) -> None:
        """Train a student on all blocks, and set all of its fitted attributes.

        Parameters
        ----------
        student : StudentRegressor
            Changed in place; attributes that its input data decide are set.
        criterion : dict
            Arguments of the student's criterion.
        supervise : callable
            From the number of a block and its labels to their supervision.
        teacher_hash : str or None, default=None
            A hash of the teacher that `supervise` takes predictions of.
        """

        def read(order: Sequence[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            # What this process holds already need not visit a worker.
            client = self.client if self.reader.is_lazy else None
            for index, (X, y) in self.reader.each(Block.arrays, client, order):
                if student._columns.categories:
                    X = np.asarray(student._columns.transform(framed(X, self.reader.names)))
                yield X, supervise(index, y).packed()

        sample, plan, scaling = self.sample, self.plan, self.scaling
        coded = np.asarray(student._encode_categories(framed(sample.X, self.reader.names)))
        random_state = np.random.RandomState(plan.seed)
        kind = student.input_transform if student.module is None else "standard"
        categorical = student._categorical
        student._domain = replace(
            fit_domain(coded, categorical).widened(sample.domain), n_rows=sample.n_rows
        )
        transform = fit_input_transform(coded, np.ones(len(coded)), kind, categorical)
        start_student(student, coded[:2], transform, scaling, criterion, random_state)
        net = student.net_
        with around_training(student, net, random_state):
            folder = Path(self.folder)
            folder.mkdir(parents=True, exist_ok=True)
            params = decisive_params(student)
            about = params, plan, sample.fingerprints, scaling, criterion, teacher_hash
            checkpoint = CheckpointFile(folder / "training", fingerprint(about))
            report_stage("")
            train_on_stream(net, read, plan, checkpoint, bar=student.verbose == 1)
        student._take(net, student._output, student.weight_decay_, sample.X.shape[1:])
