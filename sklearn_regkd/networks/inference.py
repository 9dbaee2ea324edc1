"""The built-in network for prediction: the same function in fewer and longer operations.

The module itself is made for training: its hook enters raw rows in double
precision where they are double, its embedding can be differentiated. For
prediction all that depends on the fit alone is worked out beforehand, and
samples run along the last axis, so that each operation sweeps over contiguous
memory however few features there are.
"""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_regkd.networks.embedding import PeriodicEmbedding
from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.networks.scaling import LARGEST_LOG, OutputScaling, standardize_inputs
from sklearn_regkd.networks.score_table import ScoreTable
from sklearn_regkd.preprocessing.scaling import needs_double
from sklearn_regkd.utils.arithmetic import ceil_div
from sklearn_regkd.utils.tensor import as_tensor

# Numbers in the widest layer of a chunk: it stays in the cache of one core, and
# the overhead of a chunk stays far below its arithmetic.
CHUNK_ELEMENTS = 2**18


class InferenceNetwork:
    """A trained built-in network with its scalings, for prediction in one precision.

    Parameters
    ----------
    module : MLP
        Trained, with the hook that lets it take raw inputs. Its weights are copied.
    output : OutputScaling
        From its outputs to raw units.
    dtype : torch.dtype
        Precision of the inputs, and of the arithmetic.
    """

    def __init__(self, module: MLP, output: OutputScaling, dtype: torch.dtype):
        # In columns. What is double for the sake of its own digits stays so.
        self.center, self.scale = (
            values.to(torch.promote_types(dtype, values.dtype))[:, None]
            for values in (output.center, output.scale)
        )
        self.log = output.log
        self.clip = None if output.low is None else output.clip
        layers = list(module)
        linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        weights = [layer.weight.detach().double() for layer in linear]
        self.frequency = None
        if isinstance(layers[0], PeriodicEmbedding):
            self.n_numeric = layers[0].n_numeric
            self.frequency = layers[0].frequency.to(dtype)[:, None]
            weights[0] = _with_amplitude(weights[0], layers[0])
        *self.hidden, (bias, weight) = [
            (layer.bias.detach().to(dtype)[:, None], weight.to(dtype).contiguous())
            for layer, weight in zip(linear, weights, strict=True)
        ]
        activation = layers[-2] if self.hidden else nn.Identity()
        self.kind, self.activation = type(activation), activation.forward
        k = output.n_outputs
        self.heads = {"label": (bias[:k], weight[:k])}
        if output.n_heads == 2:
            self.heads["teacher"] = bias[k:], weight[k:]
            self.heads["mean"] = (bias[:k] + bias[k:]) / 2, (weight[:k] + weight[k:]) / 2
        self.device = weight.device
        self.widest = max(max(weight.shape) for weight in weights)
        self._read_tables(dict(module.named_buffers(recurse=False)), dtype)

    def _read_tables(self, tables: dict[str, Tensor], dtype: torch.dtype) -> None:
        self.scores = None
        if "input_center" in tables:
            center, scale = tables["input_center"], tables["input_scale"]
            width = scale.cpu().numpy()
            self.in_double = needs_double(center.cpu().numpy(), width, width)
            dtype = torch.float64 if self.in_double else dtype
            self.input_center, self.input_scale = center.to(dtype), scale.to(dtype)
            return
        self.scores = ScoreTable(tables["input_knots"], tables["input_scores"], dtype)
        self.numeric, self.missing = tables["input_numeric"], tables["input_missing"]
        self.category_feature = tables["input_category_feature"]
        self.category_value = tables["input_category_value"].to(dtype)[:, None]
        others = ("missing", "category_value", "two_valued")
        self.only_numeric = not any(len(tables[f"input_{name}"]) for name in others)

    def __call__(self, X: np.ndarray, head: str) -> np.ndarray:
        """Return predictions (n_samples, n_outputs) of validated rows, in raw units.

        Raises
        ------
        ValueError
            If the network has no such head.
        """
        if head not in self.heads:
            raise ValueError(
                f"predict_head={head!r}, but the student's heads are: {', '.join(self.heads)}"
            )
        n_chunks = ceil_div(len(X) * self.widest, CHUNK_ELEMENTS)
        with torch.inference_mode():
            rows = as_tensor(X).to(self.device)
            if n_chunks == 1:
                return self.run(rows, head).cpu().numpy()
            chunks = [self.run(chunk, head) for chunk in rows.tensor_split(n_chunks)]
            return torch.cat(chunks).cpu().numpy()

    def with_layers(self, X: np.ndarray, head: str) -> tuple[np.ndarray, np.ndarray]:
        """Return predictions of validated rows, and what the layers make of them.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Raw rows of the precision of this network.
        head : str
            The head that predicts.

        Returns
        -------
        prediction : ndarray of shape (n_samples, n_outputs)
            In raw units.
        layers : ndarray of shape (n_samples, n_values)
            Inputs, absolute inputs, and the hidden layers one after the other.
        """
        n_chunks = ceil_div(len(X) * self.widest, CHUNK_ELEMENTS)
        with torch.inference_mode():
            rows = as_tensor(X).to(self.device)
            parts = [self._with_layers(chunk, head) for chunk in rows.tensor_split(n_chunks)]
            prediction, layers = (torch.cat(one).cpu().numpy() for one in zip(*parts, strict=True))
        return prediction, layers

    def _with_layers(self, X: Tensor, head: str) -> tuple[Tensor, Tensor]:
        inputs = self.enter(X)
        found = [inputs, inputs.abs()]
        inputs = self._embed(inputs)
        for bias, weight in self.hidden:
            inputs = self.activation(torch.addmm(bias, weight, inputs))
            found.append(inputs)
        return self._finish(inputs, head), torch.cat(found).T

    @property
    def n_seen(self) -> int:
        """How many of the values of `with_layers` are inputs or absolute inputs."""
        n_inputs = (
            self.input_center.numel()
            if self.scores is None
            else len(self.numeric) + len(self.missing) + len(self.category_feature)
        )
        return 2 * n_inputs

    def _embed(self, inputs: Tensor) -> Tensor:
        """Return inputs (n_inputs, n_samples) with their sines and cosines, if it has any."""
        if self.frequency is None:
            return inputs
        numbers = inputs[: self.n_numeric].contiguous()
        phase = (numbers.unsqueeze(1) * self.frequency).flatten(0, 1)
        return torch.cat([inputs, phase.sin(), phase.cos()])

    def run(self, X: Tensor, head: str) -> Tensor:
        """Return predictions (n_samples, n_outputs) of a chunk."""
        inputs = self._embed(self.enter(X))
        for bias, weight in self.hidden:
            inputs = self.activation(torch.addmm(bias, weight, inputs))
        return self._finish(inputs, head)

    def _finish(self, inputs: Tensor, head: str) -> Tensor:
        """Return raw predictions (n_samples, n_outputs) from the last hidden layer."""
        standard = torch.addmm(*self.heads[head], inputs)
        if self.log:
            standard = standard.clamp_(max=LARGEST_LOG).exp_()
        raw = (standard * self.scale + self.center).T
        return raw if self.clip is None else self.clip(raw)

    def enter(self, X: Tensor) -> Tensor:
        """Return what the network sees of raw rows, (n_inputs, n_samples)."""
        if self.scores is None:
            center, scale = self.input_center, self.input_scale
            return standardize_inputs(X, center, scale, X.dtype, self.in_double).T
        columns = X.T.contiguous()
        if self.only_numeric:
            return self.scores(columns)
        codes = columns[self.category_feature]
        return torch.cat(
            [
                self.scores(columns[self.numeric]),
                columns[self.missing].isnan().to(X.dtype),
                (codes == self.category_value).to(X.dtype),
            ]
        )


def inference_networks(module: MLP, output: OutputScaling) -> dict[np.dtype, InferenceNetwork]:
    """Return a trained network for each floating type of the inputs."""
    return {
        np.dtype(np.float32): InferenceNetwork(module, output, torch.float32),
        np.dtype(np.float64): InferenceNetwork(module, output, torch.float64),
    }


def _with_amplitude(weight: Tensor, embedding: PeriodicEmbedding) -> Tensor:
    """Return the first layer's weights for inputs, plain sines, plain cosines."""
    n_frequencies = len(embedding.frequency)
    n_waves = 2 * n_frequencies * embedding.n_numeric
    plain, waves = weight.split([weight.shape[1] - n_waves, n_waves], dim=1)
    waves = waves.unflatten(1, (embedding.n_numeric, 2, n_frequencies)) * embedding.amplitude
    return torch.cat([plain, waves.transpose(1, 2).flatten(1)], dim=1)
