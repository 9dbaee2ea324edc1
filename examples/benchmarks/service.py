"""How many requests does the service of examples/2-practice/serve.py answer? Prints a table.

Clients, each a process of its own, send requests of random rows, one after the other, and compare
each answer with `predict`, `predict_interval` and `in_domain` of the estimator that the file
was written of. One request in fifty is a wrong one, which has to be refused.

    OMP_NUM_THREADS=1 python examples/benchmarks/service.py
    OMP_NUM_THREADS=1 python examples/benchmarks/service.py --seconds 10 --rows 100 --server wsgiref
"""

import argparse
import json
import multiprocessing
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import numpy as np

SERVE = Path(__file__).parent.parent / "2-practice" / "serve.py"
# Of the width of an interval: what an answer may differ by, which is in single precision. One row
# at a time 2.1e-5 was the most; a bound near 0 leaves no room for a share of itself.
TOLERANCE = 1e-4
EVERY = 50
WITHOUT_GUNICORN = "import sys; sys.modules['gunicorn'] = None"


def known_answers(model, X):
    """Return rows as JSON takes them, and what the estimator says of each."""
    rows = [
        {name: None if value != value else value for name, value in row.items()}
        for row in X.to_dict("records")
    ]
    low, high = model.predict_interval(X, 0.9).T
    answers = {"y": model.predict(X), "lower": low, "upper": high}
    return rows, answers | {"in_domain": model.in_domain(X)}


def is_right(answer, expected):
    """Return whether an answer is what the estimator says."""
    if answer.keys() != expected.keys() or answer["in_domain"] != expected["in_domain"].tolist():
        return False
    room = TOLERANCE * (expected["upper"] - expected["lower"])
    return all(
        len(answer[name]) == len(room) and (np.abs(answer[name] - expected[name]) <= room).all()
        for name in ("y", "lower", "upper")
    )


def client(port, rows, answers, n_rows, seconds, keeps, seed, results):
    """Send requests until the time is over; put times in ms, errors and wrong answers."""
    rng = np.random.default_rng(seed)
    times, errors, n_wrong = [], [], 0
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        at = rng.integers(0, len(rows), n_rows)
        spoiled = len(times) % EVERY == EVERY - 1
        chosen = [{"age": "old"}] if spoiled else [rows[one] for one in at]
        body = json.dumps({"rows": chosen})
        start = time.perf_counter()
        try:
            connection.request("POST", "/predict", body)
            response = connection.getresponse()
            content = response.read()
        except (HTTPException, OSError) as error:
            errors.append(repr(error))
            connection.close()
            continue
        times.append(1e3 * (time.perf_counter() - start))
        if not keeps:
            connection.close()
        if spoiled:
            n_wrong += response.status != 400
        elif response.status != 200:
            errors.append(f"{response.status} {content[:80]!r}")
        else:
            expected = {name: values[at] for name, values in answers.items()}
            n_wrong += not is_right(json.loads(content), expected)
    connection.close()
    results.put((times, errors, n_wrong))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def service(path, workers, server):
    """Start the service in a process of its own; yield its port."""
    port, command = free_port(), [sys.executable, str(SERVE)]
    if server == "wsgiref":
        code = f"{WITHOUT_GUNICORN}; import runpy; sys.argv = sys.argv[1:]"
        code += "; runpy.run_path(sys.argv[0], run_name='__main__')"
        command = [sys.executable, "-c", code, str(SERVE)]
    command += ["run", str(path), "--workers", str(workers), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while True:
            try:
                connection = HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", "/health")
                assert connection.getresponse().status == 200
                connection.close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def measure(path, rows, answers, options, server, keeps):
    """Return a record of one server under load."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    with service(path, options.workers, server) as port:
        told = (port, rows, answers, options.rows, options.seconds, keeps)
        clients = [
            spawn.Process(target=client, args=(*told, seed, results))
            for seed in range(options.clients)
        ]
        for one in clients:
            one.start()
        found = [results.get(timeout=options.seconds + 120) for _ in clients]
        for one in clients:
            one.join()
    times = np.concatenate([one[0] for one in found])
    errors = [error for one in found for error in one[1]]
    for error in errors[:3]:
        print(error, file=sys.stderr)
    return {
        "server": server,
        "connections": "kept" if keeps else "new",
        "requests": f"{len(times):,}",
        "errors": len(errors),
        "wrong answers": sum(one[2] for one in found),
        "p50, ms": f"{np.percentile(times, 50):.1f}",
        "p99, ms": f"{np.percentile(times, 99):.1f}",
        "longest": f"{times.max():.0f}",
        "requests a second": f"{len(times) / options.seconds:,.0f}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1, help="of a request")
    parser.add_argument("--server", choices=["gunicorn", "wsgiref"], help="the other is left out")
    options = parser.parse_args()
    # The server of the standard library closes each connection.
    cases = [("gunicorn", True), ("gunicorn", False), ("wsgiref", False)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "diabetes.onnx")
        rows, answers = known_answers(*runpy.run_path(str(SERVE))["train"](path))
        print(
            f"{options.clients} clients, {options.workers} workers, {options.seconds:g} s, ", end=""
        )
        print(f"rows a request: {options.rows}", flush=True)
        records = [
            measure(path, rows, answers, options, server, keeps)
            for server, keeps in cases
            if options.server in (None, server)
        ]
    print("| " + " | ".join(records[0]) + " |")
    print("| --- " * len(records[0]) + "|")
    for record in records:
        print("| " + " | ".join(map(str, record.values())) + " |")


if __name__ == "__main__":
    main()
