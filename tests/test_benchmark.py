"""The open benchmark: how labels are spoiled, how rows are split, what is measured and reported."""

import json

import numpy as np
import pytest

from benchmarks.noisy_regression import cells, measure, record, report, run, summary
from benchmarks.noisy_regression.mistakes import NOISES, ON_ALL, corrupt
from benchmarks.noisy_regression.models import MODELS
from benchmarks.noisy_regression.tables import TABLES, load, split_by_group

SHARES = {noise: int(noise.lstrip("abcdefghijklmnopqrstuvwxyz_")) for noise in NOISES[2:-3]}
SHARES |= {"slip20": 20, "one_sided30": 30}


def labels(n=1000):
    rng = np.random.default_rng(1)
    return rng.normal(5, 2, n), rng.normal(size=n)


@pytest.mark.parametrize(("noise", "share"), SHARES.items())
def test_exactly_the_share_is_spoiled_and_the_mask_says_where(noise, share):
    y, x = labels()
    spoiled, chosen = corrupt(y, noise, np.random.default_rng(0), x)
    assert chosen.sum() == 10 * share
    np.testing.assert_array_equal(spoiled[~chosen], y[~chosen])
    by_chance = 3 if noise == "swap30" else 0  # a permutation leaves one label in its place
    assert (spoiled != y).sum() >= chosen.sum() - by_chance


@pytest.mark.parametrize("noise", ON_ALL)
def test_even_noise_marks_no_label(noise):
    y, x = labels()
    spoiled, chosen = corrupt(y, noise, np.random.default_rng(0), x)
    assert (spoiled != y).mean() > 0.99
    assert not chosen.any()


@pytest.mark.parametrize("noise", NOISES)
def test_labels_are_spoiled_the_same_way_again_and_the_input_stays(noise):
    y, x = labels(200)
    kept = y.copy()
    first, second, other = (corrupt(y, noise, np.random.default_rng(s), x)[0] for s in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(y, kept)
    assert np.array_equal(first, other) == (noise == "none")


def test_a_slipped_block_is_the_column_moved_down_by_a_row():
    y, x = labels(100)
    spoiled, chosen = corrupt(y, "slip20", np.random.default_rng(0), x)
    rows = np.flatnonzero(chosen)
    np.testing.assert_array_equal(rows, np.arange(rows[0], rows[0] + 20))
    np.testing.assert_array_equal(spoiled[rows], y[rows - 1])


def test_a_one_sided_error_is_half_to_two_sd_too_high():
    y, x = labels()
    spoiled, chosen = corrupt(y, "one_sided30", np.random.default_rng(0), x)
    error = (spoiled - y)[chosen] / y.std()
    assert 0.5 <= error.min() < 0.6
    assert 1.9 < error.max() <= 2


def test_rows_with_equal_inputs_go_to_one_side():
    rng = np.random.RandomState(0)
    X = rng.randint(0, 4, (400, 3)).astype(float)
    train, test = split_by_group(X, rng)
    sides = [{tuple(row) for row in X[rows]} for rows in (train, test)]
    assert sides[0].isdisjoint(sides[1])
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(400))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_the_same_again_and_finite(name):
    first, second = (load(name, 1, 100) for _ in range(2))
    for part in ("X", "given", "true", "X_test", "y_test"):
        values = getattr(first, part)
        assert values.dtype == float
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values, getattr(second, part))
    assert len(first.X) == len(first.given) == 100
    assert len(first.X_test) == len(first.y_test) > 30
    assert (first.given != first.true).any() == (TABLES[name].kind == "measured")


def test_error_removed_by_hand():
    true = np.array([0.0, 0.0, 0.0, 0.0])
    given = np.array([2.0, 0.0, 0.0, 0.0])
    assert measure.error_removed(true, given, true) == 1
    assert measure.error_removed(given, given, true) == 0
    halved = np.array([0.5, 0.5, 0.5, 0.5])  # RMSE 0.5 after 1.0
    assert measure.error_removed(halved, given, true) == pytest.approx(0.5)
    assert measure.error_removed(2 * given, given, true) == pytest.approx(-1)


def test_flags_by_hand():
    true = np.arange(10.0)
    given = true.copy()
    given[[1, 2, 3, 4]] += 9
    flagged = np.isin(np.arange(10), [1, 2, 3, 8, 9])
    suspicion = np.array([0, 9, 8, 7, 3, 4, 0, 0, 0, 0.0])  # the fifth above the fourth wrong one
    found = measure.flags(suspicion, flagged, true, given, true)
    assert found["error_removed"] == 1
    assert found["auc"] == pytest.approx(23 / 24)  # of 4 x 6 pairs one is in the wrong order
    assert found["recall"] == 0.75
    assert found["precision"] == 0.6
    assert found["first"] == 0.75  # of the first four, as four are wrong
    assert (found["flagged"], found["wrong"], found["labels"]) == (5, 4, 10)


def test_labels_are_corrected_where_they_are_flagged():
    class Fitted:
        inlier_probability_ = np.array([0.1, 0.9, 0.4])
        outlier_mask_ = np.array([True, False, False])
        suggested_labels_ = np.array([5.0, 6.0, 7.0])

    suspicion, flagged, corrected = measure.opinion(Fitted(), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(corrected, [5, 2, 3])
    assert suspicion.argsort().tolist() == [1, 2, 0]
    assert flagged.tolist() == [True, False, False]
    assert measure.opinion(object(), np.zeros(3)) is None


class Threaded:
    """Predicts with as many threads as it is told, as CatBoost does."""

    def __init__(self):
        self.asked = set()

    def predict(self, X, thread_count=-1):
        self.asked.add(thread_count)
        return X[:, 0]


def test_predictions_are_timed_on_one_thread():
    fitted = Threaded()
    measure.cost(fitted, np.zeros((5, 2)))
    assert fitted.asked == {1}


def test_a_table_without_wrong_labels_has_flags_and_no_rates():
    y = np.arange(4.0)
    found = measure.flags(y, np.array([True, False, False, False]), y, y, y)
    assert found == {"flagged": 1, "wrong": 0, "labels": 4}


def test_whole_seeds_come_first_and_slow_models_after_two_of_them():
    tasks = cells.tasks(["hinge", "sensor"], ["none", "gross20"], ["realmlp", "ridge"], 3, 100)
    order = [(task[4], task[2]) for task in tasks]
    assert list(dict.fromkeys(order)) == [
        ("ridge", 0),
        ("ridge", 1),
        ("realmlp", 0),
        ("ridge", 2),
    ]
    assert len(set(tasks)) == len(tasks)
    assert {task[1] for task in tasks if task[0] == "sensor"} == {"given"}


def test_a_model_that_fails_is_recorded_as_an_error(monkeypatch):
    class Broken:
        def fit(self, X, y):
            raise ValueError("no room")

    broken = MODELS["ridge"].__class__(**{**vars(MODELS["ridge"]), "make": lambda seed: Broken()})
    monkeypatch.setitem(MODELS, "ridge", broken)
    result = cells.run(("hinge", "gross20", 0, 100, "ridge"))
    assert result["error"] == "ValueError: no room"
    assert "r2" not in result


def test_a_record_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    path, asked = tmp_path / "record.jsonl", []

    def results(tasks, jobs, end):
        """Do two tasks of those that are asked for, as a run that is stopped."""
        asked.append(tasks)
        for task in tasks[:2]:
            names = ("table", "noise", "seed", "rows", "model")
            yield dict(zip(names, task, strict=True)) | {"r2": 0.5}

    monkeypatch.setattr(run, "results", results)
    options = ["--tables", "hinge", "--noises", "none,few3", "--models", "ridge,forest"]
    options += ["--seeds", "1", "--record", str(path)]
    run.main(options)
    with path.open("a") as file:
        file.write('{"table": "hinge", "noise":')  # killed as it wrote
    run.main(options)
    run.main(options)
    assert [len(tasks) for tasks in asked] == [4, 2]
    assert set(asked[1]) == set(asked[0][2:])
    runs, done = record.read([path])
    assert len(done) == 4
    assert [one["jobs"] for one in runs] == [1, 1]
    assert str(tmp_path) not in runs[0]["run"]  # which the page shows
    assert runs[0]["run"].endswith("--seeds 1 --record FILE")
    assert "0 fits to do" in capsys.readouterr().out


@pytest.mark.slow
def test_one_fit_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "record.jsonl"
    options = ["--tables", "hinge", "--noises", "gross20", "--models", "ridge", "--rows", "100"]
    run.main([*options, "--seeds", "1", "--record", str(path)])
    (result,) = record.read([path])[1]
    again = cells.run(("hinge", "gross20", 0, 100, "ridge"))
    assert result["r2"] == again["r2"]
    assert result["numbers"] == 9  # eight slopes and an intercept


def made_record():
    """Return runs and results: the forest wins on concrete with units mixed up, and loses else."""
    scores = {
        ("concrete", "none"): {"distilled": (0.90, 0.92), "forest": (0.80, 0.82)},
        ("concrete", "unit10"): {"distilled": (0.50, 0.52), "forest": (0.75, 0.73)},
        ("hinge", "none"): {"distilled": (0.90, 0.90), "forest": (0.895, 0.905)},
        ("hinge", "unit10"): {"distilled": (0.85, 0.83), "forest": (-40.0, -9.0)},
    }
    shared = {"rows": 100, "fit_seconds": 1.0, "one_row_ms": 0.1, "numbers": 10, "bytes": 2000}
    results = [
        {"table": table, "noise": noise, "seed": seed, "model": model, "r2": r2, **shared}
        | {"microseconds": 2.0 if model == "distilled" else 20.0}
        for (table, noise), models in scores.items()
        for model, values in models.items()
        for seed, r2 in enumerate(values)
    ]
    about = {"run": "python -m benchmarks.noisy_regression", "skipped": {"tabm": "pytabkit"}}
    about |= {"python": "3.12", "versions": {"numpy": "2.4"}, "cores": 2, "processor": "one"}
    return [about | {"jobs": 2, "fits": 16}], results


def test_summaries_by_hand():
    found = summary.cells(made_record()[1])
    assert summary.mean_r2(found, "forest", lambda _, noise: noise == "unit10") == pytest.approx(
        0.37  # (0.74 + 0) / 2: below nothing counts as nothing
    )
    assert summary.ranks(found, ["distilled", "forest"]) == {"distilled": 1.375, "forest": 1.625}
    # One win on either of concrete without noise and hinge with it, one loss, one neither.
    assert summary.compare(found, "distilled", "forest") == (2, 1, 4)
    assert summary.losses(found, "distilled", ["forest"]) == [
        ("concrete", "unit10", "forest", pytest.approx(0.51), pytest.approx(0.74))
    ]
    assert summary.spent_by_noise(found, "distilled") == pytest.approx((0.40 + 0.06) / 2)


def test_the_page_shows_what_is_lost(tmp_path):
    runs, results = made_record()
    failed = {"table": "hinge", "noise": "none", "seed": 0, "rows": 100, "model": "ridge"}
    results.append(failed | {"error": "ValueError: no room"})
    path, page = tmp_path / "record.jsonl", tmp_path / "page.md"
    path.write_text("".join(json.dumps(one) + "\n" for one in [*runs, *results]))
    notes = tmp_path / "notes.md"
    notes.write_text("What a reader has to know.\n")
    picture = tmp_path / "images" / "picture.png"
    picture.parent.mkdir()
    files = {"record": path, "page": page, "picture": picture, "notes": notes}
    report.main([text for name, at in files.items() for text in (f"--{name}", str(at))])
    text = page.read_text(encoding="utf-8")
    assert "| concrete | unit10 | random forest | 0.740 | 0.510 | 0.230 |" in text
    assert "| random forest | 1 | 0 | 2 | 1 | 1 | 2 |" in text
    assert "left out: TabM" in text
    assert "17 fits on one, 2 cores, 2 processes; Python 3.12, numpy 2.4" in text
    assert "What a reader has to know." in text
    assert "ValueError: no room" in text
    assert "](images/picture.png)" in text
    assert picture.stat().st_size > 5000


def test_records_of_other_sizes_are_refused():
    runs, results = made_record()
    results[0] = results[0] | {"rows": 200}
    with pytest.raises(SystemExit, match=r"\[100, 200\]"):
        report.page(runs, results)
