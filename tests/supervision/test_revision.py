"""Label revision: where the revised value lies, and where nothing changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.supervision.revision import LabelRevision, revise
from sklearn_regkd.supervision.targets import Targets
from tests.helpers import refused

quick = settings(max_examples=50, deadline=None)
pairs = st.integers(1, 20).flatmap(
    lambda n: arrays(np.float64, (2, n, 2), elements=st.floats(-1e6, 1e6))
)
tubes, etas = st.floats(1e-3, 1e3), st.floats(0, 1)


class TestRevise:
    @quick
    @given(pairs, tubes, etas)
    def test_lies_between_the_two(self, pair, tube, eta):
        fixed, moved = pair
        result = revise(fixed, moved, tube, eta)
        low, high = np.minimum(fixed, moved), np.maximum(fixed, moved)
        slack = 1e-9 * (1 + np.abs(pair).max())
        assert (result >= low - slack).all()
        assert (result <= high + slack).all()

    @quick
    @given(pairs, tubes, etas)
    def test_stays_in_the_tube(self, pair, tube, eta):
        fixed, moved = pair
        slack = 1e-9 * (1 + np.abs(pair).max())
        assert (np.abs(revise(fixed, moved, tube, eta) - fixed) <= tube + slack).all()

    @pytest.mark.filterwarnings("error")
    def test_a_tube_of_next_to_nothing(self):
        revised = revise(np.zeros((2, 1)), np.array([[0.0], [1.0]]), np.array([1e-320]))
        np.testing.assert_allclose(revised, 0, atol=1e-300)

    @quick
    @given(pairs, tubes)
    def test_limits_of_eta(self, pair, tube):
        fixed, moved = pair
        apart = moved - fixed
        on_the_edge = fixed + apart.clip(-tube, tube)
        slack = 1e-9 * (1 + np.abs(pair).max())
        np.testing.assert_allclose(revise(fixed, moved, tube, 1.0), on_the_edge, atol=slack)
        far = np.abs(apart) > 1e3 * tube
        kept = np.abs(revise(fixed, moved, tube, 0.0) - fixed)
        assert (kept[far] <= 1e-3 * tube + slack).all()

    @quick
    @given(pairs, tubes, etas)
    def test_inside_the_tube_nothing_changes(self, pair, tube, eta):
        fixed, moved = pair
        near = np.abs(moved - fixed) <= tube
        np.testing.assert_array_equal(revise(fixed, moved, tube, eta)[near], moved[near])

    @quick
    @given(st.floats(-100, 100), tubes, etas, st.floats(-1e-6, 1e-6))
    def test_continuous_in_the_disagreement(self, d, tube, eta, step):
        fixed = np.zeros((1, 1))
        here, there = (revise(fixed, fixed + e, tube, eta).item() for e in (d, d + step))
        assert abs(here - there) <= abs(step) * (1 + 1e-9) + 1e-9

    @quick
    @given(pairs, tubes, etas)
    def test_other_units(self, pair, tube, eta):
        fixed, moved = pair
        result = revise(8 * fixed, 8 * moved, 8 * tube, eta)
        np.testing.assert_allclose(result, 8 * revise(fixed, moved, tube, eta), rtol=1e-9)

    @quick
    @given(pairs, tubes, etas)
    def test_weight_of_the_revised_one_falls_with_the_disagreement(self, pair, tube, eta):
        fixed, moved = pair
        d = np.abs(moved - fixed) / tube
        d = np.maximum(d, 1)
        beta = eta / d + (1 - eta) / d**2
        expected = beta * moved + (1 - beta) * fixed
        slack = 1e-9 * (1 + np.abs(pair).max())
        np.testing.assert_allclose(revise(fixed, moved, tube, eta), expected, rtol=0, atol=slack)


class TestLabelRevision:
    @pytest.fixture
    def table(self):
        rng = np.random.default_rng(0)
        teacher = rng.normal(size=(200, 2))
        label = teacher + rng.normal(size=(200, 2)) * [0.1, 10.0]
        label[:10, 0] += 50
        return label, teacher

    def test_directions(self, table):
        label, teacher = table
        same, moved = LabelRevision("teacher").revise(label, teacher)
        assert same is label
        assert (np.abs(moved - label) <= np.abs(teacher - label)).all()
        moved, same = LabelRevision("label").revise(label, teacher)
        assert same is teacher
        assert (np.abs(moved - teacher) <= np.abs(teacher - label)).all()

    def test_each_output_has_its_tube(self, table):
        label, teacher = table
        moved, _ = LabelRevision("label", eta=1.0).revise(label, teacher)
        reach = np.abs(moved - teacher).max(axis=0)
        assert 0.15 < reach[0] < 0.3
        assert 15 < reach[1] < 30

    def test_inputs_are_not_changed(self, table):
        copies = [values.copy() for values in table]
        for revises in ("teacher", "label"):
            LabelRevision(revises).revise(*table)
        for values, copy in zip(table, copies, strict=True):
            np.testing.assert_array_equal(values, copy)

    def test_a_teacher_that_repeats_its_labels(self):
        label = np.arange(6.0)[:, None]
        for revises in ("teacher", "label"):
            for result in LabelRevision(revises).revise(label, label):
                np.testing.assert_array_equal(result, label)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("revises", "both"),
            ("eta", 1.5),
            ("eta", -0.1),
            ("eta", np.nan),
            ("eta", True),
            ("tube", 0.0),
            ("tube", np.inf),
        ],
    )
    def test_bad_parameters(self, table, name, value):
        with pytest.raises(ValueError, match=refused(name, value)):
            LabelRevision(**{name: value}).revise(*table)


class TestApply:
    """The hook: what it changes of the targets, and what it takes from them."""

    @staticmethod
    def targets():
        numbers = np.random.default_rng(1).normal
        return Targets(
            label=numbers(size=(80, 2)),
            teacher=numbers(size=(3, 80, 2)),
            oof_prediction=numbers(size=(80, 2)),
            inlier=np.ones((80, 2), bool),
            alpha=np.array([0.5, 0.2]),
        )

    def test_labels_are_pulled_to_the_out_of_fold_prediction(self):
        before = self.targets()
        after = LabelRevision("label").apply(before, None, None)
        expected, _ = LabelRevision("label").revise(before.label, before.oof_prediction)
        np.testing.assert_array_equal(after.label, expected)
        assert not np.array_equal(after.label, before.label)
        assert after.teacher is before.teacher

    def test_the_teacher_is_pulled_to_the_labels_at_its_last_stage(self):
        before = self.targets()
        after = LabelRevision("teacher").apply(before, None, None)
        _, expected = LabelRevision("teacher").revise(before.label, before.teacher[-1])
        np.testing.assert_array_equal(after.teacher, expected[None])
        assert after.label is before.label


def test_names():
    assert LabelRevision.resolve(None) is None
    assert LabelRevision.resolve("teacher").revises == "teacher"
    assert LabelRevision.resolve("label").revises == "label"
    own = LabelRevision("label", eta=0.5)
    assert LabelRevision.resolve(own) is own
    for unknown in ("both", 0.8, LabelRevision):
        with pytest.raises(ValueError, match="is unknown; known: None, 'teacher'"):
            LabelRevision.resolve(unknown)
