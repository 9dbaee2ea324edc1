"""The functions of a header that are called from outside."""

import numpy as np

from sklearn_regkd.export.c_network import Code
from sklearn_regkd.export.plan import DomainPlan, IntervalPlan, StudentPlan

PREDICT = """
/* Predict one row, in raw units. */
static inline void student_predict(const float *row, float *out)
{
    unsigned o;
    if (student_run(row, outWITH_SIZE)) return;
    for (o = 0; o < STUDENT_N_OUTPUTS; o++) out[o] = NAN;
}
"""

IN_DOMAIN = """
/* Whether the training table can speak about a row. */
static inline int student_in_domain(const float *row)
{
    unsigned i;
    for (i = 0; i < STUDENT_N_FEATURES; i++) {
        const float value = row[i];
        int is_known = value >= student_domain_low[i] && value <= student_domain_high[i];
CATEGORIES        if (!is_known && !((student_domain_kind[i] & 1u) && IS_GAP)) return 0;
    }
    return 1;
}
"""

# The codes of the categories stand in the order of the features, which are few.
CATEGORIES = """        if (student_domain_kind[i] & 2u) {
            unsigned k;
            is_known = 0;
KNOWN            if (value < 0.0f && student_is_finite(value) && (student_domain_kind[i] & 1u))
                is_known = 1;
        }
"""

KNOWN = """            for (k = 0; k < MANYu; k++)
                if (student_domain_feature[k] == i && student_domain_code[k] == value)
                    is_known = 1;
"""

INTERVAL = """
/* Bounds around the prediction of one row. */
static inline void student_interval(const float *row, float *lower, float *upper)
{
    float size[STUDENT_N_OUTPUTS];
    unsigned o;
    if (!student_run(row, lower, size)) {
        for (o = 0; o < STUDENT_N_OUTPUTS; o++) lower[o] = upper[o] = NAN;
        return;
    }
    for (o = 0; o < STUDENT_N_OUTPUTS; o++) {
        const float y = lower[o];
        float z = size[o];
        if (z < student_error_least[o]) z = student_error_least[o];
        if (z > student_error_most[o]) z = student_error_most[o];
        z = expf(z);
        lower[o] = y + z * student_error_lower[o];
        upper[o] = y + z * student_error_upper[o];
        if (lower[o] < student_bound_low[o]) lower[o] = student_bound_low[o];
        if (lower[o] > student_bound_high[o]) lower[o] = student_bound_high[o];
        if (upper[o] < student_bound_low[o]) upper[o] = student_bound_low[o];
        if (upper[o] > student_bound_high[o]) upper[o] = student_bound_high[o];
    }
}
"""


def write_functions(code: Code, plan: StudentPlan) -> None:
    """Write ``student_predict``, and what else the plan says.

    Parameters
    ----------
    code : Code
        It gets the constants and the functions, after those of the network.
    plan : StudentPlan
        The student.
    """
    predict = PREDICT.replace("WITH_SIZE", "" if plan.intervals is None else ", size")
    if plan.intervals is not None:
        predict = predict.replace(
            "    unsigned o;", "    float size[STUDENT_N_OUTPUTS];\n    unsigned o;"
        )
    code.functions.append(predict)
    if plan.domain is not None:
        _write_domain(code, plan.domain)
    if plan.intervals is not None:
        _write_intervals(code, plan.intervals)


def _write_domain(code: Code, domain: DomainPlan) -> None:
    add, n = code.constants.add, len(domain.category_value)
    add("student_domain_low", domain.low, "between which numbers are inside")
    add("student_domain_high", domain.high, "see above")
    kind = (domain.missing + 2 * domain.categorical).astype(np.uint8)
    add("student_domain_kind", kind, "1: may be missing; 2: holds categories")
    text = ""
    if domain.categorical.any():
        text = CATEGORIES.replace("KNOWN", KNOWN.replace("MANY", str(n)) if n else "")
    if n:
        add("student_domain_feature", domain.category_feature, "features of known categories")
        add("student_domain_code", domain.category_value, "and their codes")
    if not n:
        text = text.replace("            unsigned k;\n", "")
    code.functions.append(IN_DOMAIN.replace("CATEGORIES", text).replace("IS_GAP", "value != value"))


def _write_intervals(code: Code, known: IntervalPlan) -> None:
    add = code.constants.add
    add("student_error_least", known.least, "the least logarithm of an error's size")
    add("student_error_most", known.most, "and the largest one")
    add("student_error_lower", known.factors[0], "by which a size is multiplied below")
    add("student_error_upper", known.factors[1], "and above")
    add("student_bound_low", known.low, "beyond which no bound reaches")
    add("student_bound_high", known.high, "see above")
    code.functions.append(INTERVAL)
