"""The network and a site's examples: the one file to change for data of your own."""

from torch import nn

from course_utils.surgery import unfreeze
from course_utils.tasks import ImageTask
from course_utils.training import Full
from course_utils.training.federated import Client, clients_of

BATCHNORM = "fixed"  # the pre-trained network's statistics stay, so none of them travel
_TASK = ImageTask("digits", size=32, bs=16, head="linear", split=(0.02, 0.05))


def network(seed: int) -> nn.Module:
    """Return the network before the first round: pre-trained, with a new head, and all of it trains."""
    learn = _TASK.learner(seed, 6, Full())
    unfreeze(learn)  # fastai freezes the body of a pre-trained learner, and what is frozen isn't sent
    return learn.model


def examples(site: int, sites: int, seed: int) -> Client:
    """Return one site's images and labels; here a share of the digits, with skewed labels, instead of its own.

    For your own, return `Client(inputs, labels)`: normalised images, (n, 3, height, width), and their classes, (n,),
    numbered alike at all sites, also where a site lacks some of them.
    """
    return clients_of(_TASK.learner(seed, 6, Full()), sites, alpha=0.5, seed=seed)[site]
