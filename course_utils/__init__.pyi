from . import arguments as arguments
from . import backbones as backbones
from . import cli as cli
from . import controls as controls
from . import data as data
from . import diagnostics as diagnostics
from . import display as display
from . import environment as environment
from . import errors as errors
from . import experiments as experiments
from . import grading as grading
from . import lessons as lessons
from . import machine as machine
from . import notebook as notebook
from . import plots as plots
from . import projects as projects
from . import quiz as quiz
from . import settings as settings
from . import shipping as shipping
from . import statistics as statistics
from . import surgery as surgery
from . import tasks as tasks
from . import training as training
from ._version import __version__ as __version__

INSTALL: str
