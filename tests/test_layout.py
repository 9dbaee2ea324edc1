"""Tests mirror the package: what a module does is tested in the file of its name."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "sklearn_regkd"

# What has no file of tests of its own name, and where it is tested instead.
ELSEWHERE = {
    # Seen in a fit alone.
    "estimators/params.py": "estimators/test_student.py",
    "estimators/find_label_noise.py": "estimators/test_distilled.py",
    "export/intervals.py": "estimators/test_intervals.py",
    "networks/intervals.py": "estimators/test_intervals.py",
    "persistence/interval_file.py": "estimators/test_intervals.py",
    "estimators/student_training.py": "estimators/test_student.py",
    "out_of_core/supervise.py": "out_of_core/test_distill.py",
    "training/deferred.py": "estimators/test_search.py",
    "training/incremental.py": "estimators/test_partial_fit.py",
    "training/net.py": "estimators/test_student.py",
    "training/train.py": "estimators/test_student.py",
    # Parts of one file, one page or one table that are tested together.
    "datasets/matlab.py": "datasets/test_mpiigaze.py",
    "export/c_functions.py": "export/test_c.py",
    "export/c_network.py": "export/test_c.py",
    "export/c_report.py": "export/test_c.py",
    "export/c_self_test.py": "export/test_c.py",
    "export/c_text.py": "export/test_c.py",
    "export/plan_cost.py": "export/test_c.py",
    "export/plan_run.py": "export/test_plan.py",
    "export/plan_size.py": "export/test_plan.py",
    "export/plan_steps.py": "export/test_c.py",
    "export/converters.py": "export/test_pipeline.py",
    "export/feeds.py": "export/test_pipeline.py",
    "export/graph.py": "export/test_onnx.py",
    "export/guard.py": "export/test_pipeline.py",
    "export/network.py": "export/test_onnx.py",
    "export/report.py": "export/test_int8.py",
    "export/wrapped.py": "export/test_target.py",
    "inspection/agreement.py": "inspection/test_displays.py",
    "inspection/label_noise.py": "inspection/test_displays.py",
    "inspection/make_report.py": "inspection/test_report.py",
    "inspection/measures.py": "inspection/test_report.py",
    "inspection/page.py": "inspection/test_report.py",
    "inspection/route.py": "inspection/test_displays.py",
    "inspection/style.py": "inspection/test_displays.py",
    "inspection/suspicious_labels.py": "inspection/test_report.py",
    "inspection/tables.py": "inspection/test_report.py",
    "inspection/training.py": "inspection/test_displays.py",
    "inspection/training_rows.py": "inspection/test_report.py",
    "estimators/distiller_state.py": "persistence/test_estimator_file.py",
    "persistence/json_params.py": "persistence/test_estimator_file.py",
    "persistence/mixin.py": "persistence/test_estimator_file.py",
    "persistence/student_file.py": "persistence/test_estimator_file.py",
    "persistence/verdict_file.py": "persistence/test_estimator_file.py",
    "label_noise/evidence.py": "label_noise/test_detect.py",
    "label_noise/noise.py": "label_noise/test_detect.py",
    "teachers/multioutput.py": "teachers/test_kinds.py",
    "teachers/torch_turn.py": "training/test_randomness.py",
    "training/flat_adamw.py": "training/test_flat_optimizer.py",
    "utils/timing.py": "export/test_int8.py",
    "training/batched_layers.py": "training/test_manual_backward.py",
}
# Tests of several modules at once.
ACROSS = {
    "teachers/test_in_context.py",
    "estimators/test_groups.py",
    "estimators/test_trusted.py",
    "estimators/test_with_mapie.py",
    "estimators/test_common.py",
    "estimators/test_fit.py",
    "estimators/test_fuzz_fits.py",
    "estimators/test_images.py",
    "estimators/test_inside_sklearn.py",
    "estimators/test_losses_by_name.py",
    "golden/test_decisions.py",
    "inspection/test_browser.py",
    "inspection/test_displays.py",
    "persistence/test_claimed_sizes.py",
    "preprocessing/test_finite.py",
    "preprocessing/test_meaning.py",
    "preprocessing/test_refused.py",
    "training/test_flat_optimizer.py",
}


def modules():
    """Return the modules of all rooms, as paths within the package."""
    paths = (path for path in PACKAGE.glob("*/*.py") if path.name != "__init__.py")
    return {path.relative_to(PACKAGE).as_posix() for path in paths}


def test_each_module_has_tests_of_its_name():
    def has_tests(module):
        room, name = module.split("/")
        return (TESTS / room / f"test_{name}").exists()

    without = {module for module in modules() if not has_tests(module)}
    assert without == set(ELSEWHERE)
    for module, tests in ELSEWHERE.items():
        assert (TESTS / tests).exists(), f"{module}: {tests} is gone"


def test_each_file_of_tests_has_the_name_of_a_module():
    files = {path.relative_to(TESTS).as_posix() for path in TESTS.glob("*/test_*.py")}
    named = {module.replace("/", "/test_") for module in modules()}
    assert files - named == ACROSS


@pytest.mark.parametrize("room", sorted({path.parent.name for path in TESTS.glob("*/test_*.py")}))
def test_each_room_is_a_package(room):
    """Files of one name in two rooms are two modules only there."""
    assert (TESTS / room / "__init__.py").exists()
