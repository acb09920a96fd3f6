"""Fine-tuning against training from scratch: the same images, epochs and number of learning rates tried.

    COURSE_IMAGES=photographs COURSE_DATA_MIRROR=FOLDER python benchmarks/against_scratch.py

Each arm chooses its learning rate by the validation accuracy of a split of its own; then both run on the same five
splits, and the untouched test parts are compared.
"""

import argparse

from course_utils.backbones import resnet18_half
from course_utils.environment import silence_known_warnings
from course_utils.experiments import run_parallel
from course_utils.statistics import mean_interval, paired_difference
from course_utils.tasks import ImageTask, train
from course_utils.training import FineTune, FromScratch

LABELS, SIZES, EPOCHS = {"digits": 20, "vehicles": 100}, {"digits": 48, "vehicles": 64}, {"digits": 8, "vehicles": 20}
LR_MULT = 3  # how much slower the earliest layers learn than the head
LRS = (2e-3, 5e-3, 1e-2, 2e-2)
TUNING_SEED, SEEDS = 100, range(5)


def run(name: str, labels: int, pretrained: bool, lr: float, seed: int, epochs: int, bs: int) -> tuple[float, float]:
    """Validation and test accuracy of one training; both arms see every image `epochs` + 1 times."""
    task = ImageTask(name, labels=labels, epochs=epochs + 1, arch=resnet18_half, size=SIZES[name], bs=bs)
    strategy = FineTune(task.epochs, lr, lr_mult=LR_MULT) if pretrained else FromScratch(task.epochs, lr)
    learn = train(task, strategy, labels, seed).learn
    return task.score(learn, "valid"), task.score(learn, "test")


def compare(name: str, labels: int, epochs: int, bs: int) -> None:
    """Both arms: choose a rate, run five times, print accuracies and their paired difference."""
    tested = {}
    for arm, pretrained in (("fine-tuned", True), ("from scratch", False)):
        tried = run_parallel(run, [(name, labels, pretrained, lr, TUNING_SEED, epochs, bs) for lr in LRS])
        lr, _ = max(zip(LRS, tried, strict=True), key=lambda one: one[1][0])
        runs = run_parallel(run, [(name, labels, pretrained, lr, seed, epochs, bs) for seed in SEEDS])
        tested[arm] = [test for _, test in runs]
        mean, half = mean_interval(tested[arm])
        print(f"{name}, {labels} labels a class, {arm}: {mean:.1%} ± {half:.1%} (learning rate {lr})", flush=True)
    mean, half = paired_difference(*tested.values())
    print(f"{name}: difference {100 * mean:.1f} ± {100 * half:.1f} points", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("names", nargs="*", default=list(LABELS), help="data sets (digits vehicles)")
    arguments.add_argument("--labels", type=int, help="a class (digits 20, vehicles 100)")
    arguments.add_argument("--epochs", type=int, help="after the frozen one (digits 8, vehicles 20)")
    arguments.add_argument("--bs", type=int, default=16, help="images a batch (16); fewer where labels are few")
    given = arguments.parse_args()
    silence_known_warnings()
    for name in given.names:
        compare(name, given.labels or LABELS[name], given.epochs or EPOCHS[name], given.bs)


if __name__ == "__main__":
    main()
