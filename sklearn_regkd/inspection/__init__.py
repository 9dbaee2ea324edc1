"""What happened in a fit: pictures, and a report of one page."""

from sklearn_regkd.inspection.agreement import TeacherAgreementDisplay
from sklearn_regkd.inspection.corrections import apply_corrections
from sklearn_regkd.inspection.intervals import IntervalDisplay
from sklearn_regkd.inspection.label_issues import LabelIssues, label_issues
from sklearn_regkd.inspection.label_noise import LabelNoiseDisplay
from sklearn_regkd.inspection.make_report import distillation_report
from sklearn_regkd.inspection.report import DistillationReport
from sklearn_regkd.inspection.route import RouteDisplay
from sklearn_regkd.inspection.training import TrainingDisplay

__all__ = [
    "DistillationReport",
    "IntervalDisplay",
    "LabelIssues",
    "LabelNoiseDisplay",
    "RouteDisplay",
    "TeacherAgreementDisplay",
    "TrainingDisplay",
    "apply_corrections",
    "distillation_report",
    "label_issues",
]
