"""Look up the normal scores of many values at once, by a grid over each feature's table."""

import torch
from torch import Tensor, nn

from sklearn_regkd.preprocessing.quantile import knots_need_double

# A processor guesses half of the comparisons of a binary search wrongly: for many
# rows it would be the dearest part of a prediction. A grid of so many even cells
# tells nearly where a value is, and what is left is halved without a guess. A table of a few
# knots, of columns of two values, has fewer cells: thousands of such columns are nothing rare.
MOST_CELLS, CELLS_PER_KNOT = 2048, 16
# For fewer values the search itself is quicker than the start of so many operations.
FEW_VALUES = 1000


class ScoreTable:
    """The normal scores of :func:`~sklearn_regkd.networks.quantile.normal_scores`, for prediction.

    Parameters
    ----------
    knots, scores : Tensor of shape (n_features, n_knots)
        Tables of :class:`~sklearn_regkd.preprocessing.quantile.Quantiles`.
    dtype : torch.dtype
        Precision of the values that will be looked up. Where single precision may fail
        it is done in double precision, see ``quantile.Quantiles.needs_double``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.networks.score_table import ScoreTable
    >>> knots = torch.tensor([[0.0, 10.0, torch.inf]])
    >>> table = ScoreTable(knots, torch.tensor([[-1.0, 1.0, 0.0]]), torch.float32)
    >>> table(torch.tensor([[-5.0, 5.0, 10.0, torch.nan]]))
    tensor([[-1.,  0.,  1.,  0.]])
    """

    def __init__(self, knots: Tensor, scores: Tensor, dtype: torch.dtype):
        if knots_need_double(knots.cpu().numpy()):
            dtype = torch.float64
        most = torch.finfo(dtype).max
        self.knots = knots.to(dtype).clamp(min=-most).contiguous()
        # Column r of the three tables is for values with r knots at or below
        # them: a score, and how it rises from the last of these knots. Two
        # knots that fall together in this precision have no value in between.
        wide, known = self.knots.double(), self.knots < torch.inf
        gap, rise = wide.diff(dim=1), scores.double().diff(dim=1)
        slope = torch.where((gap > 0) & (gap <= most), rise / gap, 0.0).clamp(-most, most)
        slope = nn.functional.pad(slope, (1, 1))
        base = torch.where(slope != 0, nn.functional.pad(wide, (1, 0)), 0.0)
        score = torch.where(known, scores.double(), 0.0)
        self.slope, self.base = slope.to(dtype), base.to(dtype)
        self.score = torch.cat([score[:, :1], score], dim=1).to(dtype)

        high = torch.where(known, wide, -most).amax(1, keepdim=True)
        self.n_cells = min(MOST_CELLS, CELLS_PER_KNOT * knots.shape[1])
        density = (self.n_cells - 1) / (high - wide[:, :1]).clamp(min=1 / most)
        self.density = density.clamp(max=most).to(dtype)
        self.offset = (wide[:, :1] * self.density).to(dtype)
        cells = torch.where(known, self._cell(self.knots), self.n_cells)
        every = torch.arange(self.n_cells, device=knots.device).expand(len(knots), -1).contiguous()
        self.below = torch.searchsorted(cells, every)
        after = torch.cat([self.below[:, 1:], known.sum(1, keepdim=True)], dim=1)
        in_one_cell = int((after - self.below).amax()) if after.numel() else 0
        self.steps = [2**power for power in reversed(range(in_one_cell.bit_length()))]
        self.padded = nn.functional.pad(self.knots, (1, sum(self.steps)), value=torch.inf)

    def __call__(self, columns: Tensor) -> Tensor:
        """Return scores (n_features, n_samples) of values of that shape; 0 for NaN."""
        dtype, columns = columns.dtype, columns.to(self.knots.dtype)
        rank = self._rank(columns)
        score = (columns - self.base.gather(1, rank)).mul_(self.slope.gather(1, rank))
        return score.add_(self.score.gather(1, rank)).nan_to_num_(0.0).to(dtype)

    def _rank(self, columns: Tensor) -> Tensor:
        """Return how many knots are at or below each value; of NaN any number of them."""
        if columns.numel() < FEW_VALUES:
            return torch.searchsorted(self.knots, columns, right=True)
        rank = self.below.gather(1, self._cell(columns))
        for step in self.steps:
            rank.add_(self.padded.gather(1, rank + step) <= columns, alpha=step)
        return rank

    def _cell(self, columns: Tensor) -> Tensor:
        """Return the cell of each value, which does not fall as the value rises."""
        cell = (columns * self.density).sub_(self.offset).clamp_(0, self.n_cells - 1)
        return cell.nan_to_num_(0.0).long()
