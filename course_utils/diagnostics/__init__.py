"""What looks wrong with a learner and its data: findings, each with its evidence and its cure."""

from course_utils.diagnostics.attributions import attribute_words
from course_utils.diagnostics.checklist import inspect_training
from course_utils.diagnostics.findings import Finding, Inspection

__all__ = ["Finding", "Inspection", "attribute_words", "inspect_training"]
