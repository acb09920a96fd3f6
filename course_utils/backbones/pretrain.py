"""Pre-train the bundled backbone on Tiny ImageNet, on one GPU or on every core.

    torchrun --nproc-per-node 2 -m course_utils.backbones.pretrain --archive FILE --out DIR

One process a core, one thread each: on two cores that is 1.4 times as fast as one process with two threads, since
no thread waits for another within a layer. The run can be stopped at any time and started again with the same command:
it goes on from the last finished epoch. At its end it writes the weights (fp16 safetensors) and the figures that the
model card states.
"""

import argparse
import hashlib
import io
import json
import math
import os
import platform
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from course_utils.backbones.resnet18_half import ResNet18Half

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
VIEW = 64  # the side of the pictures that accuracy is measured on, in pixels


@dataclass(frozen=True)
class Cycle:
    """One rise and fall of the learning rate, on pictures that grow.

    At 32 px a step takes a quarter of the arithmetic of 64 px. Crops of 48 px show things as large as whole pictures of
    64 px do, which suits the measuring (Touvron et al. 2019, "Fixing the train-test resolution discrepancy").
    """

    stages: tuple[tuple[int, int, float], ...]  # epochs, side in pixels, smallest crop as a share of the area
    batch_size: int  # of all processes together
    peak_lr: float
    warm_up: float  # share of the steps
    late: tuple[float, float] = (1, 1)  # from this share of the steps on, this part of the rate

    @property
    def epochs(self) -> int:
        return sum(epochs for epochs, *_ in self.stages)

    def stage(self, epoch: int) -> tuple[int, float]:
        """Side in pixels and smallest crop of an epoch of this cycle."""
        each_epoch = [look for epochs, *look in self.stages for _ in range(epochs)]
        return tuple(each_epoch[epoch])

    def lr(self, done: float) -> float:
        """Learning rate when a share `done` of the steps is behind: a linear rise, then a cosine."""
        if done < self.warm_up:
            return self.peak_lr * done / self.warm_up
        cosine = 0.5 * (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up)))
        return self.peak_lr * cosine * (1 if done < self.late[0] else self.late[1])


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the outcome, so that the model card can state it."""

    # Warm restarts (Loshchilov and Hutter 2016, "SGDR"). The first cycle's peak stalled the loss, hence its `late`. The
    # last two crop less: a network this small never learns all of the narrow crops, and is measured on whole pictures.
    # The last one overfits, yet adds to the average.
    cycles: tuple[Cycle, ...] = (
        Cycle(((18, 32, 0.35), (13, 48, 0.35), (5, 64, 0.45)), 256, peak_lr=0.8, warm_up=0.15, late=(8 / 36, 1 / 3)),
        Cycle(((20, 48, 0.35), (3, 64, 0.5)), 128, peak_lr=0.1, warm_up=0.05),
        Cycle(((9, 56, 0.6), (3, 64, 0.7)), 128, peak_lr=0.06, warm_up=0.05),
        Cycle(((9, 56, 0.7), (4, 64, 0.8)), 128, peak_lr=0.05, warm_up=0.05),
    )
    weight_decay: float = 5e-4  # on convolution and linear weights only
    momentum: float = 0.9
    label_smoothing: float = 0.1
    average_decay: float = 0.998  # exponential average of the weights, per step
    averaged_ends: int = 3  # the last cycles whose ends are averaged once more (Izmailov et al. 2018)
    jitter: float = 0.2  # brightness and contrast
    seed: int = 0

    @property
    def epochs(self) -> int:
        return sum(cycle.epochs for cycle in self.cycles)

    def cycle(self, epoch: int) -> tuple[Cycle, int]:
        """The cycle that an epoch of the run belongs to, and which of its epochs that is."""
        for cycle in self.cycles:
            if epoch < cycle.epochs:
                return cycle, epoch
            epoch -= cycle.epochs
        raise IndexError("the run is over")


def decode(archive: Path, part: str, cache: Path) -> tuple[Tensor, Tensor]:
    """Pictures as uint8 (n, 3, 64, 64) and class numbers (n,) of one part, decoded once and kept in `cache`."""
    file = cache / f"{part}.npz"
    if not file.exists():
        with zipfile.ZipFile(archive) as z:
            names = sorted(n for n in z.namelist() if n.split("/")[1] == part and n.endswith(".webp"))
            classes = {name: i for i, name in enumerate(sorted({n.split("/")[2] for n in names}))}
            coded = [z.read(n) for n in names]
        with ThreadPoolExecutor() as pool:
            pictures = list(pool.map(lambda c: np.asarray(Image.open(io.BytesIO(c)).convert("RGB")), coded))
        labels = np.array([classes[n.split("/")[2]] for n in names])
        half_written = file.with_suffix(".part.npz")
        np.savez(half_written, pictures=np.stack(pictures).transpose(0, 3, 1, 2), labels=labels)
        half_written.replace(file)
    stored = np.load(file)
    return torch.from_numpy(stored["pictures"]), torch.from_numpy(stored["labels"])


def normalise(pictures: Tensor) -> Tensor:
    """uint8 pictures as floats with ImageNet's mean and spread."""
    return (pictures.float() / 255 - MEAN.to(pictures.device)) / STD.to(pictures.device)


def augment(pictures: Tensor, side: int, smallest: float, jitter: float, random: torch.Generator) -> Tensor:
    """One crop, flip and light for each picture: a crop shared by the batch makes BatchNorm's statistics jump."""
    n = len(pictures)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(n).uniform_(low, high, generator=random)

    area, ratio = uniform(smallest, 1), uniform(math.log(3 / 4), math.log(4 / 3)).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    place = torch.zeros(n, 2, 3)
    place[:, 0, 0], place[:, 0, 2] = width * flip, uniform(-1, 1) * (1 - width)
    place[:, 1, 1], place[:, 1, 2] = height, uniform(-1, 1) * (1 - height)
    grid = F.affine_grid(place.to(pictures.device), [n, 3, side, side], align_corners=False)
    x = F.grid_sample(normalise(pictures), grid, padding_mode="reflection", align_corners=False)
    contrast, brightness = uniform(1 - jitter, 1 + jitter).to(x), uniform(-jitter, jitter).to(x)
    return x * contrast.view(n, 1, 1, 1) + brightness.view(n, 1, 1, 1)


@torch.inference_mode()
def accuracy(model: nn.Module, pictures: Tensor, labels: Tensor) -> tuple[float, float]:
    """Top-1 and top-5 accuracy in percent, on whole pictures, one view each."""
    model.eval()
    best = torch.cat([model(normalise(x)).topk(5).indices for x in pictures.split(500)])
    right = best == labels[:, None]
    return 100 * right[:, 0].float().mean().item(), 100 * right.any(1).float().mean().item()


def settle_batchnorm(model: nn.Module, pictures: Tensor) -> None:
    """Recompute the BatchNorm statistics on plain pictures: those kept in training belong to augmented ones."""
    update_bn((normalise(x) for x in pictures.split(500)), model)


def _optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=0.0, momentum=recipe.momentum, nesterov=True)


def pretrain(archive: Path, out: Path, recipe: Recipe) -> dict | None:
    """Train, average, settle, measure and write; the first process gives the figures that the model card states."""
    rank, world = dist.get_rank(), dist.get_world_size()
    device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")
    out.mkdir(parents=True, exist_ok=True)
    if rank == 0:
        decode(archive, "train", out)
    dist.barrier()
    pictures, labels = (t.to(device) for t in decode(archive, "train", out))
    valid = [t.to(device) for t in decode(archive, "val", out)]

    torch.manual_seed(recipe.seed)
    model = ResNet18Half(int(labels.max()) + 1).to(device, memory_format=torch.channels_last)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.average_decay))
    optimiser = _optimiser(model, recipe)
    first, seconds, history = 0, 0.0, []
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        first, seconds, history = state["epoch"], state["seconds"], state["history"]
    parallel = DistributedDataParallel(model)

    compute_loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    for epoch in range(first, recipe.epochs):
        start, total = time.perf_counter(), 0.0
        cycle, within = recipe.cycle(epoch)
        side, smallest = cycle.stage(within)
        steps = len(pictures) // cycle.batch_size
        # Seeded by the epoch: a run that was stopped sees the same batches as one that was not.
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(recipe.seed + epoch))
        random = torch.Generator().manual_seed((recipe.seed + epoch) * world + rank)
        parallel.train()
        for step, batch in enumerate(order.split(cycle.batch_size)[:steps]):
            for group in optimiser.param_groups:
                group["lr"] = cycle.lr((within + step / steps) / cycle.epochs)
            rows = batch[rank::world].to(device)
            x = augment(pictures[rows], side, smallest, recipe.jitter, random)
            loss = compute_loss(parallel(x.to(memory_format=torch.channels_last)), labels[rows])
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            average.update_parameters(model)
            total += loss.item()
        seconds += time.perf_counter() - start
        if rank == 0:
            history.append(
                {"epoch": epoch + 1, "side": side, "loss": round(total / steps, 3), "seconds": round(seconds)}
            )
            if (epoch + 1) % 5 == 0:
                settle_batchnorm(average, pictures[::20])
                history[-1]["top1"] = round(accuracy(average, *valid)[0], 2)
            print(history[-1], flush=True)
            if within + 1 == cycle.epochs:
                save_file(_halved(average.module), _end(out, epoch + 1))
            state = {"model": model.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
            state |= {"epoch": epoch + 1, "seconds": seconds, "history": history}
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").replace(checkpoint)
    if rank == 0:
        return ship(average.module, pictures, valid, out, recipe, seconds, history)


def _halved(network: nn.Module) -> dict[str, Tensor]:
    state = network.state_dict()
    return {k: v.half().contiguous() if v.is_floating_point() else v for k, v in state.items()}


def _end(out: Path, epochs: int) -> Path:
    """The file of the weights at a cycle's end, `epochs` after the run's start."""
    return out / f"end-{epochs}.safetensors"


def ship(
    network: nn.Module, pictures: Tensor, valid: list[Tensor], out: Path, recipe: Recipe, seconds: float, history: list
) -> dict:
    """Average the cycles' ends, write the weights in half precision, measure exactly those, and write the figures."""

    def settle_and_measure(state: dict[str, Tensor]) -> tuple[float, float]:
        network.load_state_dict(state)
        settle_batchnorm(network, pictures[::4])
        network.load_state_dict(_halved(network))  # measure what is shipped, not what was trained
        return accuracy(network, *valid)

    ends_at = list(accumulate(cycle.epochs for cycle in recipe.cycles))[-recipe.averaged_ends :]
    ends = [load_file(_end(out, epochs)) for epochs in ends_at]
    alone = [round(settle_and_measure(end)[0], 2) for end in ends]
    mean = {k: torch.stack([end[k].float() for end in ends]).mean(0) for k in ends[0]}
    top1, top5 = settle_and_measure(mean)
    weights = out / "resnet18_half.safetensors"
    save_file(_halved(network), weights)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU"
    figures = {
        "top1": round(top1, 2),
        "top5": round(top5, 2),
        "ends_alone": alone,  # top-1 of the ends that were averaged
        "validation_images": len(valid[0]),
        "training_images": len(pictures),
        "view": VIEW,
        "parameters": sum(p.numel() for p in network.parameters()),
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "minutes": round(seconds / 60, 1),
        "machine": f"{dist.get_world_size()} processes on {where}, torch {torch.__version__}",
        "recipe": asdict(recipe),
        "history": history,
    }
    (out / "resnet18_half.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(f"top-1 {top1:.2f}%, top-5 {top5:.2f}% after {figures['minutes']} minutes", flush=True)
    return figures


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", type=Path, required=True, help="Tiny ImageNet, val/ sorted into class folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and results")
    given = parser.parse_args()
    # Without torchrun: one process. Its address is never used, but torch asks for one.
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}.items():
        os.environ.setdefault(name, value)
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        pretrain(given.archive, given.out, Recipe())
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
