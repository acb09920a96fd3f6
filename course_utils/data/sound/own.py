"""Recordings of your own: a folder with a sub-folder for each word."""

import os
from collections.abc import Callable, Hashable
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastai.torch_basics import delegates

from course_utils.data.names import as_text, comparable
from course_utils.data.options import SplitOptions, check_known
from course_utils.data.sound.reading import FORMATS, LONGEST, read_sound
from course_utils.data.sound.sounds import Sounds, divide
from course_utils.data.sound.spectrograms import RATE
from course_utils.data.tables import first_few
from course_utils.errors import CourseError

# What phones and browsers record, and libsndfile doesn't read.
UNREADABLE = (".m4a", ".aac", ".mp4", ".webm", ".wma", ".amr", ".3gp", ".caf")


@delegates(SplitOptions)
def sounds(
    source: str | Path,
    *,
    speaker_of: Callable[[Path], Hashable] | None = None,
    by: str = "chance",
    speaker: str | None = None,
    seconds: float | None = None,
    **kwargs: Any,
) -> Sounds:
    """Load recordings of your own, as tables of three splits.

    Any rate, depth and number of channels will do: recordings become one channel of 8,000 samples a second. Files that
    can't be read or are silent stop the loading with a sentence; of equal recordings all but one are left out, which
    `notes` counts.

    Parameters
    ----------
    source : str or Path
        A folder that has a sub-folder for each word, named like it. In these, a recording may lie in a further
        sub-folder of its speaker: "metoprolol/ana/1.wav".
    speaker_of : callable, optional
        Who speaks, as a function of a file's path, where the folders don't say it.
    by, speaker
        As `data.spoken_digits` takes them; by speaker, a fifth of the speakers tests, one at least.
    seconds : float, optional
        How much of each recording the network hears; None is as much as the longest one lasts, up to two seconds.
    **kwargs
        The options of `SplitOptions`.

    Raises
    ------
    CourseError
        `data.no-folder`; `data.no-sounds` for a folder without sound files in sub-folders, `data.wrong-classes` for
        one word alone, `data.contradicting-rows` for one recording under two words, `data.bad-function` where
        `speaker_of` fails, `data.bad-number` for seconds; those of `read_sound`, `data.spoken_digits` and
        `split_by_class`.
    """
    check_known(kwargs, "sounds", SplitOptions)
    options = SplitOptions(**kwargs)
    folder = Path(source)
    files = _list(folder)
    rows = []
    for file in files:
        inside = file.relative_to(folder)
        who = _asked(speaker_of, file) if speaker_of else (inside.parts[1] if len(inside.parts) > 2 else "unknown")
        wave = read_sound(file, inside.as_posix())
        told = {"name": inside.as_posix(), "label": comparable(inside.parts[0]), "speaker": as_text(who)}
        rows.append(told | {"seconds": len(wave) / RATE, "wave": wave})
    table, notes = _each_once(pd.DataFrame(rows))
    classes = sorted(table.label.unique())
    if len(classes) < 2:
        raise CourseError(
            f"All recordings in {folder.name} are of {classes[0]!r}, so there is nothing to tell apart: add a folder "
            "of another word.",
            code="data.wrong-classes",
        )
    length = min(2.0, float(table.seconds.max())) if seconds is None else _checked(seconds)
    what = f"recordings in {folder.name}"
    return divide(
        table, classes, options, by=by, speaker=speaker, what=what, seconds=length, real=True, notes=tuple(notes)
    )


def _asked(speaker_of: Callable[[Path], Hashable], file: Path) -> Hashable:
    try:
        return speaker_of(file)
    except Exception as problem:
        raise CourseError(
            f"speaker_of failed for {file.name} ({type(problem).__name__}: {problem}): correct the function.",
            code="data.bad-function",
        ) from problem


def _list(folder: Path) -> list[Path]:
    """Find the sound files in the sub-folders, in the order of their names; hidden ones are passed over."""
    if not folder.is_dir():
        raise CourseError(f"There is no folder {folder}: correct its name.", code="data.no-folder")
    found = []
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        found += [Path(place, name) for name in sorted(names) if not name.startswith(".")]
    foreign = [file for file in found if file.suffix.lower() in UNREADABLE]
    if foreign:
        raise CourseError(
            f"{first_few(file.relative_to(folder).as_posix() for file in foreign)} can't be read here: save such "
            "recordings as WAV, FLAC, Ogg or MP3, with the app that made them or with Audacity.",
            code="data.unreadable-sound",
        )
    there = [file for file in found if file.suffix.lower() in FORMATS]
    if files := [file for file in there if file.parent != folder]:
        return files
    if there:
        problem = f"The recordings of {folder.name} lie in the folder itself: put them into a sub-folder for each word"
    else:
        others = first_few(sorted({file.suffix.lower() or "no ending" for file in found})) if found else "none at all"
        problem = (
            f"There are no sound files in {folder.name} (the files there: {others}): make a sub-folder for each word, "
            f"with recordings as {', '.join(FORMATS[:3])} or {FORMATS[5]}"
        )
    raise CourseError(f"{problem}.", code="data.no-sounds")


def _each_once(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out copies: of one word all but the first; the same recording as two words is refused."""
    table["content"] = [np.asarray(wave).tobytes() for wave in table.wave]
    for _, same in table.groupby("content", sort=False):
        if same.label.nunique() > 1:
            raise CourseError(
                f"{same.name.iloc[0]} and {same.name.iloc[-1]} are the same recording under two words: keep the one "
                "that is right.",
                code="data.contradicting-rows",
            )
    kept = table.drop_duplicates("content").drop(columns="content").reset_index(drop=True)
    left_out = len(table) - len(kept)
    if not left_out:
        return kept, []
    told = (
        "1 recording that repeats another was" if left_out == 1 else f"{left_out:,} recordings that repeat others were"
    )
    return kept, [f"{told} left out."]


def _checked(seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, Real) or not 0.1 <= seconds <= LONGEST:
        raise CourseError(f"seconds is {seconds!r}: give a number from 0.1 to {LONGEST:.0f}.", code="data.bad-number")
    return float(seconds)
