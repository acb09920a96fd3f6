"""A project's photos as a task: one split for all runs, which are scored on validation photos and on nothing else."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.vision.augment import aug_transforms

from course_utils import data
from course_utils.data.images.store import StoreLoaders
from course_utils.projects.settings import Photos, Settings
from course_utils.tasks import ImageTask
from course_utils.tasks.images import own_loaders


@dataclass(frozen=True, init=False)
class ProjectTask(ImageTask):
    """Classify a project's photos; a `tasks.protocol.Task`.

    A run's seed decides random weights and order, and never the split, which is the project's own. `labels` decides
    nothing either: all training photos are used. And `score` gives the validation score whatever is asked, so that no
    search can open the test set.

    Parameters
    ----------
    folder : Path
        The project's.
    settings : Settings
        What its project.toml says.
    """

    def __init__(self, folder: Path, settings: Settings):
        super().__init__(
            load_photos,
            name=settings.name,
            metric=settings.search.metric,
            epochs=settings.search.epochs,
            flip=settings.photos.mirrored,
            folder=str(folder),
            photos=settings.photos.model_dump_json(),
            bs=settings.search.batch,
            split_seed=settings.seed,
        )

    def load(self, seed: int, labels: int) -> DataLoaders:
        """Return loaders of the project's split, whose order follows the seed."""
        return own_loaders(load_photos(**self.options), seed)

    def score(self, learn: Learner, split: str = "valid") -> float:
        """Return the metric on the validation photos."""
        return super().score(learn, "valid")


def load_photos(folder: str, photos: str, bs: int, split_seed: int) -> StoreLoaders:
    """Load the photos of a project, once until one of its files changes.

    Parameters
    ----------
    folder : str
        The project's.
    photos : str
        Its `Photos`, as JSON.
    bs, split_seed : int
        Photos a batch; who trains, who validates and who tests.

    Raises
    ------
    CourseError
        Those of `data.images`.
    """
    raw = Path(folder, Photos.model_validate_json(photos).folder)
    files = ((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(raw.rglob("*")))
    return _load(folder, photos, bs, split_seed, tuple(files))


@lru_cache(maxsize=1)
def _load(folder: str, photos: str, bs: int, split_seed: int, _files: tuple) -> StoreLoaders:
    said = Photos.model_validate_json(photos)
    groups = None if said.groups in ("", "none") else str(Path(folder, said.groups))
    return data.images(
        Path(folder, said.folder),
        group=groups,
        seed=split_seed,
        size=said.size,
        bs=bs,
        resize=said.resize,
        augment=aug_transforms(do_flip=said.mirrored, max_rotate=10, max_warp=0, max_zoom=1.1),
        leave_out=("contradictions", "near-duplicates", "unreadable"),
    )
