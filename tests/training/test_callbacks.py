"""Callbacks of training: the schedule that was recorded is the one that fastai followed."""

import numpy as np
from support.learners import digits_learner, silent

from course_utils.plots import plot_schedules
from course_utils.training import RecordSchedule


def test_each_step_has_a_row_for_each_group_as_the_optimiser_was_told(drawn):
    learn, record = silent(digits_learner()), RecordSchedule(["early", "late", "head"])
    learn.fine_tune(1, 1e-2, cbs=record)
    table = record.table
    steps = len(learn.dls.train)
    assert list(table.group[:3]) == ["early", "late", "head"] and len(table) == 2 * 3 * steps
    assert list(table.groupby("group", sort=False).frozen.sum()) == [steps, steps, 0]
    second = table[table.step >= steps]
    for name, column in (("lr", "lr"), ("mom", "mom")):  # the learner's own recorder keeps the last group's
        assert np.allclose(second[second.group == "head"][column], learn.recorder.hps[name])
    assert np.allclose(second.groupby("group").lr.max()["early"] * 100, second.groupby("group").lr.max()["head"])
    plot_schedules(table)
    assert len(drawn) == 1


def test_groups_without_names_are_numbered():
    learn, record = silent(digits_learner()), RecordSchedule()
    learn.fit_one_cycle(1, 1e-3, cbs=record)
    assert list(record.table.group[:3]) == ["group 1", "group 2", "group 3"]
