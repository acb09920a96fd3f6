"""The data sets, one module each; lessons take them from `course_utils.data`."""
