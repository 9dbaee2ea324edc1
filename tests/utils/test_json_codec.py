"""Values as JSON and back: each comes back as what it was, and nothing else is read."""

import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_regkd.utils.files import FileError
from sklearn_regkd.utils.json_codec import JsonCodec, TensorCodec

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
nested = st.recursive(
    plain,
    lambda ones: (
        st.lists(ones)
        | st.lists(ones).map(tuple)
        | st.dictionaries(st.text(), ones)
        | st.dictionaries(st.integers(-(2**64), 2**64), ones)
    ),
    max_leaves=12,
)


def there_and_back(codec, value):
    return codec.decode(json.loads(json.dumps(codec.encode(value))))


@given(nested)
def test_lists_stay_lists_and_tuples_tuples(value):
    found = there_and_back(TensorCodec({}), value)
    assert repr(found) == repr(value)


def test_a_key_that_may_share_its_hash_with_many_others_is_refused_both_ways():
    with pytest.raises(TypeError, match=r"go up to 2\*\*64"):
        TensorCodec({}).encode({2**61 * 99: 1})
    with pytest.raises(FileError, match="no value of a parameter"):
        TensorCodec({}).decode({"pairs": [[2**61 * 99, 1]]})


def test_a_tensor_is_read_once():
    encoded = {"list": [{"tensor": "0"}] * 2}
    with pytest.raises(FileError, match="'0' twice"):
        TensorCodec({"0": torch.zeros(3)}).decode(encoded)
    with pytest.raises(FileError, match="'1' twice, or holds none"):
        TensorCodec({"0": torch.zeros(3)}).decode({"tensor": "1"})


def test_numbers_of_numpy_become_plain():
    assert there_and_back(JsonCodec(), np.float64(0.1)) == 0.1
    assert there_and_back(JsonCodec(), (np.int64(3), np.bool_(True))) == (3, True)


@pytest.mark.parametrize("value", [object(), {1: 2}, {1, 2}, b"x", np.zeros(2)])
def test_what_json_cannot_hold_is_refused_by_name(value):
    with pytest.raises(TypeError, match=f"got a {type(value).__name__}"):
        JsonCodec().encode([value])


@pytest.mark.parametrize(
    "value", [[1], {"set": [1]}, {"list": 3}, {"list": [], "tuple": []}, {"tensor": 0}, {}]
)
def test_json_that_was_not_encoded_here_is_refused(value):
    with pytest.raises(FileError, match="which is no value of a parameter"):
        TensorCodec({}).decode(value)


def test_tensors_and_arrays_are_copies_that_stand_beside():
    codec, weight = TensorCodec({}), torch.arange(6.0).reshape(2, 3).T
    encoded = codec.encode({"a": weight, "b": [np.float32([1, 2])]})
    json.dumps(encoded)
    assert all(tensor.is_contiguous() for tensor in codec.tensors.values())
    expected = weight.clone()
    weight.zero_()
    found = TensorCodec(dict(codec.tensors)).decode(encoded)
    assert torch.equal(found["a"], expected)
    assert isinstance(found["b"][0], np.ndarray)
    assert found["b"][0].tolist() == [1, 2]
    found["a"].zero_()
    assert torch.equal(codec.decode(encoded)["a"], expected)


def test_derived_dictionaries_and_tuples_become_plain():
    shape = torch.zeros(2, 3).shape
    found = there_and_back(TensorCodec({}), OrderedDict(shape=shape))
    assert type(found) is dict
    assert type(found["shape"]) is tuple
    assert found == {"shape": (2, 3)}
