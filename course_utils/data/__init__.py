"""The data sets that lessons load by name, what loads your own, such as `images`, `texts` and `payments`, and loaders.

A module is imported when it is first used.
"""

from typing import TYPE_CHECKING

import lazy_loader

from course_utils.data.registry import DATA_SETS, DataSet, find_data_set, load

if TYPE_CHECKING:  # as what type checkers see: when the course runs, it is the package, which can be called
    from course_utils.data.boxes.boxed import BoxedImages as BoxedImages
    from course_utils.data.boxes.loaders import augment_boxes as augment_boxes
    from course_utils.data.boxes.loaders import box_augmentation as box_augmentation
    from course_utils.data.boxes.loaders import box_loaders as box_loaders
    from course_utils.data.boxes.own import boxed_images as boxed_images
    from course_utils.data.images.own.loading import images as images
    from course_utils.data.images.own.report import image_report as image_report
    from course_utils.data.sound.augmentation import AddNoise as AddNoise
    from course_utils.data.sound.augmentation import Mask as Mask
    from course_utils.data.sound.augmentation import Shift as Shift
    from course_utils.data.sound.loaders import sound_loaders as sound_loaders
    from course_utils.data.sound.own import sounds as sounds
    from course_utils.data.sound.reading import read_sound as read_sound
    from course_utils.data.sound.spectrograms import log_mel as log_mel
    from course_utils.data.tables.ratings import Ratings as Ratings
    from course_utils.data.tables.ratings import rated as rated
    from course_utils.data.tables.transactions import Transactions as Transactions
    from course_utils.data.tables.transactions import card_fraud as card_fraud
    from course_utils.data.tables.transactions import payments as payments
    from course_utils.data.tables.windows import add_windows as add_windows
    from course_utils.data.text.loaders import text_loaders as text_loaders
    from course_utils.data.text.own import texts as texts
    from course_utils.data.text.reviews import written_reviews as written_reviews
    from course_utils.data.writing.episodes import Episodes as Episodes
    from course_utils.data.writing.episodes import sample_episodes as sample_episodes

_loaders = [entry.loader.removeprefix(f"{__name__}.").split(":") for entry in DATA_SETS.values()]
_attributes = {module: [name] for module, name in _loaders} | {
    "boxes.boxed": ["BoxedImages"],
    "boxes.loaders": ["augment_boxes", "box_augmentation", "box_loaders"],
    "boxes.own": ["boxed_images"],
    "images.own.report": ["image_report"],
    "sound.augmentation": ["AddNoise", "Mask", "Shift"],
    "sound.loaders": ["sound_loaders"],
    "sound.own": ["sounds"],
    "sound.reading": ["read_sound"],
    "sound.spectrograms": ["log_mel"],
    "tables.ratings": ["Ratings", "rated", "ratings"],
    "tables.transactions": ["Transactions", "card_fraud", "payments", "transactions"],
    "tables.windows": ["add_windows"],
    "text.loaders": ["text_loaders"],
    "text.own": ["texts"],
    "text.reviews": ["reviews", "written_reviews"],
    "writing.episodes": ["Episodes", "sample_episodes"],
}
__getattr__, _, __all__ = lazy_loader.attach(__name__, submodules={"images"}, submod_attrs=_attributes)
__all__ += ["DATA_SETS", "DataSet", "find_data_set", "load"]


def __dir__() -> list[str]:
    return list(__all__)
