// What a student predicts for rows of raw features. Nothing is loaded, nothing is written.
//
//   import { predict } from "./student.js";
//   predict([540, 0, 0, 162, 2.5, 1040, 676, 28])   // a list in the order of featureNames
//   predict({ cement: 540, slag: 0, ... })          // or an object with these names
//
// Categories are the codes that `categories` tells, gaps are NaN. A row that the estimator refuses
// gives NaN.

// Constants of single precision are written in as few digits as tell them apart.
const rounded = (value) => {
  if (typeof value === "number") return Math.fround(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(rounded);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, rounded(one)]));
};
const student = { ...STUDENT, ...rounded(CONSTANTS) };

/** Names of the features in the order of a row, null if the estimator was fitted without names. */
export const featureNames = student.featureNames;
/** For each feature of categories: its index, and pairs of category and code. */
export const categories = student.categories;

const activations = {
  relu: (z) => Math.max(z, 0),
  silu: (z) => z / (1 + Math.exp(-z)),
  gelu: (z) => (z * (1 + erf(z * Math.SQRT1_2))) / 2,
  tanh: Math.tanh,
};

/** Return the error function: its series near 0, a continued fraction beyond. */
function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
      if (n > 200) break;
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = size;
  for (let n = 60; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / fraction);
}

/** Return a row as numbers of single precision. */
function numbers(row) {
  const values = Array.isArray(row) || ArrayBuffer.isView(row) ? Array.from(row) : byName(row);
  if (values.length !== student.nFeatures) {
    throw new RangeError(`a row has ${values.length} values, expected ${student.nFeatures}`);
  }
  return values.map((value, i) => {
    if (typeof value !== "number") {
      const name = featureNames === null ? `value ${i}` : `"${featureNames[i]}"`;
      throw new TypeError(`${name} is ${JSON.stringify(value)}, expected a number`);
    }
    return Math.fround(value);
  });
}

function byName(row) {
  if (featureNames === null) {
    throw new TypeError("a row must be a list: the estimator was fitted without names of features");
  }
  const missing = featureNames.filter((name) => !(name in row));
  if (missing.length) throw new TypeError(`the row lacks ${missing.map((n) => `"${n}"`).join(", ")}`);
  return featureNames.map((name) => row[name]);
}

function isRefused(row) {
  return row.some((x) => !Number.isFinite(x) && !(student.takesMissing && Number.isNaN(x)));
}

/** Return the score of a number: linear between the knots of its table. */
function lookUp(x, knots, scores) {
  const last = knots.length - 1;
  if (last < 0) return 0;
  if (x >= knots[last]) return scores[last];
  if (x < knots[0]) return scores[0];
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x < knots[middle]) high = middle;
    else low = middle;
  }
  const share = (x - knots[low]) / (knots[high] - knots[low]);
  return scores[low] + share * (scores[high] - scores[low]);
}

/** Return what the network sees of a row: numbers, gaps, categories. */
function enter(row) {
  const { numeric, gaps, standard, table, categoryFeature, categoryValue } = student;
  const seen = numeric.map((feature, n) => {
    const x = row[feature];
    if (Number.isNaN(x)) return 0;
    if (table !== null) return lookUp(x, table.knots[n], table.scores[n]);
    const far = student.farthest;
    return Math.min(far, Math.max(-far, (x - standard.center[n]) / standard.scale[n]));
  });
  for (const feature of gaps) seen.push(Number.isNaN(row[feature]) ? 1 : 0);
  categoryFeature.forEach((feature, n) => seen.push(row[feature] === categoryValue[n] ? 1 : 0));
  return seen;
}

function dense(inputs, { weight, bias }) {
  return bias.map((offset, o) => {
    const row = weight[o];
    let sum = offset;
    for (let i = 0; i < row.length; i++) sum += row[i] * inputs[i];
    return sum;
  });
}

/** Return predictions in raw units, and what the layers say of the row. */
function run(row) {
  const seen = enter(row);
  const waves = seen.slice(0, student.nWaves).flatMap((x) => student.frequency.map((f) => x * f));
  let values = [...seen, ...waves.map(Math.sin), ...waves.map(Math.cos)];
  const told = [...seen, ...seen.map(Math.abs)];
  const last = student.layers.length - 1;
  for (let layer = 0; layer < last; layer++) {
    values = dense(values, student.layers[layer]).map(activations[student.activation]);
    told.push(...values);
  }
  const y = dense(values, student.layers[last]).map((output, o) => {
    const z = student.largestLog === null ? output : Math.exp(Math.min(output, student.largestLog));
    return clip(z * student.scale[o] + student.center[o], student.low, student.high, o);
  });
  return { y, told };
}

function clip(value, low, high, o) {
  return low === null ? value : Math.min(high[o], Math.max(low[o], value));
}

function inShape(values) {
  return student.isSingle ? values[0] : values;
}

/** Return the prediction for a row: a number, or a list where there are several targets. */
export function predict(row) {
  const x = numbers(row);
  return inShape(isRefused(x) ? student.center.map(() => NaN) : run(x).y);
}
