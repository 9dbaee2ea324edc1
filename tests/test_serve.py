"""The service of examples/2-practice/serve.py, called as a server calls it, without a network."""

import io
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.export import to_onnx

SERVE = Path(__file__).parent.parent / "examples" / "2-practice" / "serve.py"
Service = runpy.run_path(str(SERVE))["Service"]
ROW = {"area": 1.0, "town": "Rome", "floor": 2.0}


def fit(folder, missing_values):
    """Return an estimator of three columns, and the service of its file."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"area": rng.normal(size=200), "town": rng.choice(["Rome", "Oslo"], 200)})
    X["floor"] = rng.normal(size=200)
    y = X["area"] + 3 * (X["town"] == "Rome")
    if missing_values == "indicator":
        X.loc[::9, "area"] = np.nan
        X.loc[::7, "town"] = None
        y = y.fillna(0)
    X = X.astype({"town": "category"})
    student = StudentRegressor(
        (8,), max_epochs=3, weight_decay=1.0, missing_values=missing_values, random_state=0
    )
    model = DistilledRegressor(student=student, cv=3, random_state=0).fit(X, y)
    path = folder / f"{missing_values}.onnx"
    to_onnx(model, path, in_domain=True, intervals=0.9, metadata={"version": "7"})
    return model, Service(path, max_rows=5, max_bytes=2_000)


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("strict"), "error")


@pytest.fixture(scope="module")
def with_gaps(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("gaps"), "indicator")


def call(app, body=b"", method="POST", path="/predict", **environ):
    """Return the status and the answer of a request."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    defaults = {"REQUEST_METHOD": method, "PATH_INFO": path, "CONTENT_LENGTH": str(len(body))}
    seen = {}

    def start_response(status, headers):
        seen["status"], seen["headers"] = status, dict(headers)

    answer = b"".join(app({**defaults, "wsgi.input": io.BytesIO(body), **environ}, start_response))
    assert seen["headers"]["Content-Type"] == "application/json"
    assert int(seen["headers"]["Content-Length"]) == len(answer)
    return int(seen["status"].split()[0]), json.loads(answer), seen["headers"]


def refused(app, body, status=400, **environ):
    """Return the message of a request that is refused."""
    found, answer, _ = call(app, body, **environ)
    assert found == status, answer
    assert answer.keys() == {"error"}
    return answer["error"]


def check_answer(model, app, rows):
    """Compare an answer with the estimator's, and return which rows are inside."""
    status, answer, _ = call(app, {"rows": rows})
    assert status == 200
    frame = pd.DataFrame(rows, columns=list(ROW)).astype({"area": float, "town": "category"})
    low, high = model.predict_interval(frame, 0.9).T
    expected = {"y": model.predict(frame), "lower": low, "upper": high}
    assert answer.keys() == {*expected, "in_domain"}
    for name, values in expected.items():
        np.testing.assert_allclose(answer[name], values, rtol=1e-4, atol=1e-4)
    assert answer["in_domain"] == model.in_domain(frame).tolist()
    return answer["in_domain"]


def test_answers_are_those_of_the_estimator(strict):
    # The order of the names is not that of the columns.
    rows = [ROW, {"floor": -1, "town": "Oslo", "area": 0}, ROW | {"area": 99}, ROW | {"town": "X"}]
    assert check_answer(*strict, rows) == [True, True, False, False]


def test_gaps_and_unknown_categories(with_gaps):
    rows = [ROW | {"area": None}, ROW | {"town": None}, ROW | {"town": "X"}, ROW | {"floor": None}]
    assert check_answer(*with_gaps, rows) == [True, True, False, False]


def test_a_missing_category_has_an_answer_where_numbers_may_not_be_missing(strict):
    assert check_answer(*strict, [ROW | {"town": None}]) == [False]
    message = refused(strict[1], {"rows": [ROW | {"area": None}]})
    assert "rows[0]: 'area' must be a number, got None; the model takes no gaps" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"area": "1"}, r"rows[1]: 'area' must be a number, got '1'"),
        ({"area": True}, "'area' must be a number, got True"),
        ({"area": [1]}, "'area' must be a number, got [1]"),
        ({"area": 1e39}, "'area' must lie between -3.4e+38 and 3.4e+38, got 1e+39"),
        ({"area": 10**400}, "'area' must lie between"),
        ({"town": 3}, "'town' must be of the type of the categories, such as 'Oslo', got 3"),
        ({"town": {}}, "'town' must be text, a number, true, false or null, got {}"),
        ({"street": 1}, "missing are [], unexpected ['street']"),
    ],
)
def test_values_that_are_refused(strict, change, message):
    assert message in refused(strict[1], {"rows": [ROW, ROW | change]})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"rows": [{"area": NaN}]}', "NaN is no JSON"),
        (b'{"rows": [{"area": -Infinity}]}', "-Infinity is no JSON"),
        (b"", "the body is no JSON"),
        (b"\xff\xfe\xfa", "the body is no JSON"),
        (b"[" * 1_900, "the body is no JSON"),
        ({}, 'expected {"rows": [...]}, got {}'),
        ({"rows": [ROW], "model": 1}, "expected"),
        ([ROW], "expected"),
        ({"rows": []}, "rows must be a list of objects, got []"),
        ({"rows": ROW}, "rows must be a list of objects"),
        ({"rows": [[1, 2, 3]]}, "rows[0] must be an object, got [1, 2, 3]"),
        ({"rows": [{"area": 1, "town": "Rome"}]}, "missing are ['floor'], unexpected []"),
    ],
)
def test_bodies_that_are_refused(strict, body, message):
    assert message in refused(strict[1], body)


def test_an_infinite_number_is_refused(strict):
    body = json.dumps({"rows": [ROW]}).replace("1.0", "1e999").encode()
    assert "'area' must lie between" in refused(strict[1], body)


def test_requests_are_bounded(strict):
    _, app = strict
    assert call(app, {"rows": [ROW] * 5})[0] == 200
    assert "at most 5 rows a request, got 6" in refused(app, {"rows": [ROW] * 6}, 413)

    class Unread:
        def read(self, n_bytes):
            raise AssertionError("a body that is too long must not be read")

    unread = {"wsgi.input": Unread()}
    for length in ("2001", "9" * 5_000):
        message = refused(app, b"", 413, CONTENT_LENGTH=length, **unread)
        assert "at most 2000 bytes a request" in message
    for length in ("", "-1", "many", "²"):
        assert "Content-Length" in refused(app, b"", 411, CONTENT_LENGTH=length, **unread)
    assert "ends after 2 of 9 bytes" in refused(app, b"{}", CONTENT_LENGTH="9")
    # What was given is not sent back at full length.
    assert len(refused(app, {"rows": [{"x" * 1_500: 1}]})) < 300


def test_other_addresses_and_methods(strict):
    _, app = strict
    assert "POST /predict" in refused(app, b"", 404, path="/")
    status, _, headers = call(app, method="GET")
    assert (status, headers["Allow"]) == (405, "POST")
    status, _, headers = call(app, path="/health")
    assert (status, headers["Allow"]) == (405, "GET")


def test_health_names_the_model(strict):
    status, answer, _ = call(strict[1], method="GET", path="/health")
    assert status == 200
    assert (answer["model"], answer["version"]) == ("error", "7")
    assert answer["feature_names"] == list(ROW)


def test_a_file_without_names_is_refused(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 2))
    student = StudentRegressor((8,), max_epochs=2, weight_decay=1.0, random_state=0)
    to_onnx(student.fit(X, X[:, 0]), tmp_path / "array.onnx")
    with pytest.raises(ValueError, match=r"no feature_names.*fit the estimator on a data frame"):
        call(Service(tmp_path / "array.onnx"), method="GET", path="/health")


FORKS = """
import io, os, runpy, sys
app = runpy.run_path(sys.argv[1])["create_app"](sys.argv[2])
assert "onnxruntime" not in sys.modules  # what is loaded before the fork starts no thread
os.unlink(sys.argv[2])  # what is served was read before the fork
body = sys.argv[3].encode()

def answer():
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/predict"}
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    return b"".join(app(environ, lambda status, headers: None))

def fork(inherited=None):
    reader, writer = os.pipe()
    if os.fork() == 0:
        own = app.model is not inherited  # a session of the parent's must not be used
        os.write(writer, answer() if own else b"the parent's session")
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        print(pipe.read().decode())
    assert os.wait()[1] == 0

fork()
fork()
print(answer().decode())
fork(app.model)
print(sorted({"torch", "sklearn", "sklearn_regkd"} & sys.modules.keys()))
"""


def test_forked_workers_answer_with_numpy_and_onnxruntime_alone(strict, tmp_path):
    _, app = strict
    path, body = tmp_path / "copy.onnx", {"rows": [ROW, ROW | {"town": "Oslo"}]}
    path.write_bytes(app.content)
    words = [sys.executable, "-W", "ignore", "-c", FORKS, str(SERVE), str(path), json.dumps(body)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *answers, imported = done.stdout.splitlines()
    assert [json.loads(one) for one in answers] == [call(app, body)[1]] * 4
    assert imported == "[]"
