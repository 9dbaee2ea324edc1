"""A few of the random fits of `make fuzz-fits`, so that the script does what it says."""

import json

import numpy as np
import pytest

from tests.estimators import fuzz_fits
from tests.estimators.fuzz_cases import Case, draw_case


def test_random_fits_end_well():
    results = list(fuzz_fits.fuzz(0, range(25)))
    assert [result for result in results if result["fault"]] == []
    assert len({result["outcome"] for result in results}) > 1


def test_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys):
    out = tmp_path / "results.jsonl"
    results = [
        {"seed": 0, "number": n, "outcome": "model", "fault": "", "judged": True} for n in (0, 1)
    ]
    out.write_text(json.dumps(results[0]) + "\n" + json.dumps(results[1])[:20])
    ran = []
    monkeypatch.setattr(
        fuzz_fits,
        "run_case",
        lambda seed, n: ran.append(n) or {**results[1], "number": n, "seconds": 0},
    )
    monkeypatch.setattr("sys.argv", ["fuzz_fits", "--cases", "3", "--out", str(out)])
    with pytest.raises(SystemExit, match="False"):
        fuzz_fits.main()
    assert ran == [1, 2]
    assert "3 fits" in capsys.readouterr().out


def test_a_case_is_the_same_each_time():
    first, second = draw_case(0, 3), draw_case(0, 3)
    assert first.about == second.about
    assert fuzz_fits.fingerprint(first) == fuzz_fits.fingerprint(second)


@pytest.mark.parametrize("message", ["shape mismatch", "cannot convert X", "no"])
def test_messages_that_name_nothing_are_found(message):
    assert "names nothing" in fuzz_fits.wrong_with_error(ValueError(message))


def test_models_that_are_worse_than_a_constant_are_found():
    y = np.arange(10.0)
    case = Case(None, None, y)
    assert fuzz_fits.wrong_with_model(case, y) == ""
    assert fuzz_fits.wrong_with_model(case, np.full(10, 4.5)) == ""
    assert "worse" in fuzz_fits.wrong_with_model(case, y[::-1])
    assert "finite" in fuzz_fits.wrong_with_model(case, np.full(10, np.nan))
