"""data.images: your own images, from a folder or a table, as fastai DataLoaders with a held-out `test`."""

import os
from collections.abc import Callable, Collection, Hashable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.torch_basics import delegates
from fastai.vision.augment import aug_transforms

from course_utils.data.images.options import ImageOptions
from course_utils.data.images.own.cleaning import check_leave_out, clean, without_near_duplicates
from course_utils.data.images.own.decoding import decode
from course_utils.data.images.own.dividing import check_sets, check_vocab, divide, take_of_each_class
from course_utils.data.images.own.doubts import doubts
from course_utils.data.images.own.examples import Examples, number
from course_utils.data.images.own.folders import read_folder
from course_utils.data.images.own.lazy import FileStore, make_file_loaders
from course_utils.data.images.own.looking import common_levels, dark_images, look_at, notes_on
from course_utils.data.images.own.tables import TABLES, groups_of_csv, read_csv, read_table
from course_utils.data.images.squares import RESIZE, TOLD
from course_utils.data.images.store import Store, StoreLoaders, make_loaders
from course_utils.data.options import check_known
from course_utils.data.splits import SPLITS, Split
from course_utils.data.tables import first_few
from course_utils.errors import CourseError

MEMORY = 2**30  # bytes of decoded images that are kept


@delegates(ImageOptions)
def images(
    source: str | Path | pd.DataFrame,
    n_per_class: int | None = None,
    *,
    folder: str | Path | None = None,
    file: str | None = None,
    label: str | Callable[[Path], Any] | None = None,
    group: str | Callable[[Path], Hashable] | bool | None = None,
    delimiter: str | None = None,
    split: tuple[float, float] | str = (0.2, 0.2),
    resize: str = "crop",
    leave_out: str | Collection[str] = (),
    memory: float = MEMORY,
    **kwargs: Any,
) -> StoreLoaders:
    """Load your own images as fastai DataLoaders with a held-out `test`.

    Say where the images are; what they show is read from the names of folders, or from a table:

        data.images("photos")                          # photos/cat/1.jpg, photos/dog/2.jpg, and so on
        data.images("photos")                          # photos/train/cat/1.jpg, photos/valid/cat/7.jpg, and so on
        data.images("photos/labels.csv")               # a csv with a column of files and one of labels
        data.images("labels.csv", folder="photos", label="species", group="animal")
        data.images(table, label="tags", delimiter=";")                     # several labels an image

    Then train as with any data of the course: `vision_learner(dls, resnet18_half, metrics=dls.metric)`.

    Parameters
    ----------
    source : str, Path or DataFrame
        A folder with a sub-folder for each class; or one with the sub-folders train, valid (or val, validation) and
        test, which have the class folders; or a csv or DataFrame with a row for each image.
    n_per_class : int, optional
        Training images of each class; None takes all there are.
    folder : str or Path, optional
        Where the files of a table are; None is the folder of the csv, or the current one for a DataFrame.
    file : str, optional
        The column of a table that names the files; None looks for an obvious name, such as file, path or image.
    label : str or callable, optional
        The column of the labels, or a function from an image's path to its label, such as fastai's `parent_label`;
        None looks for an obvious column, such as label or class, or takes the name of the sub-folder. Lists in it
        give an image several labels.
    group : str, callable or False, optional
        What belongs together, such as the photos of one animal or the scans of one patient: a column, a function of
        the path, or, for a folder, a csv with a column of files and one of groups. All images of a group are in one
        set. None looks for a column named group, patient or subject, and False takes none.
    delimiter : str, optional
        What stands between several labels in one cell, such as ";"; every image may then have several.
    split : (float, float) or str
        The size of the validation and of the test set: shares below 1, or whole numbers of images of each class. Or
        the column of a table that says train, valid or test. Ready-made sets stay as they are, and one that is missing
        is taken out of the training set.
    resize : "crop", "pad" or "squish"
        How an image becomes a square: cut to its centre, with black beside it, or out of shape.
    leave_out : str or collection of str
        What is left out rather than refused or only reported: "unreadable" files; "contradictions", all copies of an
        image that stand under different labels; "near-duplicates", images of train or valid that nearly equal one of
        another set.
    memory : number
        Bytes. Images that take less are decoded once and stay in memory, others are read from their files in every
        epoch.
    **kwargs
        The other options of `ImageOptions`: `size` (pixels a side), `bs` (images a batch), `seed` (who goes where),
        `augment` and `normalize`.

    Returns
    -------
    StoreLoaders
        `dls.train`, `dls.valid`, `dls.test`, `dls.vocab`; `dls.factors` has a row for each image: split ("unused"
        beyond n_per_class), label, group and file; `dls.about` and `dls.notes` say what was found and left out. With
        several labels the targets are one-hot, fastai's loss is the binary cross-entropy, and `dls.metric` the F1.

    Raises
    ------
    CourseError
        In one sentence, for a folder or a table that can't be used, with what to do about it.

    Notes
    -----
    Images come upright (EXIF) and in three colour channels; palettes, transparency and CMYK are converted, and all that
    have more than 8 bits a pixel get one scale, from what the whole set holds. An image from outside is prepared in the
    very same way. `data.image_report` looks through the images without loading them. Nothing is written to disk.
    """
    check_known(kwargs, "images", ImageOptions)
    sizes = (0.2, 0.2) if isinstance(split, str) else split
    options = ImageOptions(n_per_class=n_per_class, split=sizes, **kwargs)
    if not isinstance(resize, str) or resize not in RESIZE:
        raise CourseError(f"resize is {resize!r}: choose {', '.join(RESIZE)}.", code="data.bad-option")
    if isinstance(memory, bool) or not isinstance(memory, (int, float, np.number)) or not memory >= 0:
        raise CourseError(f"memory is {memory!r}: give a number of bytes, 0 or more.", code="data.bad-number")
    unwanted = check_leave_out(leave_out)
    examples = read_source(source, folder, file, label, group, split if isinstance(split, str) else None, delimiter)
    check_vocab(examples)
    chosen = divide(examples, options.chosen_seed, sizes)
    # What can be refused without the pixels is refused here, before minutes of decoding.
    take_of_each_class(chosen, examples.targets(), examples.vocab, n_per_class, options.chosen_seed)
    looks = look_at(examples.paths)
    levels = common_levels(looks)
    decoded = None
    unreadable = {index: look.problem for index, look in enumerate(looks) if look.problem}
    if 3 * options.size**2 * len(examples.files) <= memory:
        decoded, unreadable = decode(examples.paths, options.size, resize, levels)
    found = len(examples.files)
    examples, decoded = clean(examples, decoded, unreadable, unwanted)
    if len(examples.files) < found:
        check_vocab(examples)
        chosen = divide(examples, options.chosen_seed, sizes)
    notes = examples.notes + doubts(examples) + notes_on(looks, levels, resize)
    if decoded is None:
        notes += ("These images don't fit in memory: they are read anew in every epoch, and not compared.",)
    else:
        dark = [examples.files[index] for index in dark_images(decoded)]
        if dark:
            notes += (f"{number(len(dark), 'image')} nearly black: {first_few(dark)}; look at the files.",)
        chosen, told = without_near_duplicates(chosen, decoded, examples, unwanted)
        check_sets(chosen, examples)
        notes += told
    vocab, hot = examples.vocab, examples.targets()
    chosen = take_of_each_class(chosen, hot, vocab, n_per_class, options.chosen_seed)
    targets = torch.from_numpy(hot if examples.several else hot.argmax(1))
    what = f"images of your own, {TOLD[resize]}"
    how: dict[str, Any] = {"what": what, "default_augment": aug_transforms(), "resize": resize, "levels": levels}
    if decoded is not None:
        dls = make_loaders(Store(decoded, targets, vocab), chosen, options, **how)
    else:
        dls = make_file_loaders(FileStore(examples.paths, targets, vocab), chosen, options, **how)
    dls.factors, dls.notes = _factors(examples, chosen), notes
    for note in notes:
        print(note)
    return dls


def read_source(
    source: Any, folder: Any, file: Any, label: Any, group: Any, split: str | None, delimiter: str | None
) -> Examples:
    """Read the examples from a folder, a csv or a DataFrame; the arguments are those of `images`."""
    if isinstance(source, pd.DataFrame):
        base = _absolute("." if folder is None else folder)
        return read_table(source, "DataFrame", base, file, label, group, split, delimiter)
    if not isinstance(source, (str, os.PathLike)):
        raise CourseError(
            f"Images can't be loaded from a {type(source).__name__}: give a folder, a csv or a DataFrame.",
            code="data.bad-option",
        )
    path = _absolute(source)
    if path.suffix.lower() in TABLES and not path.is_dir():
        base = path.parent if folder is None else _absolute(folder)
        return read_table(read_csv(path), path.name, base, file, label, group, split, delimiter)
    if isinstance(group, (str, os.PathLike)) and Path(group).suffix.lower() in TABLES:
        group = groups_of_csv(_absolute(group), path)
    columns = {"file": file, "folder": folder, "split": split, "label": label, "group": group}
    for name, given in columns.items():
        if given is not None and given is not False and not callable(given):
            raise CourseError(
                f"{name} is {given!r}, which is for a table, and {path.name} is a folder: give a csv as the source"
                + (f", or a function of a file's path as {name}." if name in ("label", "group") else "."),
                code="data.bad-option",
            )
    return read_folder(path, label, group or None, delimiter)


def _absolute(path: Any) -> Path:
    return Path(os.path.abspath(Path(path).expanduser()))


def _factors(examples: Examples, chosen: Split) -> pd.DataFrame:
    """Return a row for each image: its set, its label or labels, its group where it has one, and its file."""
    split_of = np.full(len(examples.files), "unused", dtype=object)
    for name in SPLITS:
        split_of[getattr(chosen, name)] = name
    several = examples.several
    table = pd.DataFrame({"split": split_of, "label": [each if several else each[0] for each in examples.labels]})
    if examples.groups is not None:
        table["group"] = list(examples.groups)
    return table.assign(file=examples.files)
