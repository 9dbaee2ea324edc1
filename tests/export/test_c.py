"""What a compiled header predicts is what predict does."""

import ctypes
import io
import re
import subprocess

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.export import c_report, to_c
from sklearn_regkd.networks.mlp import ACTIVATIONS
from tests.export.c_programs import (
    LARGEST,
    NO_NUMBERS,
    SANITIZERS,
    Program,
    assert_same,
    can_sanitize,
    compile_c,
    extreme_rows,
    needs_compiler,
)
from tests.helpers import QUICK, TwoLayers

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4)).astype(np.float32)
    X[:, 1] = np.round(X[:, 1])  # ties
    X[:, 2] = X[:, 2] > 0  # two values, which have no waves
    X[:, 3] = 7  # constant
    return X, 50 + 10 * X[:, 0] + X[:, 1] ** 2


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 4)).astype(np.float32)
    X[:, 2] = rng.integers(5, size=150)
    X[::6, 3] = np.nan
    return X, 20 + 3 * X[:, 0] + X[:, 2] ** 2


@pytest.fixture(scope="module")
def student_of_mixed(mixed):
    return StudentRegressor(
        (8, 6), categorical_features=[2], missing_values="indicator", **QUICK
    ).fit(*mixed)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize(
    ("embedding", "input_transform", "sine"),
    [
        ("periodic", "quantile", "libm"),
        ("periodic", "standard", "table"),
        (None, "quantile", "libm"),
        (None, "standard", "libm"),
    ],
)
def test_students(table, tmp_path, activation, embedding, input_transform, sine):
    X, y = table
    student = StudentRegressor(
        (8, 4),
        activation=activation,
        embedding=embedding,
        input_transform=input_transform,
        **QUICK,
    ).fit(X, y)
    assert_same(student, X, tmp_path, extreme_rows(4, X[0]), sine=sine)


@pytest.mark.parametrize("hidden", [(), (5,), (3, 7, 2, 9)])
def test_depth(table, tmp_path, hidden):
    student = StudentRegressor(hidden, **QUICK).fit(*table)
    assert_same(student, table[0], tmp_path, extreme_rows(4, table[0][0]))


def test_gaps_and_categories(mixed, student_of_mixed, tmp_path):
    rows = extreme_rows(4, mixed[0][1], takes_missing=True)
    program = assert_same(student_of_mixed, mixed[0], tmp_path, rows, sine="table", in_domain=True)
    rows = np.concatenate([mixed[0], rows, extreme_rows(4, [np.inf, 0, 1, 0])])
    inside = program.in_domain(rows)
    np.testing.assert_array_equal(inside, student_of_mixed.in_domain(rows))
    assert 0 < inside.sum() < len(rows)


odd = st.floats(-6, 6, width=32) | st.sampled_from([*NO_NUMBERS, -1.0, 2.0, 7.0, LARGEST, 1e-45])


def test_any_rows(mixed, student_of_mixed, tmp_path):
    header = to_c(student_of_mixed, in_domain=True)
    program = Program(header, tmp_path)
    spread = np.ptp(student_of_mixed.predict(mixed[0]))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(*[odd] * 4), min_size=1, max_size=4))
    def check(rows):
        rows = np.array(rows, np.float32)
        refused = np.isinf(rows).any(axis=1)
        found = program.predict(rows)[:, 0]
        np.testing.assert_array_equal(np.isnan(found), refused)
        if not refused.all():
            expected = student_of_mixed.predict(rows[~refused])
            np.testing.assert_allclose(found[~refused], expected, rtol=1e-6, atol=1e-5 * spread)
        np.testing.assert_array_equal(program.in_domain(rows), student_of_mixed.in_domain(rows))

    check()


def test_rows_that_predict_refuses_give_nan(table, tmp_path):
    X, y = table
    program = Program(to_c(StudentRegressor((4,), **QUICK).fit(X, y)), tmp_path)
    rows = X[:13].copy()
    for column in range(4):
        rows[np.arange(3) + 3 * column, column] = NO_NUMBERS
    assert np.isnan(program.predict(rows)[:, 0]).tolist() == 12 * [True] + [False]


@pytest.mark.parametrize("head", ["label", "teacher", "mean"])
def test_heads_and_outputs(table, tmp_path, head):
    X, y = table
    tor = TORRegressor(
        Ridge(), StudentRegressor((8,), **QUICK), heads=2, predict_head=head, random_state=0
    ).fit(X, np.column_stack([y, 1000 - 3 * y]))
    program = assert_same(tor, X, tmp_path)
    assert program.predict(X).shape == (150, 2)


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "gamma"])
def test_logarithms_and_limits(table, tmp_path, loss):
    X, label = table[0], np.exp(table[1] / 20)
    student = StudentRegressor(
        (8,), loss=loss, clip_predictions=True, input_transform="standard", **QUICK
    ).fit(X, label)
    rows = np.concatenate([extreme_rows(4, X[0]), X * 50])
    program = assert_same(student, X, tmp_path, rows)
    assert program.predict(rows).max() == np.float32(label.max())


def test_logarithms_end(table, tmp_path):
    X, y = table
    student = StudentRegressor(
        (), loss="poisson", input_transform="standard", embedding=None, **QUICK
    ).fit(X, np.exp(y / 20))
    program = assert_same(student, X, tmp_path, extreme_rows(4, X[0]))
    assert program.predict(np.full((1, 4), LARGEST)).max() < np.inf


@pytest.mark.filterwarnings("ignore:single precision is too coarse")
def test_double_precision_of_the_inputs(table, tmp_path):
    """Columns of float32 with steps or offsets that single precision cannot subtract."""
    X, y = table[0].copy(), table[1]
    X[:, 0] = X[:, 0] * 64 + 2.0**26
    X[:, 1] *= 1e37
    for transform in ("quantile", "standard"):
        folder = tmp_path / transform
        folder.mkdir()
        student = StudentRegressor((8,), input_transform=transform, **QUICK).fit(X, y)
        header = to_c(student)
        assert "double" in header
        assert_same(student, X, folder, extreme_rows(4, X[0]))


def test_intervals(table, tmp_path):
    X, y = table
    X = X.copy()
    X[::9, 0] = np.nan
    wide = StudentRegressor((6, 5), missing_values="indicator", **QUICK)
    model = DistilledRegressor(None, student=wide, outliers=None, random_state=0)
    y = np.column_stack([y, -y])
    model = model.fit(X, y, teacher_prediction=y + 1)
    program = Program(to_c(model, intervals=0.8), tmp_path)
    expected = model.predict_interval(X, 0.8)
    found = program.interval(X)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.ptp(expected))
    assert np.isnan(program.interval(np.full((1, 4), np.inf, np.float32))).all()


@pytest.mark.parametrize("outside", [GridSearchCV, FrozenEstimator])
def test_wrapped(table, outside):
    X, y = table
    student = StudentRegressor((4,), **QUICK)
    if outside is GridSearchCV:
        wrapped = GridSearchCV(student, {"lr": [0.02]}, cv=2).fit(X, y)
        inside = wrapped.best_estimator_
    else:
        inside = student.fit(X, y)
        wrapped = FrozenEstimator(inside)
    assert to_c(wrapped) == to_c(inside)


def test_a_target_that_is_not_transformed(table, tmp_path):
    X, y = table
    model = TransformedTargetRegressor(StudentRegressor((4,), **QUICK)).fit(X, y)
    assert_same(model, X, tmp_path)


@pytest.mark.parametrize("input_transform", ["quantile", "standard"])
def test_scalers_move_the_tables(mixed, tmp_path, input_transform):
    X, y = mixed[0][:, :2], mixed[1]
    student = StudentRegressor((8,), input_transform=input_transform, **QUICK)
    pipeline = make_pipeline(MinMaxScaler((-3, 2)), "passthrough", RobustScaler(), student)
    model = TransformedTargetRegressor(pipeline, transformer=StandardScaler()).fit(X, y)
    program = assert_same(model, X, tmp_path, in_domain=True)
    rows = np.concatenate([X, X * 3])
    seen = model.regressor_[:-1].transform(rows)
    inside = model.regressor_[-1].in_domain(seen)
    np.testing.assert_array_equal(program.in_domain(rows), inside)
    assert 0 < inside.sum() < len(rows)


def test_what_is_refused(table, mixed):
    X, y = table
    student = StudentRegressor((4,), **QUICK)
    with pytest.raises(ValueError, match=r"'polynomialfeatures'.*cannot be written"):
        to_c(make_pipeline(PolynomialFeatures(), student).fit(X, y))
    clipped = make_pipeline(MinMaxScaler(clip=True), student).fit(X, y)
    with pytest.raises(ValueError, match="'minmaxscaler'"):
        to_c(clipped)
    coded = StudentRegressor((4,), categorical_features=[2], **QUICK)
    with pytest.raises(ValueError, match="column 2, which holds categories"):
        to_c(make_pipeline(StandardScaler(), coded).fit(mixed[0][:, :3], y))
    for kwargs in ({"transformer": PowerTransformer()}, {"func": np.log, "inverse_func": np.exp}):
        with pytest.raises(ValueError, match="the target is transformed"):
            to_c(TransformedTargetRegressor(student, **kwargs).fit(X, y))
    with pytest.raises(ValueError, match="module of your own"):
        to_c(StudentRegressor(module=TwoLayers, **QUICK).fit(X, y))
    with pytest.raises(ValueError, match="Subtract an offset from y"):
        to_c(StudentRegressor((4,), **QUICK).fit(X, 1.7e9 + y))
    with pytest.raises(ValueError, match="intervals are exported of"):
        to_c(student.fit(X, y), intervals=0.9)
    with pytest.raises(NotFittedError):
        to_c(StudentRegressor())
    with pytest.raises(TypeError, match="takes a fitted"):
        to_c(Ridge().fit(X, y))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dtype", "float64"),
        ("sine", None),
        ("prefix", "My-model"),
        ("prefix", ""),
        ("knot_tolerance", -0.1),
        ("knot_tolerance", "much"),
    ],
)
def test_parameters(table, name, value):
    student = StudentRegressor((4,), **QUICK).fit(*table)
    with pytest.raises(ValueError, match=f"^{name} must .*{re.escape(repr(value))}"):
        to_c(student, **{name: value})


def test_columns_too_fine_for_floats(table):
    X, y = table[0].astype(float), table[1]
    X[:, 0] += 1e9
    with pytest.warns(UserWarning, match=r"single precision is too coarse for column 0"):
        to_c(StudentRegressor((4,), **QUICK).fit(X, y))


def test_eight_bits_and_fewer_knots(table, tmp_path):
    X, y = table
    student = StudentRegressor((32, 32), **QUICK).fit(X, y)
    whole = c_report(to_c(student), student, X, y)
    small = to_c(student, dtype="int8", X=X)
    report = c_report(small, student, X, y)
    # Of 32 * 32 + 32 * n weights each takes a byte in place of four.
    assert report.flash < 0.4 * whole.flash
    assert whole.error < 1e-5 < report.error < 0.02
    assert report.agreement > 0.999
    told = float(re.search(r"at most ([\d.]+)% of their range", small)[1]) / 100
    assert abs(told - report.error) < 1e-4
    coarse = c_report(to_c(student, knot_tolerance=0.05, prefix="my_pump"), student, X)
    assert coarse.flash < whole.flash - 300
    assert 1e-5 < coarse.error < 0.05


def test_the_self_test_fails_where_it_should(table, tmp_path):
    X, y = table
    student = StudentRegressor((8,), **QUICK).fit(X, y)
    for dtype in ("float32", "int8"):
        header = to_c(student, dtype=dtype, X=X, prefix="pump", metadata={"unit */": "MPa??/"})
        run = run_self_test(header, tmp_path, "PUMP")
        assert run == 0
    center = re.search(r"pump_center\[1\] = {\n +(.*)f\n}", header)
    spoiled = header.replace(center[0], center[0].replace(center[1], f"{float(center[1]) + 1:.6}"))
    assert run_self_test(spoiled, tmp_path, "PUMP") == 1


def test_the_self_test_of_all_functions(mixed, tmp_path):
    X, y = mixed
    y = np.column_stack([y, -y])
    student = StudentRegressor((8,), categorical_features=[2], missing_values="indicator", **QUICK)
    model = DistilledRegressor(None, student=student, outliers=None, random_state=0)
    model.fit(X, y, teacher_prediction=y + 1)
    header = to_c(model, in_domain=True, intervals=0.5)
    assert run_self_test(header, tmp_path, "STUDENT") == 0
    for spoiled in ("domain_low", "error_upper", "bias_2"):
        first = re.search(rf"student_{spoiled}\[\d+\] = {{\n +(.*?)f", header)
        other = first[0].replace(first[1] + "f", "1e6f")
        assert run_self_test(header.replace(first[0], other), tmp_path, "STUDENT") == 1


def run_self_test(header, folder, prefix):
    """Compile a header as a program, run it, and return its exit status."""
    (folder / "test.h").write_text(header)
    compile_c(folder / "test.h", folder / "test", f"-D{prefix}_SELF_TEST", "-x", "c")
    return subprocess.run([folder / "test"], check=False).returncode


def test_a_table_of_sines(table, tmp_path):
    """Exact up to the phase of 1,000 standard deviations in the shortest wave."""
    X, y = table
    student = StudentRegressor((4,), input_transform="standard", **QUICK).fit(X, y)
    text = """
void waves(const float *phase, float *sine, float *cosine, int n);
void waves(const float *phase, float *sine, float *cosine, int n)
{
    int i;
    for (i = 0; i < n; i++) student_wave(phase[i], sine + i, cosine + i);
}
"""
    (tmp_path / "waves.c").write_text(to_c(student, sine="table") + text)
    compile_c(tmp_path / "waves.c", tmp_path / "waves.so", "-shared", "-fPIC")
    waves = ctypes.CDLL(str(tmp_path / "waves.so")).waves
    near, far = np.linspace(-7, 7, 20_001), np.linspace(-12_800, 12_800, 100_001)
    phase = np.concatenate([near, far]).astype(np.float32)
    found = np.empty((2, len(phase)), np.float32)
    places = [one.ctypes.data_as(ctypes.c_void_p) for one in (phase, *found)]
    waves(*places, len(phase))
    wide = phase.astype(np.float64)
    assert np.abs(found - [np.sin(wide), np.cos(wide)]).max() < 2e-7


def test_no_undefined_behaviour(table, mixed, student_of_mixed, tmp_path):
    """The odd rows again, by programs that stop at the first thing that C does not define."""
    if not can_sanitize(tmp_path):
        pytest.skip("the C compiler has no sanitizers")
    X, y = table
    model = DistilledRegressor(
        None, student=StudentRegressor((8,), **QUICK), outliers=None, random_state=0
    ).fit(X, y, teacher_prediction=y + 1)
    standard = StudentRegressor((8,), input_transform="standard", **QUICK).fit(X, y)
    headers = [
        to_c(student_of_mixed, prefix="a", dtype="int8", in_domain=True),
        to_c(model, prefix="b", intervals=0.9, in_domain=True),
        to_c(standard, prefix="c", sine="table"),
    ]
    odd = [extreme_rows(4, X[0], takes_missing=True), np.tile(np.float32(NO_NUMBERS), (4, 1)).T]
    rows = np.concatenate([*odd, X, mixed[0]])
    numbers = ", ".join(
        {"nan": "NAN", "inf": "INFINITY", "-inf": "-INFINITY"}.get(str(v), f"{v!s}f")
        for v in rows.ravel()
    )
    program = f"""
static const float rows[] = {{{numbers}}};
int main(void) {{
    int i, inside = 0;
    float out[1], lower[1], upper[1];
    for (i = 0; i < {len(rows)}; i++) {{
        const float *row = rows + 4 * i;
        a_predict(row, out);
        b_predict(row, out);
        c_predict(row, out);
        b_interval(row, lower, upper);
        if (lower[0] > upper[0]) return 1;
        inside += a_in_domain(row) + b_in_domain(row);
    }}
    return inside == {inside_of(student_of_mixed, model, rows)} ? 0 : 2;
}}
"""
    (tmp_path / "all.c").write_text("\n".join([*headers, program]))
    compile_c(tmp_path / "all.c", tmp_path / "all", SANITIZERS, "-fno-sanitize-recover=all")
    done = subprocess.run([tmp_path / "all"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def inside_of(student, model, rows):
    return int(student.in_domain(rows).sum() + model.in_domain(rows).sum())


def test_the_comment_and_the_figures(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "width */ ??/": rng.normal(size=80),
            "town": pd.Categorical(rng.choice(["Rome", "Oslo /*"], 80)),
        }
    )
    y = np.where(frame["town"] == "Rome", 3, 5) + frame["width */ ??/"]
    student = StudentRegressor((4, 3), activation="tanh", embedding=None, **QUICK).fit(frame, y)
    path = tmp_path / "student.h"
    header = to_c(student, path, X=frame, metadata={"unit": "MPa"})
    assert path.read_text() == header
    assert header.split("*/")[1].startswith("\n#ifndef")
    assert '"Oslo \\u002f*" = 0, "Rome" = 1; others = -1' in header
    assert 'row[1]: "town"' in header
    assert '"unit": "MPa"' in header
    program = Program(header, tmp_path)
    coded = np.column_stack([frame.iloc[:, 0], frame["town"].cat.codes])
    np.testing.assert_allclose(program.predict(coded)[:, 0], student.predict(frame), rtol=1e-5)
    report = c_report(path, student, frame, y)
    # Two towns and a number into 4, 4 into 3, 3 into 1; tanh of 7.
    assert (report.multiply_adds, report.waves, report.exponentials) == (27, 0, 7)
    assert report.ram == 4 * (4 + 3)
    assert report.error < 1e-5
    assert report.agreement > 0.99999
    assert "27 multiply-adds" in str(report)
    binary = io.BytesIO()
    to_c(student, binary)
    assert b"student_predict" in binary.getvalue()


def test_report_says_what_is_missing(table):
    student = StudentRegressor((4,), **QUICK).fit(*table)
    with pytest.raises(FileNotFoundError, match="no C compiler 'none'"):
        c_report(to_c(student), student, table[0], compiler="none")
    with pytest.raises(ValueError, match="does not compile the header"):
        c_report(to_c(student).replace("float y", "floot y"), student, table[0])
    with pytest.raises(ValueError, match="no header that to_c"):
        c_report("int\nx;", student, table[0])
