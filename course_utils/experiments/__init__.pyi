from .costs import freezing_costs as freezing_costs
from .grid import Experiment as Experiment
from .parallel import run_parallel as run_parallel
from .search import tune as tune
