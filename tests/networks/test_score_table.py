"""Normal scores from a table: those of a search among the knots, and sooner."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.networks import score_table as score_table_module
from sklearn_regkd.networks.quantile import normal_scores
from sklearn_regkd.networks.score_table import ScoreTable
from sklearn_regkd.preprocessing.quantile import fit_quantiles

# Differences below 1e-308 have no quotient that fits into double precision.
NUMBERS = st.floats(-1e30, 1e30).map(lambda value: value if abs(value) > 1e-290 else 0.0)
ANYWHERE = st.lists(NUMBERS, min_size=1, max_size=30)


class TestScoreTable:
    @pytest.mark.slow
    @settings(max_examples=40, deadline=None)
    @given(ANYWHERE, ANYWHERE)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("few", [0, 10**9], ids=["grid", "search"])
    def test_scores_of_the_table(self, dtype, few, values, probes):
        X = np.array(values)[:, None]
        quantiles = fit_quantiles(X, np.ones(len(X)))
        knots, scores = torch.from_numpy(quantiles.knots), torch.from_numpy(quantiles.scores)
        asked = torch.tensor([*values, *probes, -3e38, 3e38, torch.nan], dtype=dtype)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(score_table_module, "FEW_VALUES", few)
            found = ScoreTable(knots, scores, dtype)(asked[None])[0]
        # Single precision is looked up in double precision where it would fail.
        wide = torch.float64 if quantiles.needs_double else dtype
        expected = normal_scores(asked[:, None].to(wide), knots.to(wide), scores.to(wide))[:, 0]
        expected = expected.to(dtype)
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected, rtol=0, atol=64 * torch.finfo(dtype).eps)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_grid_and_search_agree_where_nearly_all_knots_share_a_cell(self, dtype, monkeypatch):
        rng = np.random.default_rng(0)
        X = np.column_stack([np.exp(9 * rng.standard_normal(4000)), rng.standard_normal(4000)])
        quantiles = fit_quantiles(X, np.ones(4000))
        knots, scores = torch.from_numpy(quantiles.knots), torch.from_numpy(quantiles.scores)
        columns = torch.from_numpy(X.T.astype(dtype).copy())
        table = ScoreTable(knots, scores, columns.dtype)
        assert table.steps[0] >= 32
        by_grid = table(columns)
        monkeypatch.setattr(score_table_module, "FEW_VALUES", 10**9)
        torch.testing.assert_close(by_grid, table(columns), rtol=0, atol=0)
