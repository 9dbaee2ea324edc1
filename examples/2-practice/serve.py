"""
Serve a student over HTTP
=========================

A file of ONNX knows the names of its features, its categories and whether it takes gaps, and so a
service can check requests by the file alone. The first command fits a student on the diabetes
table that comes with scikit-learn, the second one answers requests with it::

    python examples/2-practice/serve.py train diabetes.onnx
    python examples/2-practice/serve.py run diabetes.onnx --workers 2 --port 8000
    curl localhost:8000/health
    curl localhost:8000/predict -d '{"rows": [{"age": 50, "sex": "1", "bmi": 27.5, "bp": 95,
        "s1": 180, "s2": 110, "s3": 45, "s4": 4, "s5": 4.8, "s6": null}]}'

An answer has one value a row in each of its lists: ``y``, the bounds ``lower`` and ``upper`` of the
interval, and ``in_domain``, which is false for rows that the table cannot speak about::

    {"y": [166.1], "lower": [66.5], "upper": [284.3], "in_domain": [true]}

``null`` is a gap. A category that `fit` has not seen gets an answer, and ``in_domain`` is false.

Serving needs NumPy and ONNX Runtime: no scikit-learn, no PyTorch, and no file that could run code.
The service is plain WSGI: with two addresses and names that the file gives, a framework such as
FastAPI would bring dependencies and save nothing. gunicorn runs it where it is installed, and
what stands below in `run` may be given to it by hand; else the server of the standard library does.
Both listen on this machine alone: a proxy in front, which is there for slow clients, encryption
and passwords, is the public address.

Without a command the script asks the service itself, as on this page and in a notebook.
"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import hashlib
import io
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from reprlib import repr as shortened
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import numpy as np

MAX_ROWS, MAX_BYTES = 1_000, 1_000_000  # of a request
BACKLOG = 128  # connections that wait for a worker; further ones are refused by the system
SECONDS = 10  # that the server of the standard library waits for a client
REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
}


class Refusal(Exception):
    """A request that is not answered: the status, and a sentence that says why."""

    def __init__(self, status, message, *headers):
        super().__init__(message)
        self.status, self.headers = status, list(headers)


class Model:
    """A session of ONNX Runtime, and what the file says of its inputs.

    Parameters
    ----------
    content : bytes
        A file that `to_onnx` wrote of an estimator that was fitted on a data frame.
    """

    def __init__(self, content):
        # Not at the top: the import starts a thread, and a process that forks should have none.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # workers are processes, one for each core
        self.session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        self.properties = self.session.get_modelmeta().custom_metadata_map
        if "feature_names" not in self.properties:
            raise ValueError(
                "the file has no feature_names, by which requests are checked: fit the estimator "
                "on a data frame, and export it without the other steps of its Pipeline"
            )
        self.names = json.loads(self.properties["feature_names"])
        self.takes_gaps = self.properties["missing_values"] != "error"
        self.codes = {
            one["index"]: dict(one["codes"])
            for one in json.loads(self.properties.get("categories", "[]"))
        }
        is_double = self.session.get_inputs()[0].type == "tensor(double)"
        self.dtype = np.float64 if is_double else np.float32

    def predict(self, rows):
        """Return the outputs of the model, name -> list of a value for each row.

        Parameters
        ----------
        rows : list of dict
            Name of a feature -> value.

        Raises
        ------
        Refusal
            If a row has not exactly the features of the file, or a value is of the wrong kind.
        """
        expected = set(self.names)
        for position, row in enumerate(rows):
            if not isinstance(row, dict):
                raise Refusal(400, f"rows[{position}] must be an object, got {shortened(row)}")
            if row.keys() != expected:
                raise Refusal(
                    400,
                    f"rows[{position}] must have each feature that /health lists, and no other: "
                    f"missing are {shortened(sorted(expected - row.keys()))}, "
                    f"unexpected {shortened(sorted(row.keys() - expected))}",
                )
        X = np.empty((len(rows), len(self.names)), self.dtype)
        for index, name in enumerate(self.names):
            values = [row[name] for row in rows]
            X[:, index] = (
                self._encode(values, name, self.codes[index])
                if index in self.codes
                else self._numbers(values, name)
            )
        names = [output.name for output in self.session.get_outputs()]
        outputs = self.session.run(names, {"X": X})
        return {name: values.tolist() for name, values in zip(names, outputs, strict=True)}

    def _numbers(self, values, name):
        """Return a column of numbers, of which null is NaN."""
        kinds = {int, float, type(None)} if self.takes_gaps else {int, float}
        most = float(np.finfo(self.dtype).max)
        for position, value in enumerate(values):
            if type(value) not in kinds:  # not isinstance: true and false are integers for Python
                raise Refusal(
                    400,
                    f"rows[{position}]: {name!r} must be a number"
                    f"{' or null' if self.takes_gaps else ''}, got {shortened(value)}"
                    f"{'; the model takes no gaps' if value is None else ''}",
                )
            if value is not None and not -most <= value <= most:
                raise Refusal(
                    400,
                    f"rows[{position}]: {name!r} must lie between -{most:.2g} and {most:.2g}, "
                    f"got {shortened(value)}",
                )
        return [np.nan if value is None else value for value in values]

    def _encode(self, values, name, codes):
        """Return a column of codes; -1 is a gap, and the number behind the last code is unknown."""
        is_text = {isinstance(category, str) for category in codes}
        unknown = 1 + max(codes.values(), default=0)
        for position, value in enumerate(values):
            if isinstance(value, list | dict):
                wanted = "text, a number, true, false or null"
            # An unknown category is nothing unusual; "2" in the place of 2 is a mistake.
            elif value in codes or value is None or is_text != {not isinstance(value, str)}:
                continue
            else:
                wanted = f"of the type of the categories, such as {next(iter(codes))!r}"
            raise Refusal(
                400, f"rows[{position}]: {name!r} must be {wanted}, got {shortened(value)}"
            )
        return [-1 if value is None else codes.get(value, unknown) for value in values]


# %%
# The service
# -----------


class Service:
    """The WSGI application.

    The file is read once, before workers are forked: all of them answer with the same model,
    and a file that is replaced is taken by the next start. Each process builds a session of its own
    at its first request, because locks and threads of a session do not survive a fork.

    Parameters
    ----------
    path : str or path-like
        A file that `to_onnx` wrote of an estimator that was fitted on a data frame.
    max_rows, max_bytes : int
        What a request may have.
    """

    def __init__(self, path, max_rows=MAX_ROWS, max_bytes=MAX_BYTES):
        self.path, self.max_rows, self.max_bytes = Path(path), max_rows, max_bytes
        self.content = self.path.read_bytes()
        self._process, self._model, self._lock = None, None, threading.Lock()

    @property
    def model(self):
        """Return the model of this process."""
        with self._lock:  # a worker may have several threads
            if self._process != os.getpid():
                self._model, self._process = Model(self.content), os.getpid()
            return self._model

    def __call__(self, environ, start_response):
        """Answer a request."""
        try:
            status, headers, answer = 200, [], self._answer(environ)
        except Refusal as refusal:
            status, headers, answer = refusal.status, refusal.headers, {"error": str(refusal)}
        # NaN is no JSON, and no answer either: a model that says it is an error of the server.
        body = json.dumps(answer, allow_nan=False).encode()
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status} {REASONS[status]}", headers)
        return [body]

    def _answer(self, environ):
        routes = {"/health": ("GET", self._health), "/predict": ("POST", self._predict)}
        path, given = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        if path not in routes:
            raise Refusal(404, f"there are GET /health and POST /predict, got {shortened(path)}")
        method, function = routes[path]
        if given != method:
            message = f"{path} takes {method}, got {shortened(given)}"
            raise Refusal(405, message, ("Allow", method))
        return function(environ)

    def _health(self, environ):
        properties = self.model.properties
        return {
            "model": properties.get("name", self.path.stem),
            "version": properties.get("version"),
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "feature_names": self.model.names,
            "max_rows": self.max_rows,
        }

    def _predict(self, environ):
        request = parse(read_body(environ, self.max_bytes))
        if not isinstance(request, dict) or request.keys() != {"rows"}:
            raise Refusal(400, f'expected {{"rows": [...]}}, got {shortened(request)}')
        rows = request["rows"]
        if not isinstance(rows, list) or not rows:
            raise Refusal(400, f"rows must be a list of objects, got {shortened(rows)}")
        if len(rows) > self.max_rows:
            raise Refusal(413, f"at most {self.max_rows} rows a request, got {len(rows)}")
        return self.model.predict(rows)


def read_body(environ, max_bytes):
    """Return the body of a request, of which no more is read than may be."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit()):
        raise Refusal(411, f"the header Content-Length must be a number, got {shortened(length)}")
    if len(length) > 15 or int(length) > max_bytes:
        raise Refusal(413, f"at most {max_bytes} bytes a request, got {shortened(length)}")
    body = environ["wsgi.input"].read(int(length))
    if len(body) < int(length):
        raise Refusal(400, f"the body ends after {len(body)} of {length} bytes")
    return body


def parse(body):
    """Return what a body says in JSON."""

    def refuse(word):
        raise Refusal(400, f"{word} is no JSON: null is a gap, and nothing else that is no number")

    try:
        return json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # too deep, or an integer of too many digits
        raise Refusal(400, f"the body is no JSON: {error}") from error


create_app = Service  # gunicorn "serve:create_app('diabetes.onnx')"


def run(path, workers, port):
    """Serve until the process is ended."""
    if find_spec("gunicorn") is None:
        return prefork(create_app(path), workers, port)
    arguments = {
        "--bind": f"127.0.0.1:{port}",
        "--workers": workers,
        # Threads, so that connections are kept and a slow client does not keep a worker.
        "--worker-class": "gthread",
        "--threads": 4,
        "--worker-connections": BACKLOG,
        "--backlog": BACKLOG,
        "--chdir": Path(__file__).parent,
    }
    words = [str(word) for pair in arguments.items() for word in pair]
    name = f"serve:create_app({str(Path(path).resolve())!r})"
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--preload", *words, name])


def prefork(app, workers, port):
    """Serve by processes that wait at one socket, one request at a time each."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that its workers end with it
    fork = multiprocessing.get_context("fork")
    with socket.create_server(("127.0.0.1", port), backlog=BACKLOG) as listener:
        listener.setblocking(False)  # who comes too late for a connection goes on
        processes = [fork.Process(target=work, args=(app, listener)) for _ in range(workers)]
        for process in processes:
            process.daemon = True
            process.start()
        print(f"{len(processes)} workers at http://127.0.0.1:{port}", flush=True)
        multiprocessing.connection.wait([process.sentinel for process in processes])
        raise SystemExit("a worker has ended")  # and who supervises the service starts it again


def work(app, listener):
    """Answer what comes to a socket."""
    server = WSGIServer(listener.getsockname(), Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_name, server.server_port = listener.getsockname()
    server.setup_environ()
    server.set_app(app)
    server.serve_forever()


class Quiet(WSGIRequestHandler):
    """A handler that drops slow clients, and writes no line for each request."""

    timeout = SECONDS

    def log_request(self, *args):
        """Write nothing."""


# %%
# A model, and a first request
# ----------------------------


def fit():
    """Fit a student on the diabetes table; return it with the rows and labels it has not seen."""
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    from sklearn_regkd import DistilledRegressor, StudentRegressor

    table = load_diabetes(as_frame=True, scaled=False)
    X = table.data.astype({"sex": int}).astype({"sex": str}).astype({"sex": "category"})
    X.loc[::10, "s6"] = np.nan  # as if not every patient's blood sugar was measured
    X, X_test, y, y_test = train_test_split(X, table.target, random_state=0)
    student = StudentRegressor(missing_values="indicator", random_state=0)
    return DistilledRegressor(student=student, random_state=0).fit(X, y), X_test, y_test


def train(path):
    """Write the model, and say how good it is."""
    from sklearn_regkd.export import to_onnx

    model, X_test, y_test = fit()
    about = {"name": "diabetes", "version": "1"}
    to_onnx(model, path, in_domain=True, intervals=0.9, metadata=about)
    low, high = model.predict_interval(X_test, 0.9).T
    inside = np.mean((low <= y_test) & (y_test <= high))
    name = Path(path).name
    print(
        f"{name}: R2 {model.score(X_test, y_test):.2f}, {inside:.0%} of labels in intervals of 90 %"
    )
    return model, X_test


def try_out():
    """Fit a student, and print what the service answers: here, without a network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "diabetes.onnx")
        X_test, service = train(path)[1], create_app(path)
    row = json.loads(X_test.iloc[:1].to_json(orient="records"))[0]
    for rows in ([row], [row | {"age": 500}], [row | {"age": "fifty"}]):
        body = json.dumps({"rows": rows}).encode()
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/predict"}
        environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        answer = service(environ, lambda status, headers: print(f"\n{status}"))
        print(b"".join(answer).decode())


def main():
    parser = argparse.ArgumentParser(description="Serve a student over HTTP.")
    parser.add_argument("command", choices=["train", "run", "try"], nargs="?", default="try")
    parser.add_argument("path", nargs="?", help="the file of ONNX")
    parser.add_argument("--workers", type=int, default=2, help="one for each core")
    parser.add_argument("--port", type=int, default=8000)
    # A notebook has no command line: what would stand on it stands in this list.
    options = parser.parse_args([] if "ipykernel" in sys.modules else None)
    if options.command == "try":
        return try_out()
    if options.path is None:
        parser.error(f"{options.command} needs the name of a file: {options.command} FILE")
    if options.command == "train":
        train(options.path)
    else:
        run(options.path, options.workers, options.port)


if __name__ == "__main__":
    main()
