"""What a notebook shows, in the outputs of a real one."""

import re
from html.parser import HTMLParser

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

CELLS = {
    "setup": """
from sklearn.datasets import make_friedman1
from sklearn.linear_model import Ridge
from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.inspection import LabelNoiseDisplay, distillation_report, label_issues
X, y = make_friedman1(200, noise=0.5, random_state=0)
y[::10] += 40
student = StudentRegressor((8,), max_epochs=20, weight_decay=1.0, random_state=0)
model = DistilledRegressor(Ridge(), student, outliers=4.0, cv=3, random_state=0)""",
    "unfitted": "model",
    "fitted": "model.fit(X, y)",
    "tor": "TORRegressor(Ridge(), student, cv=3, random_state=0).fit(X, y)",
    "display": "LabelNoiseDisplay.from_estimator(model, X, y)",
    "named": "display = LabelNoiseDisplay.from_estimator(model, X, y)",
    "again": "display.plot()",
    "report": "distillation_report(model, X, y, X_train=X, y_train=y)",
    "issues": "label_issues(model, y)",
    "verbose": "student.set_params(verbose=1)\nmodel.set_params(verbose=1).fit(X, y);",
    "bar": """
import warnings
warnings.simplefilter("ignore")
try:
    from sklearn.callback import ProgressBar
    import rich
except ImportError:
    pass
else:  # beside verbose=1
    model.set_callbacks(ProgressBar()).fit(X, y)
print("fitted")""",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each cell has put out, by name."""
    folder = tmp_path_factory.mktemp("notebook")
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS.values()]
    resources = {"metadata": {"path": str(folder)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(folder))  # or else it keeps a history in the home folder
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.delenv("MPLBACKEND", raising=False)
        notebook = nbformat.v4.new_notebook(cells=cells)
        nbclient.NotebookClient(notebook, timeout=120, resources=resources).execute()
    return dict(zip(CELLS, (cell.outputs for cell in notebook.cells), strict=True))


def html_of(outputs):
    """Return the one output in HTML."""
    (html,) = [out.data["text/html"] for out in outputs if "text/html" in out.get("data", {})]
    return html


def words_of(html):
    """Return the text of HTML, without that of styles and scripts."""
    html = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.S)
    words = []
    parser = HTMLParser()
    parser.handle_data = words.append
    parser.feed(html)
    return " ".join("".join(words).split())


@pytest.mark.slow
class TestNotebook:
    def test_an_estimator_is_drawn_as_teacher_and_student(self, outputs):
        html = html_of(outputs["unfitted"])
        assert "sk-parallel" in html
        words = words_of(html)
        assert "teacher: Ridge" in words
        assert "student: StudentRegressor" in words
        assert "look wrong" not in words

    def test_a_fitted_one_says_what_was_decided(self, outputs):
        words = words_of(html_of(outputs["fitted"]))
        assert "teacher: Ridge" in words
        assert re.search(r"of 200 labels look wrong.*were replaced", words)
        assert re.search(r"\d+ of 200 labels were rejected", words_of(html_of(outputs["tor"])))

    @pytest.mark.parametrize("cell", ["display", "named", "again"])
    def test_a_picture_is_shown_once(self, outputs, cell):
        pictures = [out for out in outputs[cell] if "image/png" in out.get("data", {})]
        assert len(pictures) == 1

    def test_the_report_is_a_page_with_pictures(self, outputs):
        html = html_of(outputs["report"])
        assert "What was decided" in words_of(html)
        assert html.count('src="data:image/png;base64,') >= 2
        assert not [out for out in outputs["report"] if "image/png" in out.get("data", {})]

    @pytest.mark.parametrize("cell", ["report", "issues"])
    def test_its_style_and_script_stay_with_it(self, outputs, cell):
        html = html_of(outputs[cell])
        (style,) = re.findall(r"<style>(.*?)</style>", html, re.S)
        style = re.sub(r"/\*.*?\*/", "", style, flags=re.S)
        # At-rules hold rules, whose selectors are looked at as all others are.
        heads = re.findall(r"([^{}]+)\{", style)
        selectors = [head.strip() for head in heads if not head.strip().startswith("@")]
        assert len(selectors) > 10
        for selector in selectors:
            parts = re.split(r",(?![^(]*\))", selector)
            assert all(part.strip().startswith(".regkd-report") for part in parts), selector
        # A notebook fetches nothing for it, and has no two elements of one name.
        body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.S)
        assert not re.search(r"<(link|iframe|meta)\b|\bid=|\bsrc=\"(?!data:)|\son\w+=", body)
        for script in re.findall(r"<script>(.*?)</script>", html, re.S):
            assert script.strip().startswith("(() => {")  # it leaves no name behind
            assert "http" not in script

    def test_issues_are_a_table(self, outputs):
        words = words_of(html_of(outputs["issues"]))
        assert "Labels to check first" in words
        assert "expected to be wrong" in words

    def test_progress_is_a_few_lines(self, outputs):
        written = "".join(out.text for out in outputs["verbose"])
        assert "DistilledRegressor, 0.0 s: " in written
        # A notebook writes what follows \r over what stands before it.
        shown = [line.rsplit("\r", 1)[-1] for line in written.splitlines()]
        assert len(shown) < 15
        assert "\x1b" not in written
        assert any("20/20" in line for line in shown)

    def test_progress_bar_of_sklearn_goes_with_verbose(self, outputs):
        """The two bars once called each other until Python gave up."""
        assert outputs["bar"][-1].text.endswith("fitted\n")
