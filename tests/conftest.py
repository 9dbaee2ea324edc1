"""Data and helpers that many tests share.

The process that hands tests to workers reads this file, too: what takes long to import is imported
by those that use it.
"""

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small networks gain nothing from threads, and parallel test workers fight for them."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def table():
    """A smooth function of three features, 120 rows."""
    from tests.helpers import smooth_table

    return smooth_table()


@pytest.fixture
def wrong_labels(table):
    """The same table with 15 labels far off, and which ones."""
    X, y = table
    y = y.copy()
    mask = np.zeros(len(y), bool)
    mask[::8] = True
    y[mask] += 40.0
    return X, y, mask


@pytest.fixture
def two_outputs(table):
    X, y = table
    return X, np.column_stack([y, 100 * X[:, 2] - 5])


@pytest.fixture(scope="session")
def friedman():
    """200 rows of ten features, of which five matter; nobody changes them."""
    from sklearn.datasets import make_friedman1

    X, y = make_friedman1(200, noise=0.3, random_state=0)
    X.flags.writeable = y.flags.writeable = False
    return X, y
