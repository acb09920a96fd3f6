"""The search for settings: Optuna studies that any number of processes share, and that can be stopped anywhere."""

from course_utils.experiments.search.progress import Progress, progress_of, trials_table
from course_utils.experiments.search.sampling import STARTUP
from course_utils.experiments.search.storage import Space, find_address, quiet, study_attributes, without_password
from course_utils.experiments.search.tuning import tune
from course_utils.experiments.search.worker import Diverged

__all__ = [
    "STARTUP",
    "Diverged",
    "Progress",
    "Space",
    "find_address",
    "progress_of",
    "quiet",
    "study_attributes",
    "trials_table",
    "tune",
    "without_password",
]
