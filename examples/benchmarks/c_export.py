"""A student as a C header: how exact it is, what it costs, and how small it can be.

    python examples/benchmarks/c_export.py --data folder --part exact --tables NAME ...

Without --part and --tables all are done. Tables are files (.npz) of a folder with X and y; 70 % of
at most 4,000 rows are learned. ``exact`` compiles the default student of each table and compares it
with `predict` and ONNX Runtime, on all rows and on a set of extreme ones. ``small`` looks for the
smallest student that keeps 98 % of the default one's R2. ``knots`` shortens the tables. ``board``
needs arm-none-eabi-gcc with newlib and qemu-system-arm: sizes of whole programs for a Cortex-M4,
stack and instructions as counted by the emulator, while the header tests itself there; beside an
MLP of scikit-learn by emlearn, where that is installed.
"""

import argparse
import pathlib
import re
import subprocess
import tempfile
import warnings

import numpy as np
import onnxruntime
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import StudentRegressor
from sklearn_regkd.export import c_report, to_c, to_onnx
from sklearn_regkd.export.c_report import compile_rows
from sklearn_regkd.utils.timing import microseconds

MOST_ROWS = 4000
KEPT = 0.98
SIZES = ((64, 64), (32, 32), (16, 16), (16,), (8,))
SMALLER = {"dtype": "int8", "knot_tolerance": 0.03, "sine": "table"}
EXTREMES = (0.0, 1e-45, -1e-45, 1e-38, 3.4028235e38, -3.4028235e38, 1e30, -1e30, 1e6, -1.0, 0.5)
TOLERANCES = (0, 0.003, 0.01, 0.03, 0.1)
ARM = "-std=gnu99 -Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -nostartfiles"
ARM += " -ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,--no-warn-rwx-segments"
ARM += " --specs=nano.specs --specs=nosys.specs"
QEMU = "qemu-system-arm -M mps2-an386 -nographic -icount shift=0 -semihosting-config"
QEMU += " enable=on,target=native -kernel"

# Stack below main, and ticks of 40 ns in which the emulator runs one instruction per ns.
START = """
#include <stdint.h>
extern uint32_t stack_top, stack_end;
int main(void);
static void host(int what, const void *block)
{
    __asm volatile("mov r0, %0\\n mov r1, %1\\n bkpt 0xab" : : "r"(what), "r"(block)
        : "r0", "r1", "memory");
}
static void tell(uint32_t value)
{
    static char text[12];
    int at = 11;
    text[--at] = ' ';
    do text[--at] = (char)('0' + value % 10u); while (value /= 10u);
    host(4, text + at);
}
static void leave(int status)
{
    static volatile uint32_t block[2];
    block[0] = 0x20026u;
    block[1] = (uint32_t)status;
    host(0x20, (const void *)block);
    for (;;) {}
}
void reset(void)
{
    volatile uint32_t *const tick = (volatile uint32_t *)0xE000E010u;
    uint32_t *at, *const here = &stack_top - 32; /* more than this function takes */
    int status;
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* the FPU */
    __asm volatile("dsb\\n isb");
    for (at = &stack_end; at < here; at++) *at = 0xA5A5A5A5u;
    tick[1] = 0xFFFFFFu;
    tick[2] = 0u;
    tick[0] = 5u;
    status = main();
    tick[0] = 4u;
    tell(0xFFFFFFu - tick[2]);
    for (at = &stack_end; *at == 0xA5A5A5A5u; at++) {}
    tell((uint32_t)((char *)&stack_top - (char *)at));
    leave(status);
}
static void fault(void) { leave(99); }
__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    &stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
    (void *)fault };
"""
LINK = """
MEMORY { FLASH (rx) : ORIGIN = 0, LENGTH = 4M  RAM (rw) : ORIGIN = 0x20000000, LENGTH = 4M }
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > FLASH
  .ARM.exidx : { *(.ARM.exidx*) } > FLASH
  .data : { *(.data*) } > RAM
  .bss : { *(.bss*) *(COMMON) } > RAM
  end = .;
  stack_top = ORIGIN(RAM) + 0x10000;
  stack_end = ORIGIN(RAM) + 0x8000;
}
"""
# A program that uses nothing but the function: its size is what a firmware grows by.
SIZE_OF_STUDENT = """
volatile float row[STUDENT_N_FEATURES], out[STUDENT_N_OUTPUTS];
int main(void) { student_predict((const float *)row, (float *)out); return 0; }
"""
SIZE_OF_NET = """
volatile float row[{n}], out[1];
int main(void)
{{
    net_regress((const float *)row, {n}, (float *)out, 1);
    return 0;
}}
"""
SIZE_OF_NOTHING = "int main(void) { return 0; }\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of .npz files")
    parser.add_argument("--part", choices=PARTS, help="one of the tables alone")
    parser.add_argument("--tables", nargs="*", help="names of files, without .npz")
    options = parser.parse_args()
    for part in [options.part] if options.part else PARTS:
        columns, rows_of = PARTS[part]
        columns = " | ".join(columns).split(" | ")
        print(f"\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}", flush=True)
        for path in sorted(options.data.glob("*.npz")):
            table = read(path)
            if table is not None and (not options.tables or path.stem in options.tables):
                for row in rows_of(path.stem, *table):
                    print(f"| {' | '.join(map(str, row))} |", flush=True)


def read(path):
    """Return rows and labels for training and for tests, and which columns hold categories."""
    table = np.load(path)
    name = next((one for one in ("y", "y_given") if one in table), None)
    X = table["X"]
    if name is None or X.ndim > 2 or table[name].ndim > 1:
        return None
    at = np.random.default_rng(0).permutation(len(X))[:MOST_ROWS]
    X, y = X[at].astype(np.float32), table[name][at].astype(float)
    categorical = np.flatnonzero(table["categorical"]) if "categorical" in table else []
    parts = train_test_split(X, y, test_size=0.3, random_state=0)
    return (*parts, [int(column) for column in categorical])


def fit(X, y, categorical, **params):
    """Return a student."""
    params = {"categorical_features": categorical or None, "random_state": 0, **params}
    return StudentRegressor(**params).fit(X, y)


def extreme_rows(X):
    """Return rows that hold an odd number in each column in turn, and in all of them."""
    rows = [np.full(X.shape[1], value) for value in EXTREMES]
    for column in range(X.shape[1]):
        for value in EXTREMES:
            rows.append(np.where(np.arange(X.shape[1]) == column, value, X[0]))
    return np.array(rows, np.float32)


def exact(name, X, X_test, y, y_test, categorical):
    """Return a line about the default student: how exact, how large, how quick."""
    student = fit(X, y, categorical)
    every = np.concatenate([X, X_test])
    report = c_report(to_c(student), student, every)
    table = c_report(to_c(student, sine="table"), student, every)
    small = c_report(to_c(student, dtype="int8", X=X), student, X_test, y_test)
    far = extreme_rows(X)
    with tempfile.TemporaryDirectory() as folder:
        off = np.abs(compile_rows(to_c(student), folder)(far)[:, 0] - student.predict(far)).max()
    spread = np.ptp(student.predict(every))
    session = onnxruntime.InferenceSession(
        to_onnx(student).SerializeToString(), one_thread(), providers=["CPUExecutionProvider"]
    )
    one, feed, row = X[:1], {"X": X}, {"X": X[:1]}
    loss = r2_score(y_test, student.predict(X_test)) - small.label
    yield (
        name,
        X.shape[1],
        f"{report.error:.0e}",
        f"{off / spread:.0e}",
        f"{table.error:.0e}",
        f"{report.flash:,}",
        report.ram,
        f"{report.per_row:.1f}",
        f"{microseconds(session.run, None, row, n_calls=50):.0f}",
        f"{microseconds(session.run, None, feed) / len(X):.1f}",
        f"{microseconds(student.predict, one, n_calls=20):.0f}",
        f"{microseconds(student.predict, X) / len(X):.1f}",
        f"{small.flash:,}",
        f"{small.agreement:.5f}",
        f"{loss:+.4f}",
        f"{small.error:.1%}",
    )


def one_thread():
    """Return options of a session."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return options


def smallest(X, X_test, y, y_test, categorical):
    """Return the default student, its R2, and the smallest header that keeps most of it."""
    whole = fit(X, y, categorical)
    wanted = r2_score(y_test, whole.predict(X_test))
    best = None
    for sizes in SIZES:
        for embedding in ("periodic", None):
            decay = whole.weight_decay_
            student = fit(
                X, y, categorical, hidden_layer_sizes=sizes, embedding=embedding, weight_decay=decay
            )
            header = to_c(student, **SMALLER)
            report = c_report(header, student, X_test, y_test)
            if report.label >= KEPT * wanted and (best is None or report.flash < best[0].flash):
                best = report, student, header
    return whole, wanted, best


def small(name, *table):
    """Return a line about the smallest student."""
    whole, wanted, best = smallest(*table)
    report = c_report(to_c(whole), whole, table[1])
    costs = [f"{report.flash:,}", report.ram, f"{report.multiply_adds:,}"]
    found = ["none"] + 5 * [""]
    if best is not None:
        cost, student, _ = best
        found = [
            f"{student.hidden_layer_sizes}, {student.embedding}",
            f"{cost.flash:,}",
            cost.ram,
            f"{cost.multiply_adds:,}",
            f"{cost.waves}",
            f"{cost.label:.3f}",
        ]
    yield name, f"{wanted:.3f}", *costs, *found


def knots(name, X, X_test, y, y_test, categorical):
    """Return a line about tables with fewer knots."""
    student = fit(X, y, categorical)
    found = [name]
    for tolerance in TOLERANCES:
        report = c_report(to_c(student, knot_tolerance=tolerance), student, X_test)
        found += [f"{report.flash:,}", f"{report.agreement:.5f}", f"{report.error:.1%}"]
    yield found


def board(name, X, X_test, y, y_test, categorical):
    """Return lines about programs for a Cortex-M4."""
    whole, wanted, best = smallest(X, X_test, y, y_test, categorical)
    options = {"X": X_test}
    yield line(name, "default", to_c(whole, **options), wanted)
    yield line(name, "default, sine='table'", to_c(whole, sine="table", **options), wanted)
    report = c_report(to_c(whole, dtype="int8"), whole, X_test, y_test)
    header = to_c(whole, dtype="int8", sine="table", **options)
    yield line(name, "default, int8, sine='table'", header, report.label)
    if best is not None:
        cost, student, _ = best
        header = to_c(student, **SMALLER, **options)
        what = f"{student.hidden_layer_sizes}, {student.embedding}, int8, sine='table', knots 0.03"
        yield line(name, what, header, cost.label)
    yield from emlearn_lines(name, X, X_test, y, y_test)


def line(name, what, header, r2):
    """Return a line about a header."""
    nothing = arm_size(SIZE_OF_NOTHING)
    flash, static = np.subtract(arm_size(header + SIZE_OF_STUDENT), nothing)
    n_rows = n_test_rows(header) - 1  # the last one is refused at once
    ticks, stack, status = emulate(header)
    result = "passes" if status == 0 else f"fails: {status}"
    return name, what, f"{r2:.3f}", f"{flash:,}", static, stack, f"{40 * ticks // n_rows:,}", result


def n_test_rows(header):
    """Return the number of rows of a self-test."""
    values = int(re.search(r"student_test_out\[(\d+)\]", header)[1])
    return values // int(re.search(r"STUDENT_N_OUTPUTS (\d+)", header)[1])


def build(source, folder, *more):
    """Compile a program for the board, and return its path."""
    for file, text in (("start.c", START), ("link.ld", LINK), ("main.c", source)):
        (folder / file).write_text(text)
    command = ["arm-none-eabi-gcc", *ARM.split(), "-T", folder / "link.ld", *more]
    command += [folder / "start.c", folder / "main.c", "-lm", "-o", folder / "main.elf"]
    subprocess.run(command, check=True)
    return folder / "main.elf"


def arm_size(source, *more):
    """Return bytes of a program in flash and of what is static in RAM."""
    with tempfile.TemporaryDirectory() as name:
        program = build(source, pathlib.Path(name), *more)
        done = subprocess.run(
            ["arm-none-eabi-size", program], capture_output=True, text=True, check=True
        )
    text, data, bss = map(int, done.stdout.splitlines()[1].split()[:3])
    return text + data, data + bss


def emulate(header):
    """Return ticks, bytes of the stack and the status of a header that tests itself."""
    with tempfile.TemporaryDirectory() as name:
        program = build(header, pathlib.Path(name), "-DSTUDENT_SELF_TEST")
        command = [*QEMU.split(), program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    ticks, stack = map(int, (done.stdout + done.stderr).split()[:2])
    return ticks, stack, done.returncode


def emlearn_lines(name, X, X_test, y, y_test):
    """Return lines about MLPs of scikit-learn, whose scaling is not in the program."""
    try:
        import emlearn
    except ImportError:
        return
    np.seterr(all="warn", under="ignore")  # emlearn has made NumPy raise at each underflow
    for sizes in ((64, 64), (16, 16)):
        mean, spread = y.mean(), y.std()
        net = MLPRegressor(hidden_layer_sizes=sizes, max_iter=500, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipeline = make_pipeline(StandardScaler(), net).fit(X, (y - mean) / spread)
        r2 = r2_score(y_test, pipeline.predict(X_test) * spread + mean)
        model = emlearn.convert(net, method="loadable", return_type="regressor")
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "net.h")
            model.save(name="net", file=str(file))
            source = f"{file.read_text()}\n{SIZE_OF_NET.format(n=X.shape[1])}"
            include = pathlib.Path(emlearn.__file__).parent
            sizes_of = np.subtract(arm_size(source, f"-I{include}"), arm_size(SIZE_OF_NOTHING))
        what = f"emlearn: MLPRegressor{sizes}, without its scalings"
        yield name, what, f"{r2:.3f}", f"{sizes_of[0]:,}", sizes_of[1], "", "", ""


PARTS = {
    "exact": (
        [
            "table",
            "features",
            "off, all rows",
            "off, extreme rows",
            "off, sine='table'",
            "flash",
            "RAM",
            "us C",
            "us ONNX 1",
            "us ONNX many",
            "us predict 1",
            "us predict many",
            "int8: flash",
            "R2 to predict",
            "lost R2",
            "off at most",
        ],
        exact,
    ),
    "small": (
        [
            "table",
            "R2",
            "flash",
            "RAM",
            "products",
            "smallest with 98 %",
            "flash",
            "RAM",
            "products",
            "waves",
            "R2",
        ],
        small,
    ),
    "knots": (
        ["table", *(f"{t}: flash | R2 to predict | off at most" for t in TOLERANCES)],
        knots,
    ),
    "board": (
        ["table", "what", "R2", "flash", "static RAM", "stack", "instructions", "self-test"],
        board,
    ),
}

if __name__ == "__main__":
    main()
