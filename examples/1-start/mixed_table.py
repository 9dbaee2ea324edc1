"""
Predict the rent of flats from a table of mixed types
=====================================================

Real tables hold more than numbers: text, dates, yes and no, and gaps. This one is made up, so that
it needs no download and so that we know which labels are wrong: 400 flats, of which some rents
were typed with a digit too many.

What has to be done before ``fit``, and what has not:

- *numbers* go in as they are, and so do columns of yes and no: nothing is scaled;
- *gaps* are taken with ``missing_values="indicator"``;
- *dates* become numbers that mean something, here months since a fixed date;
- *text* is declared as a category, or one-hot encoded in front of the student.

The first way leaves the table a table. The second, a ``ColumnTransformer``, goes with any model.
"""  # noqa: D205, D400  (the first line is the title of a page)

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.inspection import LabelNoiseDisplay, distillation_report

# %%
# The table
# ---------

TOWN = {"Ames": 0, "Boone": -120, "Nevada": -60, "Gilbert": 90}
HEATING = {"gas": 0, "oil": -40, "district": 30}


def make_flats(n_flats=400, seed=0):
    """Return flats and their rent a month, both with the number of the contract as index."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"contract {number}" for number in 5000 + rng.permutation(n_flats)])
    flats = pd.DataFrame(
        {
            "area": rng.gamma(9, 8, n_flats).round(),
            "rooms": rng.integers(1, 6, n_flats),
            "balcony": rng.random(n_flats) < 0.4,
            "town": rng.choice(list(TOWN), n_flats, p=[0.5, 0.2, 0.2, 0.1]),
            "heating": rng.choice(list(HEATING), n_flats),
            "since": pd.Timestamp("2015-01-01")
            + pd.to_timedelta(rng.integers(0, 3650, n_flats), "D"),
        },
        index=index,
    )
    rent = 200 + 9 * flats["area"] + 40 * flats["balcony"] + 12 * (flats["since"].dt.year - 2015)
    rent += flats["town"].map(TOWN) * flats["area"] / 70 + flats["heating"].map(HEATING)
    rent += rng.normal(0, 30, n_flats)
    flats.loc[rng.random(n_flats) < 0.1, "area"] = np.nan  # nobody measured
    return flats, rent.rename("rent")


flats, rent = make_flats()
X, X_test, y, y_test = train_test_split(flats, rent, random_state=0)
typed = y.copy()
wrong = typed.sample(frac=0.08, random_state=0).index
typed[wrong] *= 10  # a digit too many
X.head()

# %%
# Dates become numbers
# --------------------


def months(flats):
    """Return the dates of a frame as months since 2015, and the other columns as they are."""
    since = flats["since"]
    return flats.assign(since=12 * (since.dt.year - 2015) + since.dt.month)


months(X).head()

# %%
# The first way: declare what is a category
# -----------------------------------------
# A small network and a fixed rule, so that the example is quick: the defaults take longer.

student = StudentRegressor(
    (32,), max_epochs=30, weight_decay=0.1, missing_values="indicator", random_state=0
)
model = DistilledRegressor(student=student, outliers=4.0, cv=3, random_state=0)
text = {"town": "category", "heating": "category"}
declared = model.fit(months(X).astype(text), typed)
r2 = declared.score(months(X_test).astype(text), y_test)
print(f"R2 with declared categories: {r2:.3f}")

# %%
# The second way: everything in one Pipeline
# ------------------------------------------
# It takes the table as it is. The network needs dense rows, hence ``sparse_output=False``. A
# search reaches inside by names joined by ``__``. Wrong labels are in the folds, too: the absolute
# error is not ruled by them.

encoder = make_column_transformer(
    (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), list(text)),
    remainder="passthrough",
)
pipeline = make_pipeline(FunctionTransformer(months), encoder, model)
grid = {"distilledregressor__student__weight_decay": [0.03, 0.3]}
search = GridSearchCV(pipeline, grid, cv=2, scoring="neg_mean_absolute_error").fit(X, typed)
print(f"R2 of the Pipeline: {search.best_estimator_.score(X_test, y_test):.3f}")
print(f"with {search.best_params_}")

# %%
# Which rents should somebody look up?
# ------------------------------------
# The names of the rows are those of the table.

best = search.best_estimator_[-1]
flagged = X.index[best.outlier_mask_]
print(f"flagged: {len(flagged)}, of them wrong: {flagged.isin(wrong).sum()} of {len(wrong)}")
report = distillation_report(search, X_test, y_test, X_train=X, y_train=typed, unit="EUR")
print(report.suspicious_labels.table(5))

# %%
# Label minus teacher: typed with a digit too many, a rent stands far out on the right.

label_noise = LabelNoiseDisplay.from_estimator(declared, months(X).astype(text), typed, unit="EUR")
