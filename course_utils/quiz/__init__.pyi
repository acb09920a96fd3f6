from .exercises import check as check
from .exercises import found as found
from .overview import progress_table as progress_table
from .overview import review as review
from .overview import summary as summary
from .widgets import ask as ask
from .widgets import predict as predict
