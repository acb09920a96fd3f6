"""Practice: questions that answer in the page, checks of exercises, guesses beside findings, the learner's progress.

The items stand in course_utils/quizzes/*.yaml. Nothing here imports torch but the checks of code and models.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
