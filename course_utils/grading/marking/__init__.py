"""Marking: submissions run in the sandbox, their values are compared here, batch by batch.

`run` is the command's whole run, `batches` what is left to do of it, `marker` one batch; `execution` asks the code of
a submission, `expected` the author's; `verdicts` judges what came back by its kind, with `reading` and `comparing`,
and `reasons` says why in sentences. `selftest` proves a bank, and `dry_run` a student's notebook.
"""
