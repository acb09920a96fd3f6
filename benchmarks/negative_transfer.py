"""Where a good start doesn't help: digits whose 8 × 8 fields are shuffled, always in the same way.

    python benchmarks/negative_transfer.py FOLDER

Nothing is lost in shuffling, but neighbours no longer belong together, which is what a trained convolution expects.
Three arms choose their rates on a split of their own, then run on the same five splits in equal steps, on digits as
they are and on shuffled ones. Finished runs are kept in FOLDER, so that the script can be stopped and started again.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

from course_utils.environment import silence_known_warnings
from course_utils.experiments import Experiment
from course_utils.statistics import paired_difference
from course_utils.tasks import ImageTask
from course_utils.tasks.catalogue import shorter
from course_utils.training import FineTune, FromScratch, HeadOnly

LABELS, EPOCHS, LRS = 40, 4, (3e-3, 1e-2, 3e-2)
OPTIONS = {"size": 32, "bs": 16, "augment": False, "split": (0.1, 0.3)}
SCRATCH = "from scratch"


class Shuffle(nn.Module):
    """Moves the 8 × 8 fields of every image to other places, the same for all."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        order = torch.randperm(64, generator=torch.Generator().manual_seed(0)).to(images.device)
        fields = nn.functional.adaptive_avg_pool2d(images, 8).flatten(2)[..., order].unflatten(2, (8, 8))
        return nn.functional.interpolate(fields, images.shape[-2:])


def shuffled(pretrained: bool) -> nn.Module:
    """The body up to stage 2 behind shuffled fields."""
    return nn.Sequential(Shuffle(), *shorter(pretrained))


def compare(arch, folder: Path) -> None:
    """Run what hasn't run yet, then print each fine-tuned arm's gain over training from scratch."""
    arms = [FineTune(EPOCHS, lr_mult=3), HeadOnly(EPOCHS), FromScratch(EPOCHS)]
    keep = folder / f"{arch.__name__}.jsonl"
    task = ImageTask("digits", labels=LABELS, epochs=EPOCHS, arch=arch, **OPTIONS)
    table = Experiment(task, arms, [LABELS], lrs=LRS, keep=keep, jobs=2).run()
    reached = {name: runs.score.to_list() for name, runs in table.groupby("strategy")}
    for name in (FineTune.name, HeadOnly.name):
        gain, half = paired_difference(reached[name], reached[SCRATCH])
        print(f"{arch.__name__}: {name} over {SCRATCH} {100 * gain:+.1f} ± {100 * half:.1f} points", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path, help="where finished runs are kept")
    given = arguments.parse_args()
    silence_known_warnings()
    for arch in (shorter, shuffled):
        compare(arch, given.folder)


if __name__ == "__main__":
    main()
