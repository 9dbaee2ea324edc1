"""The loop of correction: labels to check, a person's corrections, the next fit."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.inspection import apply_corrections
from sklearn_regkd.inspection.label_issues import LabelIssues


def issues_of(y, seed=0, index=None):
    """A table of all labels in any order, as `label_issues` returns it."""
    columns = np.asarray(y, float).reshape(len(y), -1)
    order = np.random.default_rng(seed).permutation(columns.size)
    row, output = np.divmod(order, columns.shape[1])
    return LabelIssues(
        row=row,
        output=output,
        given=columns.ravel()[order],
        suggested=columns.ravel()[order] + 1,
        probability_wrong=np.linspace(1, 0, len(order)),
        flagged=np.linspace(1, 0, len(order)) > 0.5,
        index=None if index is None else np.asarray(index)[row],
    )


finite = st.floats(-1e12, 1e12, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 12), st.integers(1, 3))
def test_what_a_person_writes_into_the_file_arrives(tmp_path_factory, data, n, n_outputs):
    y = np.array(data.draw(st.lists(finite, min_size=n * n_outputs, max_size=n * n_outputs)))
    y = y.reshape(n, n_outputs) if n_outputs > 1 else y
    new = data.draw(st.lists(st.none() | finite, min_size=n * n_outputs, max_size=n * n_outputs))
    path = tmp_path_factory.mktemp("c") / "labels.csv"
    issues_of(y, data.draw(st.integers(0, 9))).to_csv(path)
    names, *lines = path.read_text().splitlines()
    rows = [line.split(",") for line in lines]
    place = [int(row[0]) * n_outputs + int(row[1]) for row in rows]
    kept = [k for k, _ in enumerate(rows) if data.draw(st.booleans()) or new[place[k]] is not None]
    separator = data.draw(st.sampled_from(",;\t"))
    text = [separator.join([*names.split(","), "corrected"])]
    for k in kept:
        value = new[place[k]]
        text.append(separator.join([*rows[k], "" if value is None else repr(value)]))
    path.write_text("\n".join(text), encoding=data.draw(st.sampled_from(["utf-8", "utf-8-sig"])))
    before = y.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        corrected, trusted = apply_corrections(y, path)
    checked = np.array([one is not None for one in new]).reshape(y.shape)
    expected = np.array([np.nan if one is None else one for one in new]).reshape(y.shape)
    np.testing.assert_array_equal(trusted, checked)
    np.testing.assert_array_equal(corrected, np.where(checked, expected, y))
    np.testing.assert_array_equal(y, before)


def test_the_given_column_may_be_written_over():
    y = np.array([1.0, 2.0, 3.0])
    frame = issues_of(y).to_frame()
    frame.loc[frame["row"] == 1, "given"] = 20
    corrected, trusted = apply_corrections(y, frame)
    np.testing.assert_array_equal(corrected, [1, 20, 3])
    np.testing.assert_array_equal(trusted, [False, True, False])


def test_rows_are_found_by_their_index_where_there_is_one(tmp_path):
    y = pd.Series([1.0, 2.0, 3.0], index=["a", "b", "c"], name="price")
    path = tmp_path / "labels.csv"
    issues_of(y, index=y.index).to_csv(path)
    frame = pd.read_csv(path)
    frame["corrected"] = np.where(frame["index"] == "c", 30.0, np.nan)
    longer = pd.concat([pd.Series([9.0], index=["z"], name="price"), y])
    frame = frame[frame["index"] != "a"]
    corrected, trusted = apply_corrections(longer, frame)
    pd.testing.assert_series_equal(
        corrected, pd.Series([9.0, 1, 2, 30], index=["z", "a", "b", "c"], name="price")
    )
    np.testing.assert_array_equal(trusted, [False, False, False, True])
    with pytest.raises(ValueError, match="the index of y does not name"):
        apply_corrections(y.drop("c"), frame)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_of_labels_stay_frames(make):
    y = make({"left": [1, 2], "right": [3, 4]})
    corrected, trusted = apply_corrections(y, {"row": [1], "output": [0], "corrected": [7.5]})
    assert type(corrected) is type(y)
    assert list(corrected.columns) == ["left", "right"]
    np.testing.assert_array_equal(np.asarray(corrected), [[1, 3], [7.5, 4]])
    assert trusted.tolist() == [[False, False], [True, False]]


def test_a_row_may_be_named_twice_in_agreement():
    corrected, _ = apply_corrections(np.zeros(2), {"row": [1, 1], "corrected": [4, 4.0]})
    assert corrected.tolist() == [0, 4]


def test_gaps_may_be_filled_in():
    y = np.array([1.0, np.nan])
    corrected, trusted = apply_corrections(y, {"row": [1], "given": [np.nan], "corrected": [2]})
    assert corrected.tolist() == [1, 2]
    assert trusted.tolist() == [False, True]


def test_a_report_names_the_targets():
    table = {"row": [1, 0], "output": ["b", "1"], "label": [4, 1], "teacher": [0, 0]}
    table["corrected"] = [40, None]
    y = pd.DataFrame([[1, 2], [3, 4]], columns=[1, "b"])
    corrected, _ = apply_corrections(y, table)
    np.testing.assert_array_equal(corrected, [[1, 2], [3, 40]])
    table["output"] = ["output 1", "output 0"]
    corrected, trusted = apply_corrections(y.to_numpy(), table)
    np.testing.assert_array_equal(corrected, [[1, 2], [3, 40]])
    np.testing.assert_array_equal(trusted, [[False, False], [False, True]])
    with pytest.raises(ValueError, match=r"'output 1', and those of y are \['1', 'b'\]"):
        apply_corrections(y, table)
    with pytest.raises(ValueError, match="says that 4 was given"):
        apply_corrections(np.zeros((2, 2)), table)


class TestErrors:
    y = np.array([1.0, 2.0, 3.0])

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            ({"row": [3], "corrected": [1]}, "names row 3, and y has rows 0 to 2"),
            ({"row": [-1], "corrected": [1]}, "names row -1"),
            ({"row": [0], "output": [1], "corrected": [1]}, "names output 1"),
            ({"row": [0.5], "corrected": [1]}, "whole numbers"),
            ({"row": [0], "corrected": ["12,5"]}, "write decimals with a point"),
            ({"row": [0], "corrected": ["high"]}, "'high' in the column 'corrected'"),
            ({"row": [0], "corrected": [np.inf]}, "infinite"),
            ({"row": [0, 0], "corrected": [5, 6]}, "corrected twice, to 5 and to 6"),
            ({"row": [0], "given": [7], "corrected": [1]}, "says that 7 was given"),
            ({"corrected": [1]}, "need a column 'row'"),
            ({"row": [0]}, "need one of the right values, 'corrected'"),
        ],
    )
    def test_of_the_table(self, table, words):
        with pytest.raises(ValueError, match=words):
            apply_corrections(self.y, table)

    def test_a_table_that_nobody_has_corrected(self):
        with pytest.raises(ValueError, match="nobody has corrected anything"):
            apply_corrections(self.y, issues_of(self.y))
        with pytest.warns(UserWarning, match="nothing was corrected"):
            corrected, trusted = apply_corrections(self.y, issues_of(self.y).to_frame())
        np.testing.assert_array_equal(corrected, self.y)
        assert not trusted.any()

    def test_files(self, tmp_path):
        path = tmp_path / "labels.csv"
        path.write_text("")
        with pytest.raises(ValueError, match="is empty"):
            apply_corrections(self.y, path)
        path.write_text("row,corrected\n0,1,2\n")
        with pytest.raises(ValueError, match=r"line 2 .* has 3 values"):
            apply_corrections(self.y, path)

    def test_other_kinds(self):
        with pytest.raises(TypeError, match="must be a frame, a dict of columns, or the path"):
            apply_corrections(self.y, [1, 2])
