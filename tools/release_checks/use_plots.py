"""What the extra `plots` is for: pictures, alone and in the report."""

from pathlib import Path

import matplotlib
from sklearn.datasets import make_friedman1

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.inspection import LabelNoiseDisplay, distillation_report

matplotlib.use("agg")
X, y = make_friedman1(300, random_state=0)
student = StudentRegressor((8,), max_epochs=20, weight_decay=1.0)
model = DistilledRegressor(student=student, random_state=0).fit(X, y)
LabelNoiseDisplay.from_estimator(model, X, y).figure_.savefig("noise.png")
distillation_report(model, X, y).to_html("report.html")
page = Path("report.html").read_text("utf-8")
assert "sklearn-regkd[plots]" not in page
