"""The review in a browser: the queue of `course_utils.grading.returning.queue` on a page of this machine alone."""
