"""The learning rate over a training, and the brake on a training that diverges."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_regkd.training.callbacks import OneCycle, StopOnDivergence, one_cycle

progress = st.floats(0, 1)


@given(progress)
def test_share_of_the_peak(p):
    assert 0 <= one_cycle(p) <= 1


@given(progress, progress)
def test_continuous(p, q):
    # the steepest slope is that of the warm-up: 1 over a fifth
    assert abs(one_cycle(p) - one_cycle(q)) <= 5 * abs(p - q) + 1e-12


@given(progress, progress)
def test_rises_to_the_peak_then_falls(p, q):
    low, high = sorted((p, q))
    if high <= 0.2:
        assert one_cycle(low) <= one_cycle(high)
    if low >= 0.2:
        assert one_cycle(low) >= one_cycle(high)


def test_ends_and_peak():
    assert one_cycle(0.0) == 0
    assert one_cycle(0.2) == 1
    assert one_cycle(1.0) == pytest.approx(0, abs=1e-15)


def fake_net(rates, max_epochs=10):
    groups = [{"lr": rate} for rate in rates]
    return SimpleNamespace(
        optimizer_=SimpleNamespace(param_groups=groups, defaults={"lr": rates[0]}),
        max_epochs=max_epochs,
    )


def test_each_group_keeps_its_own_peak():
    net, schedule = fake_net([0.1, 0.02]), OneCycle()
    schedule.on_train_begin(net)
    rates = []
    for _ in range(net.max_epochs):
        schedule.on_epoch_begin(net)
        rates.append([group["lr"] for group in net.optimizer_.param_groups])
    for first, second in rates:
        assert first == pytest.approx(5 * second)
        assert 0 < first <= 0.1
    assert [first for first, _ in rates] == pytest.approx(
        [0.1 * one_cycle((epoch + 0.5) / 10) for epoch in range(10)]
    )


@pytest.mark.parametrize("name", ["train_loss", "valid_loss"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_divergence_raises(name, value):
    net = fake_net([0.25])
    net.history = [{"epoch": 4, "train_loss": 1.0, name: value}]
    with pytest.raises(RuntimeError, match=rf"{name} became .* in epoch 4.*now 0.25"):
        StopOnDivergence().on_epoch_end(net)


def test_finite_losses_pass():
    net = fake_net([0.25])
    for record in ({"epoch": 1, "train_loss": 1e300}, {"epoch": 1, "valid_loss": 0.0}):
        net.history = [record]
        StopOnDivergence().on_epoch_end(net)
