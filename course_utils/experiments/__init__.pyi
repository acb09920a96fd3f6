from .costs import freezing_costs as freezing_costs
from .grid import Experiment as Experiment
from .ladder import all_rungs as all_rungs
from .ladder import baselines as baselines
from .parallel import run_parallel as run_parallel
from .records import RecordedRuns as RecordedRuns
from .records import recorded as recorded
from .search import tune as tune
