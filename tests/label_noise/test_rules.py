"""Short names of outlier rules: what each stands for, and what is refused."""

import numpy as np
import pytest

from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.label_noise.rules import resolve_rule
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from tests.helpers import refused


def test_mad_is_three_robust_standard_deviations():
    rule = resolve_rule("mad")
    assert isinstance(rule, ThresholdRule)
    error = np.random.default_rng(0).standard_normal((400, 2)) * [1.0, 50.0]
    verdict = rule.detect(error)
    np.testing.assert_array_equal(verdict.threshold, 3 * robust_sigma(error))
    np.testing.assert_array_equal(verdict.inlier, resolve_rule(3).detect(error).inlier)
    assert not verdict.inlier.all()


def test_mixture_is_the_mixture_with_its_defaults():
    rule = resolve_rule("mixture")
    assert isinstance(rule, MixtureRule)
    assert rule.get_params() == MixtureRule().get_params()


def test_rule_objects_keep_their_settings():
    for rule in (MixtureRule(max_share=0.2), ThresholdRule("paper", expected=1.0)):
        before = rule.get_params()
        assert resolve_rule(rule) is rule
        assert rule.get_params() == before


@pytest.mark.parametrize("name", ["mad", "mixture", "paper", 4])
def test_each_call_makes_a_rule_of_its_own(name):
    assert resolve_rule(name) is not resolve_rule(name)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, np.nan, True])
def test_a_mixture_out_of_range_is_refused_at_once(share):
    with pytest.raises(ValueError, match=refused("max_share", share)):
        resolve_rule(MixtureRule(max_share=share))


@pytest.mark.parametrize("threshold", ["mixture", -1.0, np.nan, True])
def test_a_threshold_out_of_range_is_refused_at_once(threshold):
    with pytest.raises(ValueError, match=refused("threshold", threshold)):
        resolve_rule(ThresholdRule(threshold))


def test_an_expected_number_out_of_range_is_refused_at_once():
    with pytest.raises(ValueError, match=refused("expected", 0)):
        resolve_rule(ThresholdRule("paper", expected=0))


@pytest.mark.parametrize("name", ["auto", "MAD", "Mixture", "mixture ", np.inf])
def test_names_are_taken_literally(name):
    with pytest.raises(ValueError, match=r"is unknown; known: .*paper, chauvenet"):
        resolve_rule(name)


@pytest.mark.parametrize("rule", [MixtureRule, ThresholdRule, (3.0,), b"mad", 1j])
def test_what_is_neither_name_nor_number_nor_rule_learns_what_there_is(rule):
    with pytest.raises(ValueError, match=r"known: None, 'auto'.* mad, mixture, fdr, a number > 0"):
        resolve_rule(rule)


@pytest.mark.parametrize("name", ["paper", "chauvenet", 3, 2.5])
def test_resolve_rule_by_name(name):
    rule = resolve_rule(name)
    assert isinstance(rule, ThresholdRule)
    assert rule.threshold == name
    assert rule.expected is None


def test_resolve_rule_passes_rules_and_none():
    rule = ThresholdRule(4.0)
    assert resolve_rule(rule) is rule
    assert resolve_rule(None) is None


@pytest.mark.parametrize("name", ["iqr", -1, 0, True, np.nan, [3.0], {}, object()])
def test_resolve_rule_refuses_the_rest(name):
    with pytest.raises(ValueError, match="paper, chauvenet"):
        resolve_rule(name)
