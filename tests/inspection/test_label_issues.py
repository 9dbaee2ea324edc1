"""Labels to check: a table, a frame and a file."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor, load
from sklearn_regkd.inspection import label_issues
from tests.helpers import smooth_table

STUDENT = StudentRegressor((16,), max_epochs=20, weight_decay=0.1)
WRONG = [3, 40, 77]


@pytest.fixture(scope="module")
def spoiled():
    X, y = smooth_table()
    y = y.copy()
    y[WRONG] += [50, -60, 55]
    return X, y


@pytest.fixture(scope="module")
def distilled(spoiled):
    return DistilledRegressor(student=STUDENT, random_state=0).fit(*spoiled)


def test_the_most_suspicious_come_first(spoiled, distilled):
    y = spoiled[1]
    issues = label_issues(distilled, y)
    assert len(issues) == len(y)
    assert set(issues.row[:3]) == set(WRONG)
    assert sorted(issues.row) == list(range(len(y)))
    assert (np.diff(issues.probability_wrong) <= 0).all()
    np.testing.assert_array_equal(issues.given, y[issues.row])
    truth = smooth_table()[1]
    assert np.abs(issues.suggested - truth[issues.row])[:3].max() < 25
    np.testing.assert_array_equal(issues.flagged, distilled.outlier_mask_[issues.row])
    np.testing.assert_allclose(
        issues.probability_wrong, 1 - distilled.inlier_probability_[issues.row]
    )


def test_frame_file_and_text_are_the_same_table(spoiled, distilled, tmp_path):
    issues = label_issues(distilled, spoiled[1])
    frame = issues.to_frame()
    assert list(frame) == ["row", "output", "given", "suggested", "probability_wrong", "flagged"]
    issues.to_csv(tmp_path / "issues.csv")
    again = pd.read_csv(tmp_path / "issues.csv")
    pd.testing.assert_frame_equal(again, frame, rtol=1e-12)
    assert str(issues.given[0]) in (tmp_path / "issues.csv").read_text().splitlines()[1]
    text = str(issues)
    assert "are expected to be wrong" in text
    assert all(str(row) in text for row in WRONG)


def test_several_outputs_have_an_issue_each():
    X, y = smooth_table()
    y = np.column_stack([y, 100 * X[:, 2] - 5])
    y[5, 1] += 5000
    tor = TORRegressor(student=STUDENT, random_state=0).fit(X, y)
    issues = label_issues(tor, y)
    assert len(issues) == y.size
    assert (issues.row[0], issues.output[0]) == (5, 1)
    assert issues.given[0] == y[5, 1]
    np.testing.assert_array_equal(issues.suggested[0], tor.suggested_labels_[5, 1])


def test_in_a_pipeline_and_after_loading(spoiled, tmp_path):
    X, y = spoiled
    pipeline = make_pipeline(StandardScaler(), TORRegressor(student=STUDENT, random_state=0))
    first = label_issues(pipeline.fit(X, y), y)
    pipeline[-1].save(tmp_path / "tor.regkd", training_rows=True)
    again = label_issues(load(tmp_path / "tor.regkd"), y)
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame())


def test_other_labels_are_refused(spoiled, distilled):
    with pytest.raises(ValueError, match="was fitted with"):
        label_issues(distilled, spoiled[1][:50])
    with pytest.raises(TypeError, match="label_issues takes a fitted"):
        label_issues(StandardScaler(), spoiled[1])
