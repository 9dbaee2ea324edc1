"""The part of a header that tests itself: rows, and what they have to come out at."""

import numpy as np

from sklearn_regkd.export.c_text import array
from sklearn_regkd.export.plan import StudentPlan
from sklearn_regkd.export.plan_run import run_bounds, run_plan
from sklearn_regkd.export.plan_steps import Around

N_ROWS = 16
# How far a value may be off, in parts of the range of the predictions and of the largest one.
OF_RANGE, OF_LARGEST = 1e-5, 2e-6

BOUNDS = ("lower", "upper")
INTERVAL = """
        float lower[STUDENT_N_OUTPUTS], upper[STUDENT_N_OUTPUTS];
"""
CALL = """
        float out[STUDENT_N_OUTPUTS];
        student_predict(row, out);
"""
DOMAIN = """
        wrong += student_in_domain(row) != student_test_inside[n];
"""
CHECK = (
    "            wrong += !student_is_near({0}[o], student_test_{0}[at + o], student_test_most[o]);"
)

SELF_TEST = """
#ifdef STUDENT_SELF_TEST
{arrays}
/* Whether a value is what it should be, NaN included. */
static inline int student_is_near(float value, float wanted, float most)
{{
    const float off = value - wanted;
    return wanted != wanted ? value != value : off <= most && off >= -most;
}}

/* Return how many values of some rows are not what they should be. */
static inline int student_self_test(void)
{{
    unsigned n, o;
    int wrong = 0;
    for (n = 0; n < {n_rows}u; n++) {{
        const float *row = student_test_row + n * STUDENT_N_FEATURES;
        const unsigned at = n * STUDENT_N_OUTPUTS;
{calls}
        for (o = 0; o < STUDENT_N_OUTPUTS; o++) {{
{checks}
        }}
    }}
    return wrong;
}}

int main(void)
{{
    return student_self_test() != 0;
}}
#endif
"""


def write_self_test(
    plan: StudentPlan, found: Around, rows: np.ndarray, expect_predict: bool
) -> str:
    """Return the test of a header.

    Parameters
    ----------
    plan : StudentPlan
        What is written.
    found : Around
        The student, with what is around it.
    rows : ndarray of shape (n_samples, n_features), float32
        Of which some are taken; the last row of the test is one that is refused.
    expect_predict : bool
        Whether what is written predicts what the estimator does; else the plan says what it is.
    """
    expected = found.predict(rows) if expect_predict else run_plan(plan, rows)
    known = expected[np.isfinite(expected).all(axis=1)]
    spread = np.ptp(known, axis=0) if len(known) else np.zeros(plan.n_outputs)
    largest = np.abs(known).max(axis=0, initial=0.0)
    most = OF_RANGE * spread + OF_LARGEST * largest + np.finfo(np.float32).tiny
    at = np.unique(np.linspace(0, len(rows) - 1, N_ROWS).astype(int))
    refused = rows[:1].copy()
    refused[0, 0] = np.inf
    some = np.concatenate([rows[at], refused])
    wanted = np.concatenate([expected[at], np.full((1, plan.n_outputs), np.nan, np.float32)])
    arrays = [
        array("student_test_row", some, "rows"),
        array("student_test_out", wanted, "what they come out at"),
        array("student_test_most", most.astype(np.float32), "how far a value may be off"),
    ]
    calls, checks = [CALL], [CHECK.format("out")]
    if plan.domain is not None:
        inside = found.contains(some).astype(np.uint8)
        arrays.append(array("student_test_inside", inside, "whether they are in the domain"))
        calls.append(DOMAIN)
    if plan.intervals is not None:
        for name, bound in zip(BOUNDS, run_bounds(plan, some), strict=True):
            arrays.append(array(f"student_test_{name}", bound, "a bound around it"))
            checks.append(CHECK.format(name))
        calls = [INTERVAL, *calls, "        student_interval(row, lower, upper);"]
    lines = (text.strip("\n") for text in calls)
    return SELF_TEST.format(
        arrays="\n".join(arrays),
        n_rows=len(some),
        calls="\n".join(lines),
        checks="\n".join(checks),
    )
