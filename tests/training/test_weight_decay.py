"""The trial of weight decays: what it tries, what it ignores, and which way it leans."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sklearn_regkd.supervision.validation_targets import ValidationTargets
from sklearn_regkd.training import weight_decay as pilot
from sklearn_regkd.training.batched_mlp import MLPConfig, train_batched
from sklearn_regkd.training.weight_decay import (
    DEFAULT_WEIGHT_DECAY,
    FEWEST_ROWS_TRIED,
    SPLITS,
    TEACHER_WEIGHT_DECAYS,
    WEIGHT_DECAYS,
    choose_weight_decay,
)

RECIPE = MLPConfig((16,), "silu", 2, 0, lr=0.02, batch_size=64, n_steps=300)
SHORT = MLPConfig((4,), "silu", 0, 0, lr=0.02, batch_size=64, n_steps=20)


def table(n, n_inputs=2, n_outputs=1):
    """Inputs, a smooth function of them, and noise of the same size."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, n_inputs)).astype(np.float32)
    clean = np.column_stack([np.sin(2 * X[:, 0] + k) + X[:, 1] for k in range(n_outputs)])
    return X, clean, rng.standard_normal((n, n_outputs))


def choose(X, label, weight=None, losses=("squared_error",), seed=0, recipe=RECIPE, rehearsal=None):
    weight = np.ones(len(label)) if weight is None else weight
    return choose_weight_decay(recipe, np.asarray(X), label, weight, losses, seed, rehearsal)


def rehearse(told, n_parts=3):
    """A fifth of the rows is left out in each part; `told` is learned whichever that is."""
    part = np.minimum(np.arange(len(told)) % 5, n_parts)
    seen = part != np.arange(n_parts)[:, None]
    return ValidationTargets(part, seen, np.stack([told] * n_parts))


def tried(call):
    """Return the weight decays of each loss that a call of `train_batched` tries."""
    decays = {}
    for loss, decay in zip(call[4], call[5].tolist(), strict=True):
        decays.setdefault(loss, {})[round(decay, 6)] = None
    return {loss: sorted(of_loss) for loss, of_loss in decays.items()}


@pytest.fixture
def trials(monkeypatch):
    """Arguments and results of the trainings that were started."""
    calls = []

    def recorded(*args):
        calls.append((*args, train_batched(*args)))
        return calls[-1][-1]

    monkeypatch.setattr(pilot, "train_batched", recorded)
    return calls


class TestChoice:
    @pytest.mark.slow
    @pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "tukey"])
    def test_noise_wants_more_than_a_clean_function(self, loss):
        X, clean, _ = table(600)
        few, _, noise = table(100)
        (for_clean,) = choose(X, clean, losses=[loss])
        (for_noise,) = choose(few, noise, losses=[loss])
        assert for_noise > for_clean

    @pytest.mark.parametrize("n_outputs", [1, 2])
    @pytest.mark.parametrize("n", [50, 51, 120])
    def test_one_of_those_tried_for_each_loss(self, n, n_outputs):
        X, clean, noise = table(n, n_outputs=n_outputs)
        losses = ["absolute_error", "huber", "squared_error"]
        for label in (clean, noise, 0 * clean):
            chosen = choose(X, label, losses=losses, recipe=SHORT)
            assert len(chosen) == 3
            assert set(chosen) <= set(WEIGHT_DECAYS)
            assert all(type(value) is float for value in chosen)

    def test_in_doubt_the_larger_one(self, monkeypatch, trials):
        X, _, noise = table(100)
        chosen = []
        for in_doubt in (0.0, 0.5, 1e6):
            monkeypatch.setattr(pilot, "IN_DOUBT", in_doubt)
            chosen += choose(X, noise, seed=1, recipe=SHORT)
        assert chosen == sorted(chosen)
        assert chosen[-1] == max(max(tried(call)["squared_error"]) for call in trials[-2:])

    @pytest.mark.parametrize(
        ("loss", "expected"),
        [
            ("squared_error", max(WEIGHT_DECAYS)),
            ("absolute_error", min(WEIGHT_DECAYS)),
            ("huber", min(WEIGHT_DECAYS)),
        ],
    )
    def test_error_that_counts(self, monkeypatch, loss, expected):
        # With little weight decay most rows are met and a few far off, more so the more it is;
        # with much, all are a little off, less so the more it is.
        class Prepared:
            def __init__(self, decay):
                self.decay = decay.numpy()[:, None, None]

            def predict(self, scores):
                few = np.arange(len(scores))[:, None] % 10 == 0
                power = np.log10(self.decay)
                return np.where(self.decay < 1, few * (10 + power), 2 - power / 10)

        monkeypatch.setattr(pilot, "train_batched", lambda *args: Prepared(args[5]))
        X, clean, _ = table(500)
        assert choose(X, 0 * clean, losses=[loss]) == [expected]


class TestDeterminism:
    def test_seed(self):
        X, clean, noise = table(120)
        label = clean + noise
        first, same = (choose(X, label, seed=7, recipe=SHORT) for _ in range(2))
        assert first == same

    def test_seed_decides_the_held_out_rows(self, trials):
        X, clean, _ = table(100)
        for seed in (0, 0, 1):
            choose(X, clean, seed=seed, recipe=SHORT)
        first, same, other = (call[1] for call in trials[::2])
        assert torch.equal(first, same)
        assert not torch.equal(first, other)

    def test_global_generators_are_left_alone(self):
        X, clean, _ = table(100)
        before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        choose(X, clean, recipe=SHORT)
        assert torch.equal(torch.get_rng_state(), before)
        assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002

    def test_nothing_given_is_changed(self):
        X, clean, _ = table(100)
        weight = np.linspace(0.5, 1.5, 100)
        given = [X.copy(), clean.copy(), weight.copy()]
        choose(X, clean, weight, recipe=SHORT)
        for before, after in zip(given, (X, clean, weight), strict=True):
            assert np.array_equal(before, after)


class TestWeights:
    def test_rows_of_weight_zero_do_not_matter(self):
        X, clean, noise = table(600)
        spoiled = np.where(np.arange(600)[:, None] % 3, 3 * noise, clean)
        weight = (np.arange(600) % 3 == 0).astype(float)
        assert choose(X, spoiled, weight) == choose(X, clean, weight)
        # where they count, they do matter
        assert choose(X, spoiled) != choose(X, clean)

    def test_networks_do_not_see_labels_of_weight_zero(self, trials):
        X, clean, _ = table(100)
        weight = (np.arange(100) % 4 > 0).astype(float)
        spoiled = np.where(weight[:, None] > 0, clean, 1000.0)
        choose(X, clean, weight, recipe=SHORT)
        choose(X, spoiled, weight, recipe=SHORT)
        plain, same = (call[-1].predict(torch.from_numpy(X)) for call in trials[::2])
        assert np.array_equal(plain, same)

    @pytest.mark.parametrize("unit", [2.0**-10, 2.0**10])
    def test_unit_does_not_matter(self, trials, unit):
        X, clean, noise = table(100)
        weight = np.linspace(0.5, 1.5, 100)
        chosen = [choose(X, clean + noise, w, recipe=SHORT) for w in (weight, unit * weight)]
        assert chosen[0] == chosen[1]
        torch.testing.assert_close(trials[0][3], trials[2][3])


class TestTrial:
    @pytest.mark.parametrize("n", [1, 10, FEWEST_ROWS_TRIED - 1])
    def test_too_few_rows_are_not_tried(self, trials, n):
        assert FEWEST_ROWS_TRIED == 50
        X, clean, _ = table(n)
        assert choose(X, clean, losses=["huber", "squared_error"]) == [0.3, 0.3]
        assert DEFAULT_WEIGHT_DECAY == 0.3
        assert trials == []

    def test_enough_rows_are(self, trials):
        X, clean, _ = table(FEWEST_ROWS_TRIED)
        choose(X, clean, recipe=SHORT)
        assert trials

    def test_every_second_candidate_then_those_beside_the_best(self, trials):
        X, clean, _ = table(100)
        chosen = choose(X, clean, losses=["huber", "squared_error"], recipe=SHORT)
        coarse, fine = (tried(call) for call in trials)
        for loss, decay in zip(("huber", "squared_error"), chosen, strict=True):
            assert coarse[loss] == [*WEIGHT_DECAYS[1::2]]
            below, above = (WEIGHT_DECAYS.index(one) for one in fine[loss])
            assert above == below + 2
            assert WEIGHT_DECAYS[below + 1] in coarse[loss]
            assert decay in coarse[loss] + fine[loss]

    @pytest.mark.parametrize(("n_steps", "expected"), [(20, 20), (1500, 1000), (4000, 2000)])
    def test_only_long_trainings_are_halved(self, monkeypatch, n_steps, expected):
        lengths = []

        def shortened(config, *args):
            lengths.append(config.n_steps)
            return train_batched(replace(config, n_steps=2), *args)

        monkeypatch.setattr(pilot, "train_batched", shortened)
        X, clean, _ = table(100)
        choose(X, clean, recipe=replace(SHORT, n_steps=n_steps))
        assert lengths == [expected] * 2

    def test_a_fifth_is_held_out(self, trials):
        X, clean, _ = table(100)
        choose(X, clean, recipe=SHORT)
        (_, scores, target, weight, *_), _ = trials
        weight = weight.expand(target.shape)
        assert ((weight == 0).sum(dim=1) == 20).all()
        # the same three parts for all candidates
        parts = weight[:SPLITS] == 0
        assert (parts.sum(dim=0) <= 1).all()
        assert torch.equal(weight == 0, parts.repeat(len(target) // SPLITS, 1, 1))
        # and the other rows count 1 on average over all rows
        torch.testing.assert_close(weight.mean(dim=1), torch.ones(len(target), 1))
        # rows and labels stay together
        order = [int((row == X).all(dim=1).nonzero()) for row in scores]
        assert sorted(order) == list(range(100))
        np.testing.assert_allclose(target[0], clean[order], rtol=1e-6)

    def test_labels_held_out_are_not_learned(self, trials):
        X, clean, _ = table(100)
        choose(X, clean, recipe=SHORT)
        held = (trials[0][3][1, :, 0] == 0).nonzero()[:, 0]
        names = [int((row == X).all(dim=1).nonzero()) for row in trials[0][1][held]]
        spoiled = clean.copy()
        spoiled[names] += 100
        choose(X, spoiled, recipe=SHORT)
        plain, same = (call[-1].predict(torch.from_numpy(X)) for call in trials[::2])
        assert np.array_equal(plain[1::SPLITS], same[1::SPLITS])
        assert not np.array_equal(plain[0], same[0])

    def test_of_many_rows_a_selection_is_tried(self, trials, monkeypatch):
        monkeypatch.setattr(pilot, "MOST_ROWS", 60)
        X, clean, _ = table(500)
        choose(X, clean, recipe=SHORT)
        (_, scores, target, *_), _ = trials
        assert scores.shape == (60, 2)
        assert target.shape[1] == 60
        assert len(scores.unique(dim=0)) == 60


class TestRehearsal:
    @pytest.mark.parametrize("n_parts", [2, 3])
    def test_its_parts_are_held_out_and_its_labels_learned(self, trials, n_parts):
        X, clean, noise = table(100)
        told = np.stack([clean + k for k in range(n_parts)])
        rehearsal = replace(rehearse(clean, n_parts), target=told)
        (chosen,) = choose(X, noise, recipe=SHORT, rehearsal=rehearsal)
        assert chosen in TEACHER_WEIGHT_DECAYS
        (_, scores, target, weight, _, decay, *_), _ = trials
        assert len(target) == len(decay) == n_parts * len(TEACHER_WEIGHT_DECAYS[1::2])
        order = [int((row == X).all(dim=1).nonzero()) for row in scores]
        assert sorted(order) == list(range(100))
        for net in range(len(target)):
            left_out = np.array(order)[weight[net, :, 0].numpy() == 0]
            assert sorted(left_out) == [*np.flatnonzero(rehearsal.fold == net % n_parts)]
            np.testing.assert_allclose(target[net], told[net % n_parts][order], rtol=1e-6)
        assert [round(float(d), 6) for d in decay[::n_parts]] == list(TEACHER_WEIGHT_DECAYS[1::2])

    @pytest.mark.slow
    def test_held_out_rows_are_compared_with_their_labels(self, trials):
        X, clean, _ = table(300)
        judged = [choose(X, label, rehearsal=rehearse(clean)) for label in (clean, -clean)]
        first, second = (call[-1].predict(torch.from_numpy(X)) for call in trials[::2])
        assert np.array_equal(first, second)  # the same was learned
        assert judged[0] != judged[1]  # and judged by other labels

    @pytest.mark.slow
    def test_a_calm_teacher_wants_less_than_noisy_labels(self):
        X, clean, noise = table(200)
        (by_label,) = choose(X, clean + noise)
        (by_teacher,) = choose(X, clean + noise, rehearsal=rehearse(clean))
        assert by_teacher < by_label

    def test_of_many_rows_a_selection_is_tried(self, trials, monkeypatch):
        monkeypatch.setattr(pilot, "MOST_ROWS", 60)
        X, clean, _ = table(500)
        choose(X, clean, recipe=SHORT, rehearsal=rehearse(clean))
        (_, scores, target, *_), _ = trials
        assert scores.shape == (60, 2)
        assert target.shape[1] == 60

    def test_a_part_without_weight_is_no_trial(self, trials):
        X, clean, _ = table(100)
        rehearsal = rehearse(clean)
        weight = (rehearsal.fold == 0).astype(float)
        assert choose(X, clean, weight, rehearsal=rehearsal) == [DEFAULT_WEIGHT_DECAY]
        assert trials == []


class TestStart:
    """A trial that begins where students of the same rows have ended."""

    def choose(self, start):
        X, clean, noise = table(200)
        label = clean + noise
        return choose_weight_decay(
            SHORT, X, label, np.ones(len(label)), ["squared_error"], 0, start=start
        )

    def test_tries_three_neighbours_first(self, trials):
        self.choose(1.0)
        assert tried(trials[0]) == {"squared_error": [0.3, 1.0, 3.0]}

    @pytest.mark.parametrize(("start", "first"), [(30.0, [10.0, 30.0]), (1e-9, [0.03, 0.1])])
    def test_an_end_has_one_neighbour(self, trials, start, first):
        self.choose(start)
        assert tried(trials[0]) == {"squared_error": first}

    def test_takes_the_nearest_of_another_number(self, trials):
        self.choose(0.8)
        assert tried(trials[0]) == {"squared_error": [0.3, 1.0, 3.0]}

    def test_nothing_is_known_of_a_start_without_decay(self, trials):
        self.choose(0.0)
        assert tried(trials[0]) == {"squared_error": [0.1, 1.0, 10.0]}

    @pytest.mark.parametrize("wanted", [0.03, 0.3, 30.0])
    @pytest.mark.parametrize("start", [0.03, 1.0, 30.0])
    def test_goes_on_until_the_best_lies_between_others(self, monkeypatch, start, wanted):
        asked = []

        def cost(self, those):
            asked.extend(those)
            steps = {one: abs(np.log(one[1]) - np.log(wanted)) for one in those}
            return {one: np.full(10, step) for one, step in steps.items()}

        monkeypatch.setattr(pilot._Trial, "cost", cost)
        assert self.choose(start) == [wanted]
        assert len(asked) == len(set(asked))  # none of them twice
        place, decays = WEIGHT_DECAYS.index(wanted), [decay for _, decay in asked]
        for beside in (place - 1, place + 1):
            if 0 <= beside < len(WEIGHT_DECAYS):
                assert WEIGHT_DECAYS[beside] in decays
