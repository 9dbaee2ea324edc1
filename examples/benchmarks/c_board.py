"""A student as a program for a Cortex-M4: its size, its stack, its instructions, its self-test.

    python examples/benchmarks/c_board.py --data folder --tables NAME ...

It needs arm-none-eabi-gcc with newlib and qemu-system-arm. Tables are those of c_export.py; flash
is that of a whole program with what it uses of math.h; stack and instructions are counted by the
emulator while the header tests itself there. Beside it an MLP of scikit-learn by emlearn, where
that is installed.
"""

import argparse
import pathlib
import re
import subprocess
import tempfile
import warnings

import numpy as np
from c_export import SMALLER, print_table, smallest
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd.export import c_report, to_c

COLUMNS = ["table", "what", "R2", "flash", "static RAM", "stack", "instructions", "self-test"]
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
    parser.add_argument("--tables", nargs="*", help="names of files, without .npz")
    options = parser.parse_args()
    print_table(COLUMNS, board, options.data, options.tables)


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


if __name__ == "__main__":
    main()
