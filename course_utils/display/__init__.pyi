from .results import points as points
from .results import show_result as show_result
from .results import show_table as show_table
