"""The figure of both losses: lines, the marked epoch, and what the text says."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from support.errors import refused

from course_utils.plots import plot_losses


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("course_utils.course"):
        yield


TABLE = pd.DataFrame({"epoch": [1, 2, 3], "training": [2.0, 1.0, 0.1], "validation": [1.9, 1.5, 1.75]})


def test_the_epoch_of_the_lowest_validation_loss_is_marked(drawn):
    plot_losses(TABLE, title="Turning")
    figure, alt = drawn[0]
    training, validation, mark = figure.axes[0].lines
    assert list(training.get_ydata()) == [2.0, 1.0, 0.1] and list(validation.get_ydata()) == [1.9, 1.5, 1.75]
    assert set(mark.get_xdata()) == {2}
    assert alt == (
        "Turning. Over 3 epochs: training from 2.00 to 0.10, validation from 1.90 to 1.75. "
        "Lowest validation loss: 1.50 at epoch 2."
    )


def test_what_is_missing_is_named():
    with refused("plots.column-missing", "validation"):
        plot_losses(TABLE.drop(columns="validation"))
    with refused("plots.empty-table"):
        plot_losses(TABLE[:0])
