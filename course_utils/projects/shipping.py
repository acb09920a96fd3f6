"""The last step of a project: the network, calibrated and saved, with a card of what was found, and a manifest."""

from pathlib import Path

import pandas as pd
from fastai.learner import Learner
from torch import nn

from course_utils.errors import CourseError
from course_utils.projects.settings import Settings
from course_utils.projects.testing import LOG, NETWORK
from course_utils.shipping import calibration_error, fit_temperature, make_manifest, model_card, save_network
from course_utils.shipping.card import as_text
from course_utils.training import Strategy


def ship(learn: Learner, strategy: Strategy, tested: pd.DataFrame, folder: Path, settings: Settings) -> Path:
    """Save a project's network and its card in results/network, and the manifest of the project; return the folder.

    Raises
    ------
    CourseError
        `projects.not-tested` where the table isn't what the project's test gave; what `save_network` and `model_card`
        raise.
    """
    if NETWORK not in set(tested.get("method", ())):
        raise CourseError(
            "Ship what was tested: hand over the table that project.test gave.", code="projects.not-tested"
        )
    target = folder / "results" / "network"
    valid, test = ((_scores(learn, number)) for number in (1, 2))
    temperature = fit_temperature(*valid)
    save_network(learn, target, temperature)
    errors = [calibration_error(test[0] / each, test[1]) for each in (1, temperature)]
    best = tested[tested.method != NETWORK].sort_values("accuracy").iloc[-1]
    looks = len(pd.read_csv(folder / "results" / LOG))
    counts = pd.crosstab(learn.dls.factors.label, learn.dls.factors.split).reset_index()
    photos = settings.photos
    sections = {
        "What it is for": f"{settings.question}\n\n{settings.card.use}",
        "What it is not for": settings.card.not_for,
        "Who is harmed by a mistake": settings.card.harm,
        "Training data": f"{photos.source}\n\nTerms: {photos.licence}\n\nGroups: {photos.groups}\n\n{as_text(counts)}",
        "How it was trained": f"`{strategy!r}`, chosen on the validation photos; seed of the split {settings.seed}.",
        "How good it is": f"{as_text(_percent(tested))}\n\nThe test photos have tested {looks} "
        f"{'network' if looks == 1 else 'networks'}. The best cheaper method is {best.method}.",
        "How sure it is": f"Its scores are divided by a temperature of {temperature:.2f}, fitted on the validation "
        f"photos. On the test photos, the expected calibration error is {errors[1]:.1%} with it, and {errors[0]:.1%} "
        "without.",
        "Limits": "It picks one of its classes for any photo at all. Other cameras, light, places and things than in "
        "the training photos weren't tested.",
        "Contact": settings.card.contact,
    }
    model_card(target, settings.name, sections, licence="other", tags=("image-classification",))
    make_manifest(folder, [settings.seed])
    return target


def _scores(learn: Learner, number: int) -> tuple:
    with learn.no_bar(), learn.no_logging():
        return learn.get_preds(dl=learn.dls.loaders[number], act=nn.Identity())


def _percent(table: pd.DataFrame) -> pd.DataFrame:
    return table.apply(
        lambda column: column.map("{:.1%}".format, na_action="ignore") if column.dtype == float else column
    )
