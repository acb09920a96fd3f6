"""Runs students' code apart: a process with the imports and no secrets forks a confined worker for each submission.

What runs inside the sandbox is this package alone, with nothing else of the course: `fork_server`, `worker`, `confine`,
`values`. `shell` and `worker_pool` stand outside, with the keys.
"""
