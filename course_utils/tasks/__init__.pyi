from .catalogue import TASKS as TASKS
from .catalogue import find_task as find_task
from .images import ImageTask as ImageTask
from .metrics import METRICS as METRICS
from .protocol import Task as Task
from .running import train as train
from .running import train_and_score as train_and_score
