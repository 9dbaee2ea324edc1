"""What a user does first, without an extra: fit, save, load, report, C and JavaScript.

A C compiler and Node run what was written, where they are there.
"""

import shutil
import subprocess

import numpy as np
from sklearn.datasets import make_friedman1

from sklearn_regkd import DistilledRegressor, StudentRegressor, __version__, load
from sklearn_regkd.export import to_c, to_javascript, to_onnx
from sklearn_regkd.inspection import LabelNoiseDisplay, distillation_report

X, y = make_friedman1(300, random_state=0)
student = StudentRegressor((8,), max_epochs=20, weight_decay=1.0)
model = DistilledRegressor(student=student, random_state=0).fit(X, y)
prediction = model.predict(X)
done = ["fit", "predict"]

model.save("student.safetensors")
assert np.array_equal(load("student.safetensors").predict(X), prediction)
distillation_report(model, X, y).to_html("report.html")
to_c(model, "student.h", X=X[:5])
to_javascript(model, "student.mjs")
done += ["save", "load", "distillation_report", "to_c", "to_javascript"]

if shutil.which("cc"):
    options = "-std=c99 -DSTUDENT_SELF_TEST -x c student.h -o self_test -lm"
    subprocess.run(["cc", *options.split()], check=True)
    subprocess.run(["./self_test"], check=True)  # predicts the five rows
    done.append("the C program")
if shutil.which("node"):
    row = X[0].tolist()
    code = f"import('./student.mjs').then((m) => console.log(Number(m.predict({row}))))"
    said = subprocess.run(["node", "-e", code], check=True, capture_output=True, text=True).stdout
    assert abs(float(said) - prediction[0]) < 1e-5 * np.ptp(y), said
    done.append("the JavaScript module")

# What needs an extra says which one.
needs = {
    "onnx": lambda: to_onnx(model),
    "plots": lambda: LabelNoiseDisplay.from_estimator(model, X, y),
}
for extra, call in needs.items():
    said = "nothing"
    try:
        call()
    except ImportError as error:
        said = str(error)
    assert f"sklearn-regkd[{extra}]" in said, f"without {extra}: {said}"

print(f"version {__version__}: {', '.join(done)}")
