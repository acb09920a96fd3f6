"""What an update tells about the data it was made from: labels from a bias, inputs from a linear layer."""

import torch
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.training.checks import check_counts


def labels_from_bias(gradient: Tensor, examples: int, predicted: Tensor | None = None) -> Tensor:
    """Guess how many examples of each class were in a batch, from the gradient of the last layer's bias.

    With the cross-entropy, this gradient is the mean over the batch of (predicted probability - 1 for the true class).
    So a class that is absent has a gradient above 0, and the counts follow once the predictions are known.

    Parameters
    ----------
    gradient : (classes,) Tensor
        Of the mean cross-entropy by the last layer's bias.
    examples : int
        In the batch.
    predicted : (classes,) Tensor, optional
        The mean predicted probabilities; all equal if left out, as those of a new head roughly are.

    Returns
    -------
    (classes,) Tensor of int
        Counts that sum to `examples`: the nearest whole numbers, by largest remainders.

    Raises
    ------
    CourseError
        For what is no gradient of a bias: another shape, NaN, or above what was predicted in every class
        (`training.bad-gradient`); for a number of examples that is none (`training.bad-setting`).

    Notes
    -----
    The sign trick is from Zhao et al. 2020, "iDLG" (https://arxiv.org/abs/2001.02610), for one example.
    """
    check_counts(examples=examples)
    if gradient.ndim != 1 or not gradient.isfinite().all():
        raise _bad(f"A bias has a gradient of one number for each class, and this is {_shape(gradient)}")
    if predicted is not None and predicted.shape != gradient.shape:
        raise _bad(f"The gradient is {_shape(gradient)}, and the predictions are {_shape(predicted)}")
    guess = torch.full_like(gradient, 1 / len(gradient)) if predicted is None else predicted
    expected = ((guess - gradient) * examples).clamp(min=0)
    if not expected.sum() > 0:
        raise _bad("The gradient says of each class that it wasn't in the batch")
    expected = expected * examples / expected.sum()
    counts = expected.floor()
    most = (expected - counts).argsort(descending=True)[: examples - int(counts.sum())]
    counts[most] += 1
    return counts.long()


def input_from_linear(weight_gradient: Tensor, bias_gradient: Tensor) -> Tensor:
    """Recover the input of a linear layer from its gradient: for a single example exactly.

    The gradient of the weight's row i is the input times that of bias i, so dividing the one by the other gives the
    input. Of a batch, it is a mixture: the mean of the inputs, weighted by how strongly each moves this output.

    Parameters
    ----------
    weight_gradient : (outputs, inputs) Tensor
    bias_gradient : (outputs,) Tensor
        Of the same layer; the row with the largest one is used.

    Raises
    ------
    CourseError
        Where all of the bias's gradient is 0, so that nothing was learned (`training.no-gradient`), and for gradients
        of two layers, or with NaN (`training.bad-gradient`).
    """
    if weight_gradient.ndim != 2 or weight_gradient.shape[:1] != bias_gradient.shape or bias_gradient.isnan().any():
        raise _bad(f"A weight's gradient is {_shape(weight_gradient)}, beside {_shape(bias_gradient)} of a bias")
    row = int(bias_gradient.abs().argmax())
    if not bias_gradient[row]:
        raise CourseError(
            "The bias's gradient is 0 everywhere, so this update tells nothing: give one of a training step.",
            code="training.no-gradient",
        )
    return weight_gradient[row] / bias_gradient[row]


def _shape(given: Tensor) -> str:
    return f"{tuple(given.shape)}{'' if given.isfinite().all() else ' with NaN or infinity'}"


def _bad(what: str) -> CourseError:
    return CourseError(f"{what}: give the gradients of one layer, from one step.", code="training.bad-gradient")
