"""Made-up rows lie where they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_regkd.supervision.synthetic import BATCH, SyntheticRows, mix_pairs
from sklearn_regkd.supervision.targets import Targets
from tests.helpers import fit_data, refused


@given(
    shape=st.sampled_from([(2,), (3, 4), (1, 2, 2)]),
    n_rows=st.integers(1, 40),
    dtype=st.sampled_from([np.uint8, np.float32, np.float64]),
    seed=st.integers(0, 2**32 - 1),
)
def test_mixed_pairs_lie_between_two_rows(shape, n_rows, dtype, seed):
    rng = np.random.RandomState(seed)
    X = rng.uniform(0, 255, (6, *shape)).astype(dtype)
    made = mix_pairs(X, n_rows, rng)
    assert made.shape == (n_rows, *shape)
    assert made.dtype == dtype
    rounding = 0.51 if dtype == np.uint8 else 1e-3
    flat, start = made.reshape(n_rows, -1).astype(float), X.reshape(6, -1).astype(float)
    pair = start[:, None] - start[None]  # from one row to the other
    for row in flat:
        length = np.maximum((pair**2).sum(-1), 1e-12)
        share = (((row - start[None]) * pair).sum(-1) / length).clip(0, 1)
        nearest = start[None] + share[..., None] * pair
        assert np.abs(row - nearest).max(axis=-1).min() <= 2 * rounding


def test_mixed_pairs_are_uniform_on_the_way():
    X = np.array([[0.0], [1.0]])
    made = mix_pairs(X, 40_000, np.random.RandomState(0))[:, 0]
    between = made[(made > 0) & (made < 1)]
    assert len(made) > 2 * BATCH
    assert abs(len(between) / len(made) - 0.5) < 0.02  # else the row met itself
    np.testing.assert_allclose(
        np.quantile(between, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.02
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["neighbors", "mixup"])
def test_numbers_near_the_end_of_single_precision_do_not_overflow(kind):
    X = np.float32([[3e38, 1], [-3e38, 1], [2.9e38, 1], [-3.1e38, 1]])
    made = SyntheticRows(kind, share=20.0, n_neighbors=3).draw(X, np.random.RandomState(0))
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert (np.abs(made[:, 0]) < 2e38).any()  # between rows of unlike signs
    assert (made[:, 1] == 1).all()


def test_missing_values_are_not_mixed():
    X = np.array([[0.0, np.nan], [1.0, 2.0]])
    for kind in ("neighbors", "mixup"):
        with pytest.raises(ValueError, match=f"synthetic='{kind}' cannot mix"):
            SyntheticRows(kind).draw(X, np.random.RandomState(0))


class TestApply:
    class Teacher:
        """Predicts the first feature of any rows."""

        def predict(self, X):
            return X[:, :1].astype(np.float64)

    @staticmethod
    def targets(n):
        column = np.zeros((n, 1))
        return Targets(
            label=column,
            teacher=column[None],
            oof_prediction=column,
            inlier=column == 0,
            alpha=np.ones(1),
        )

    @pytest.mark.parametrize("kind", ["spunge", "neighbors", "mixup"])
    def test_rows_are_like_the_others_and_labelled_by_the_teacher(self, table, kind):
        X, y = table
        before = self.targets(len(y))
        after = SyntheticRows(kind, share=0.5).apply(before, fit_data(X, y), self.Teacher())
        ((rows, labels),) = after.extra_rows
        assert rows.shape == (60, 3)
        assert np.abs(rows).max() <= 1
        np.testing.assert_array_equal(labels, rows[:, :1])
        assert after.label is before.label
        assert after.teacher is before.teacher
        assert before.extra_rows == ()

    def test_come_behind_the_rows_that_are_there(self, table):
        X, y = table
        given = np.full((4, 3), 7.0), np.full((4, 1), -7.0)
        before = self.targets(len(y)).with_rows(*given)
        after = SyntheticRows().apply(before, fit_data(X, y), self.Teacher())
        assert len(after.extra_rows) == 2
        np.testing.assert_array_equal(after.extra_rows[0][0], given[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [("kind", "smote"), ("share", 0.0), ("change", 0.0), ("change", 1.5), ("n_neighbors", 0)],
)
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=refused(name, value)):
        SyntheticRows(**{name: value}).validate()
