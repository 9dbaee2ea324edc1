"""The functions of a student in C: what it sees of a row, its layers, its units, its bounds.

All names begin with ``student_`` here; :func:`~sklearn_regkd.export.to_c` puts the prefix there.
"""

from dataclasses import dataclass, field

import numpy as np

from sklearn_regkd.export.c_text import Constants, number
from sklearn_regkd.export.plan import Dense, Standard, StudentPlan
from sklearn_regkd.export.plan_cost import buffers
from sklearn_regkd.networks.scaling import FARTHEST

# A quarter of a wave in so many steps. Between them the sum formulas with d**2 and d**3 are exact
# to single precision: d is half of a step at most, 0.0245.
SINE_STEPS = 32


@dataclass
class Code:
    """What is written of a student, and what it costs.

    Parameters
    ----------
    constants : Constants
        Arrays in flash.
    functions : list of str
        In the order in which they need each other.
    """

    constants: Constants = field(default_factory=Constants)
    functions: list[str] = field(default_factory=list)


IS_FINITE = """
/* Whether a number is neither NaN nor infinite. */
static inline int student_is_finite(float value)
{
    return value >= -FLT_MAX && value <= FLT_MAX;
}
"""

STANDARD = """
/* What the network sees of a number: standardised; 0 if it is missing. */
static inline float student_enter(unsigned n, float value)
{
    const REAL standard = ((REAL)value - student_input_center[n]) / student_input_scale[n];
    if (value != value) return 0.0f;
    if (standard < -FARTHEST) return -FARTHEST;
    if (standard > FARTHEST) return FARTHEST;
    return (float)standard;
}
"""

TABLE = """
/* What the network sees of a number: its score, between the knots at or below and above it; 0 if
 * it is missing. */
static inline float student_enter(unsigned n, float value)
{
    const unsigned first = student_table[n], last = student_table[n + 1];
    unsigned low = first, high = last;
    if (value != value) return 0.0f;
    while (low < high) {
        const unsigned middle = (low + high) / 2;
        if (student_knot[middle] <= (REAL)value) low = middle + 1; else high = middle;
    }
    if (low == first) return student_score[first];
    if (low == last) return student_score[last - 1];
    {
        const REAL share = ((REAL)value - student_knot[low - 1])
            / (student_knot[low] - student_knot[low - 1]);
        return student_score[low - 1]
            + (float)share * (student_score[low] - student_score[low - 1]);
    }
}
"""

LIBM_WAVES = """
static inline void student_wave(float phase, float *sine, float *cosine)
{
    *sine = sinf(phase);
    *cosine = cosf(phase);
}
"""

# The step is taken off in three parts, of which the first two have six digits in base 2: their
# products with a number of steps below 2**18 are exact, so that 1,000 standard deviations times
# the shortest wave are as exact as a small phase.
TABLE_WAVES = """
/* Sine and cosine from a table of a quarter of a wave, within 2e-7, up to a phase of 12,800. */
static inline void student_wave(float phase, float *sine, float *cosine)
{
    const long n = (long)(phase * PER_STEP + (phase < 0.0f ? -0.5f : 0.5f));
    const float d = ((phase - (float)n * STEP_1) - (float)n * STEP_2) - (float)n * STEP_3;
    const unsigned at = (unsigned)n & ALL_STEPS, j = at & LAST_STEP;
    const float a = student_sine[j], b = student_sine[STEPS - j];
    const float sin_d = d - d * d * d * (1.0f / 6.0f), cos_d = 1.0f - 0.5f * d * d;
    const float s = a * cos_d + b * sin_d, c = b * cos_d - a * sin_d;
    switch (at / STEPS) {
    case 0: *sine = s; *cosine = c; break;
    case 1: *sine = c; *cosine = -s; break;
    case 2: *sine = -s; *cosine = -c; break;
    default: *sine = -c; *cosine = s; break;
    }
}
"""

ACTIVATIONS = {
    "relu": "z > 0.0f ? z : 0.0f",
    "silu": "z / (1.0f + expf(-z))",
    "gelu": "0.5f * z * (1.0f + erff(z * 0.70710678f))",
    "tanh": "tanhf(z)",
}


def write_network(code: Code, plan: StudentPlan, sine: str) -> None:
    """Write the function ``student_run``, which returns 0 for a row that `predict` refuses.

    Parameters
    ----------
    code : Code
        It gets the constants and the functions.
    plan : StudentPlan
        The student.
    sine : {"libm", "table"}
        Where sines and cosines come from.
    """
    code.functions.append(IS_FINITE)
    _write_entrance(code, plan)
    if plan.n_waves:
        _write_waves(code, plan, sine)
    if len(plan.layers) > 1:
        code.functions.append(
            f"static inline float student_activate(float z)\n{{\n"
            f"    return {ACTIVATIONS[plan.activation]};\n}}\n"
        )
    _write_layers(code, plan)


def _write_entrance(code: Code, plan: StudentPlan) -> None:
    entrance, add = plan.entrance, code.constants.add
    if not len(plan.numeric):
        return
    add("student_numeric", plan.numeric, "the features that are numbers")
    if isinstance(entrance, Standard):
        add("student_input_center", entrance.center, "the mean of each of them")
        add("student_input_scale", entrance.scale, "and its standard deviation")
        text = STANDARD.replace("FARTHEST", number(np.float32(FARTHEST)))
    else:
        lengths = [len(knots) for knots in entrance.knots]
        add("student_table", np.cumsum([0, *lengths]), "where the table of each begins")
        add("student_knot", np.concatenate(entrance.knots), "values of the features")
        add("student_score", np.concatenate(entrance.scores), "and their normal scores")
        text = TABLE
    code.functions.append(text.replace("REAL", "double" if entrance.in_double else "float"))


def _write_waves(code: Code, plan: StudentPlan, sine: str) -> None:
    code.constants.add("student_frequency", plan.frequency, "of the waves, in radians")
    if sine == "libm":
        code.functions.append(LIBM_WAVES)
        return
    step = np.pi / 2 / SINE_STEPS
    quarter = np.sin(step * np.arange(SINE_STEPS + 1)).astype(np.float32)
    code.constants.add("student_sine", quarter, "a quarter of a wave")
    first = np.floor(step * 2**10) / 2**10  # six digits: a step is 0.049
    second = np.floor((step - first) * 2**16) / 2**16
    words = {
        "PER_STEP": number(np.float32(1 / step)),
        "STEP_1": number(np.float32(first)),
        "STEP_2": number(np.float32(second)),
        "STEP_3": number(np.float32(step - first - second)),
        "ALL_STEPS": f"{4 * SINE_STEPS - 1}u",
        "LAST_STEP": f"{SINE_STEPS - 1}u",
        "STEPS": f"{SINE_STEPS}u",
    }
    text = TABLE_WAVES
    for word, value in words.items():
        text = text.replace(word, value)
    code.functions.append(text)


def _by_input(plan: StudentPlan) -> np.ndarray:
    """Return the first layer's weights, one input with its waves after the other."""
    weight, n, k = plan.layers[0].weight.T, plan.n_waves, len(plan.frequency)
    plain, sine, cosine = np.split(weight, [plan.n_inputs, plan.n_inputs + n * k])
    shape = n, k, weight.shape[1]
    waves = np.stack([sine.reshape(shape), cosine.reshape(shape)], axis=2)
    each = [np.concatenate([plain[i, None], waves[i].reshape(2 * k, shape[2])]) for i in range(n)]
    return np.concatenate([*each, plain[n:]])


def _write_layers(code: Code, plan: StudentPlan) -> None:
    add = code.constants.add
    first, *others = plan.layers
    add("student_weight_1", _by_input(plan), "the first layer, input by input with its waves")
    for n, layer in enumerate(others, 2):
        add(f"student_weight_{n}", layer.weight, f"layer {n}, output by output")
    for n, layer in enumerate(plan.layers, 1):
        add(f"student_bias_{n}", layer.bias, "what is added")
        if layer.unit is not None:
            add(f"student_unit_{n}", layer.unit, "what a weight is worth")
    if len(plan.gaps):
        add("student_gap", plan.gaps, "features whose gaps are an input")
    if len(plan.category_value):
        add("student_category", plan.category_feature, "features of all categories")
        add("student_code", plan.category_value, "and their codes")
    with_size = plan.intervals is not None
    if with_size:
        _write_size(code, plan)
    a, b = buffers(plan)
    lines = [
        "/* Predict a row; 0 if predict refuses it, because it holds infinity"
        f"{'' if plan.takes_missing else ', or NaN'}. */",
        f"static inline int student_run(const float *row, float *out{', float *size' * with_size})",
        "{",
        *[f"    float {name}[{n}];" for name, n in (("a", a), ("b", b)) if n],
        f"    const {_kind(first)} *w = student_weight_1;",
        *(["    const float *v = student_error_weight;"] if with_size else []),
        "    unsigned i, o;",
        *_refusal(plan),
        *(_begin_size(plan) if with_size else []),
        *_first_layer(plan),
    ]
    source = "a"
    for n, layer in enumerate(others, 2):
        width = len(plan.layers[n - 2].bias)
        if with_size:
            lines += _add_hidden(source, width)
        target = "out" if n == len(plan.layers) else ("b" if source == "a" else "a")
        lines += _dense(n, layer, width, source, target)
        source = target
    code.functions.append("\n".join([*lines, *_finish(code, plan), "    return 1;", "}"]))


def _kind(layer: Dense) -> str:
    return "float" if layer.unit is None else "int8_t"


def _refusal(plan: StudentPlan) -> list[str]:
    gap = "row[i] == row[i] && " if plan.takes_missing else ""
    return [
        f"    for (i = 0; i < {plan.n_features}u; i++)",
        f"        if ({gap}!student_is_finite(row[i])) return 0;",
    ]


def _first_layer(plan: StudentPlan) -> list[str]:
    """Return the lines that add up the first layer, without room for what waves there are."""
    layer, k = plan.layers[0], len(plan.frequency)
    width, last = len(layer.bias), len(plan.layers) == 1
    h = "out" if last else "a"
    start = "student_bias_1[o]" if layer.unit is None else "0.0f"
    every = f"for (o = 0; o < {width}u; o++)"
    lines = [f"    {every} {h}[o] = {start};"]
    see = "student_see(&v, size, SEEN);"

    def seen(value: str) -> list[str]:
        return ["        " + see.replace("SEEN", value)] if plan.intervals is not None else []

    if len(plan.numeric):
        lines += [
            f"    for (i = 0; i < {len(plan.numeric)}u; i++) {{",
            "        const float x = student_enter(i, row[student_numeric[i]]);",
            *seen("x"),
            f"        {every} {h}[o] += x * (float)w[o];",
            f"        w += {width};",
        ]
        if plan.n_waves:
            within = plan.n_waves < len(plan.numeric)
            lines += [
                *([f"        if (i < {plan.n_waves}u) {{"] if within else ["        {"]),
                "            unsigned k;",
                f"            for (k = 0; k < {k}u; k++) {{",
                "                float s, c;",
                "                student_wave(x * student_frequency[k], &s, &c);",
                f"                {every}",
                f"                    {h}[o] += s * (float)w[o] + c * (float)w[{width} + o];",
                f"                w += {2 * width};",
                "            }",
                "        }",
            ]
        lines.append("    }")
    tests = (
        (len(plan.gaps), "row[student_gap[i]] != row[student_gap[i]]"),
        (len(plan.category_value), "row[student_category[i]] == student_code[i]"),
    )
    for n, test in tests:
        if n:
            lines += [
                f"    for (i = 0; i < {n}u; i++) {{",
                f"        const int x = {test};",
                *seen("(float)x"),
                f"        if (x) {every} {h}[o] += (float)w[o];",
                f"        w += {width};",
                "    }",
            ]
    value = f"{h}[o]" if layer.unit is None else f"{h}[o] * student_unit_1[o] + student_bias_1[o]"
    value = value if last else f"student_activate({value})"
    return lines if value == f"{h}[o]" else [*lines, f"    {every} {h}[o] = {value};"]


def _dense(n: int, layer: Dense, n_in: int, source: str, target: str) -> list[str]:
    n_out, is_real = len(layer.bias), layer.unit is None
    value = "sum" if is_real else f"sum * student_unit_{n}[o] + student_bias_{n}[o]"
    value = value if target == "out" else f"student_activate({value})"
    return [
        f"    for (o = 0; o < {n_out}u; o++) {{",
        f"        const {_kind(layer)} *u = student_weight_{n} + o * {n_in}u;",
        f"        float sum = {f'student_bias_{n}[o]' if is_real else '0.0f'};",
        f"        for (i = 0; i < {n_in}u; i++) sum += {source}[i] * (float)u[i];",
        f"        {target}[o] = {value};",
        "    }",
    ]


def _finish(code: Code, plan: StudentPlan) -> list[str]:
    """Return the lines from the last layer to raw units."""
    add = code.constants.add
    add("student_center", plan.center, "raw units: times the scale, plus the center")
    add("student_scale", plan.scale, "see above")
    lines = [f"    for (o = 0; o < {plan.n_outputs}u; o++) {{", "        float y = out[o];"]
    if plan.largest_log is not None:
        largest = number(np.float32(plan.largest_log))
        lines.append(f"        y = expf(y < {largest} ? y : {largest});")
    lines.append("        y = y * student_scale[o] + student_center[o];")
    if plan.low is not None and plan.high is not None:
        add("student_low", plan.low, "the least prediction")
        add("student_high", plan.high, "and the largest one")
        lines += [
            "        if (y < student_low[o]) y = student_low[o];",
            "        if (y > student_high[o]) y = student_high[o];",
        ]
    return [*lines, "        out[o] = y;", "    }"]


def _write_size(code: Code, plan: StudentPlan) -> None:
    """Write what adds up the logarithm of an expected error: inputs in turn, then hidden layers."""
    known, n = plan.intervals, plan.n_inputs
    assert known is not None
    plain, size, hidden = np.split(known.weight.T, [n, 2 * n])
    both = np.stack([plain, size], axis=1).reshape(2 * n, -1)
    weight = np.concatenate([both, hidden])
    code.constants.add("student_error_weight", weight, "of inputs, their sizes, hidden layers")
    code.constants.add("student_error_bias", known.bias, "what is added")
    k = plan.n_outputs
    code.functions.append(f"""
/* Add what an input says of the size of an error. */
static inline void student_see(const float **v, float *size, float x)
{{
    unsigned o;
    for (o = 0; o < {k}u; o++)
        size[o] += x * (*v)[o] + (x < 0.0f ? -x : x) * (*v)[{k} + o];
    *v += {2 * k};
}}

/* Add what a hidden layer says of it. */
static inline void student_see_hidden(const float **v, float *size, const float *h, unsigned n)
{{
    unsigned i, o;
    for (i = 0; i < n; i++, *v += {k})
        for (o = 0; o < {k}u; o++) size[o] += h[i] * (*v)[o];
}}
""")


def _begin_size(plan: StudentPlan) -> list[str]:
    return [f"    for (o = 0; o < {plan.n_outputs}u; o++) size[o] = student_error_bias[o];"]


def _add_hidden(source: str, width: int) -> list[str]:
    return [f"    student_see_hidden(&v, size, {source}, {width}u);"]
