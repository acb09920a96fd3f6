"""Speech from espeak-ng, by the library and the voices that the package espeakng-loader brings."""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SYNCHRONOUS, RATE_PARAMETER, PITCH, RANGE = 2, 1, 3, 4  # as speak_lib.h numbers them
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

ACCENTS = (
    "en-us",
    "en-us-nyc",
    "en",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
)  # American, New York, British, Scottish, received pronunciation, Lancaster, West Midlands, Caribbean
# The voices that nothing is trained on: TEST measures the network on the card, SHOWN speaks the lessons' stand-ins.
TEST = ("f2", "m4", "klatt3", "Annie", "paul", "steph2", "Gene2", "linda")
SHOWN = ("f4", "m2", "klatt5", "Andrea", "edward", "belinda", "Mike", "quincy", "aunty", "zac")
TRAINED = (
    *("f1", "f3", "f5", "m1", "m3", "m5", "m6", "m7", "m8", "klatt", "klatt2", "klatt4", "klatt6", "whisper"),
    *("Alex", "Alicia", "Andy", "AnxiousAndy", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco"),
    *("Mario", "Michael", "Mr serious", "Nguyen", "Reed", "RicishayMax", "RicishayMax3", "Storm", "adam", "anika"),
    *("announcer", "antonio", "benjamin", "boris", "caleb", "david", "ed", "edward2", "grandma", "grandpa", "gustave"),
    *("ian", "iven", "iven3", "john", "marcelo", "max", "michel", "miguel", "mike2", "norbert", "pablo", "pedro"),
    *("rob", "robert", "sandro", "shelby", "steph", "steph3", "travis", "victor", "whisperf"),
)


@cache
def _library() -> tuple[Any, int, list[np.ndarray], Callable[..., int]]:
    """Load and initialise the library: itself, its rate, what it has just said, and the callback, kept alive."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0:
        raise RuntimeError("espeak-ng doesn't start: its data can't be read.")
    said: list[np.ndarray] = []

    @CALLBACK
    def collect(samples: Any, count: int, _events: Any) -> int:
        if count > 0:
            said.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(collect)
    return library, rate, said, collect


@cache
def _variants() -> Path:
    """Give the folder that has a file for each variant."""
    import espeakng_loader

    return Path(espeakng_loader.get_data_path()) / "voices" / "!v"


def speak(text: str, voice: str, speed: int, pitch: int, melody: int) -> tuple[np.ndarray, int]:
    """Speak a text; the noise in voices such as "whisper" is another one each time.

    Parameters
    ----------
    text : str
        In English spelling.
    voice : str
        An accent and a variant of the voice: "en-us+f3".
    speed : int
        Words a minute; 175 is usual.
    pitch, melody : int
        How high the voice is, and how much it rises and falls: 0 to 99, 50 is usual.

    Returns
    -------
    ndarray of int16, int
        The samples, and how many there are a second.
    """
    library, rate, said, _ = _library()
    variant = voice.partition("+")[2]
    # espeak-ng takes an unknown variant for none.
    if library.espeak_SetVoiceByName(voice.encode()) or (variant and not (_variants() / variant).is_file()):
        raise ValueError(f"espeak-ng has no voice {voice!r}.")
    for parameter, value in ((RATE_PARAMETER, speed), (PITCH, pitch), (RANGE, melody)):
        library.espeak_SetParameter(parameter, value, 0)
    said.clear()
    content = text.encode()
    library.espeak_Synth(content, len(content) + 1, 0, 1, 0, 1, None, None)  # characters, to the end, UTF-8
    library.espeak_Synchronize()
    return np.concatenate(said), rate
