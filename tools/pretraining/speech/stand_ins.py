"""Speak the recordings that the course brings: digits, and the words of three trades, by voices held out of training.

    python -m tools.pretraining.speech.stand_ins FOLDER

Writes an Ogg Vorbis file of all recordings one after another and a table of what is where, for digits and for trades.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from course_utils.data.sound.spectrograms import RATE
from tools.pretraining.speech.augmentation import disturb
from tools.pretraining.speech.espeak import ACCENTS, SHOWN
from tools.pretraining.speech.synthesis import speak_sized

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TRADES = {
    "ward": "bolus cannula catheter dialysis furosemide heparin metoprolol saline sepsis stoma tachycardia triage",
    "warehouse": "backhaul barcode consignment demurrage dunnage forklift manifest pallet restock stillage tote "
    "waybill",
    "workshop": "chamfer dowel ferrule gasket grommet lathe mandrel rebate rivet solder spigot tenon",
}
TAKES = {"digits": 13, "trades": 4}
SPEAKERS = {"digits": 6, "trades": 10}
QUALITY = 0.9  # of the compression, which soundfile counts from 0 (the best) to 1
SEED = 2


def speakers(random: np.random.Generator) -> list[dict[str, Any]]:
    """Give each held-out voice an accent, a size of its vocal tract and a usual pitch, speed and melody."""
    accents = random.permutation(np.resize(ACCENTS, len(SHOWN)))
    return [
        {
            "voice": f"{accent}+{variant}",
            "size": float(random.uniform(0.88, 1.15)),
            "speed": int(random.integers(130, 200)),
            "pitch": int(random.integers(25, 75)),
            "melody": int(random.integers(20, 80)),
        }
        for accent, variant in zip(accents, SHOWN, strict=True)
    ]


def takes(kind: str, random: np.random.Generator) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Yield what each recording is, and its samples: no two takes of a speaker have the same speed and pitch."""
    words = {"": DIGITS} if kind == "digits" else {trade: tuple(each.split()) for trade, each in TRADES.items()}
    usual = speakers(np.random.default_rng(SEED))[: SPEAKERS[kind]]
    for trade, terms in words.items():
        for term in terms:
            for number, speaker in enumerate(usual, 1):
                for take in range(TAKES[kind]):
                    speed = speaker["speed"] * random.uniform(0.8, 1.25)
                    pitch, melody = (speaker[each] + random.uniform(-15, 15) for each in ("pitch", "melody"))
                    size = speaker["size"] * random.uniform(0.98, 1.02)
                    wave = speak_sized(term, speaker["voice"], round(speed), round(pitch), round(melody), size)
                    told = {"trade": trade, "label": term, "speaker": f"voice {number}", "take": take}
                    yield told, wave


def speak(kind: str, folder: Path) -> None:
    """Write the recordings of one kind, in rooms and with noise as in training but fainter, and their table."""
    random, rooms = np.random.default_rng([SEED, len(kind)]), torch.Generator().manual_seed(SEED)
    rows, waves, start = [], [], 0
    for told, wave in takes(kind, random):
        clean = torch.from_numpy(wave)[None]
        heard = (0.5 * clean + 0.5 * disturb(clean, rooms, len(wave)))[0].numpy()
        heard = 0.5 * heard / np.abs(heard).max()
        rows.append(told | {"start": start, "samples": len(heard)})
        waves.append(heard)
        start += len(heard)
    if kind == "digits":
        rows = [{name: value for name, value in row.items() if name != "trade"} for row in rows]
    with (folder / f"{kind}.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    joined = np.concatenate(waves)
    with soundfile.SoundFile(
        folder / f"{kind}.ogg", "w", RATE, 1, format="OGG", subtype="VORBIS", compression_level=QUALITY
    ) as file:
        for part in np.array_split(joined, 1 + len(joined) // 2**15):  # libsndfile breaks on long ones at once
            file.write(part)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for each in TAKES:
        speak(each, parser.parse_args().folder)
