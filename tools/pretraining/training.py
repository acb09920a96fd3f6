"""The pre-training run: train, average, settle, fold, measure and write."""

import hashlib
import json
import platform
import time
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tools.pretraining.architectures import Architecture
from tools.pretraining.batchnorm import settle_batchnorm
from tools.pretraining.images import augment, decode, normalise
from tools.pretraining.recipes import Recipe

VIEW = 64  # the side of the images that accuracy is measured on, in pixels


@torch.inference_mode()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Top-1 and top-5 accuracy in percent, on whole images, one view each."""
    model.eval()
    best = torch.cat([model(normalise(x)).topk(5).indices for x in images.split(500)])
    right = best == labels[:, None]
    return 100 * right[:, 0].float().mean().item(), 100 * right.any(1).float().mean().item()


def _optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=0.0, momentum=recipe.momentum, nesterov=True)


def pretrain(architecture: Architecture, archive: Path, out: Path) -> dict | None:
    """Run an architecture's recipe to its end, going on from the last finished epoch in `out` if there is one.

    Writes the weights (half-precision safetensors) and the figures that the model card states, both named after the
    architecture; the first process also returns the figures, the others None.
    """
    recipe = architecture.recipe
    rank, world = dist.get_rank(), dist.get_world_size()
    device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")
    out.mkdir(parents=True, exist_ok=True)
    if rank == 0:
        decode(archive, "train", out)
    dist.barrier()
    images, labels = (t.to(device) for t in decode(archive, "train", out))
    valid = [t.to(device) for t in decode(archive, "val", out)]

    torch.manual_seed(recipe.seed)
    model = architecture.build(int(labels.max()) + 1).to(device).to(memory_format=torch.channels_last)
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
        steps = len(images) // cycle.batch_size
        # Seeded by the epoch: a run that was stopped sees the same batches as one that was not.
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(recipe.seed + epoch))
        random = torch.Generator().manual_seed((recipe.seed + epoch) * world + rank)
        parallel.train()
        for step, batch in enumerate(order.split(cycle.batch_size)[:steps]):
            for group in optimiser.param_groups:
                group["lr"] = cycle.lr((within + step / steps) / cycle.epochs)
            rows = batch[rank::world].to(device)
            x = augment(images[rows], side, smallest, recipe.jitter, random)
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bfloat16):
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
                settle_batchnorm(average, images[::20])
                history[-1]["top1"] = round(accuracy(average, *valid)[0], 2)
            print(history[-1], flush=True)
            if within + 1 == cycle.epochs:
                save_file(_halved(average.module), _end(out, epoch + 1))
            state = {"model": model.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
            state |= {"epoch": epoch + 1, "seconds": seconds, "history": history}
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").replace(checkpoint)
    return ship(architecture, average.module, images, valid, out, seconds, history) if rank == 0 else None


def _halved(network: nn.Module) -> dict[str, Tensor]:
    state = network.state_dict()
    return {k: v.half().contiguous() if v.is_floating_point() else v for k, v in state.items()}


def _end(out: Path, epochs: int) -> Path:
    """Return the file of the weights at a cycle's end, `epochs` after the run's start."""
    return out / f"end-{epochs}.safetensors"


def ship(
    architecture: Architecture,
    trained: nn.Module,
    images: Tensor,
    valid: list[Tensor],
    out: Path,
    seconds: float,
    history: list,
) -> dict:
    """Average the cycles' ends, write the weights in half precision, measure exactly those, and write the figures."""
    recipe = architecture.recipe

    def settle_and_finish(state: dict[str, Tensor]) -> nn.Module:
        trained.load_state_dict(state)
        settle_batchnorm(trained, images[::4])
        finished = architecture.finish(trained)
        finished.load_state_dict(_halved(finished))  # measure what is shipped, not what was trained
        return finished

    ends_at = list(accumulate(cycle.epochs for cycle in recipe.cycles))[-recipe.averaged_ends :]
    ends = [load_file(_end(out, epochs)) for epochs in ends_at]
    alone = [round(accuracy(settle_and_finish(end), *valid)[0], 2) for end in ends]
    mean = {k: torch.stack([end[k].float() for end in ends]).mean(0) for k in ends[0]}
    network = settle_and_finish(mean)
    top1, top5 = accuracy(network, *valid)
    weights = out / f"{architecture.name}.safetensors"
    save_file(_halved(network), weights)
    processes = dist.get_world_size()
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU"
    figures = {
        "top1": round(top1, 2),
        "top5": round(top5, 2),
        "ends_alone": alone,  # top-1 of the ends that were averaged
        "validation_images": len(valid[0]),
        "training_images": len(images),
        "view": VIEW,
        "parameters": sum(p.numel() for p in network.parameters()),
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "minutes": round(seconds / 60, 1),
        "machine": f"{processes} process{'es' if processes > 1 else ''} on {where}, torch {torch.__version__}",
        "recipe": asdict(recipe),
        "history": history,
    }
    weights.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    print(f"top-1 {top1:.2f}%, top-5 {top5:.2f}% after {figures['minutes']} minutes", flush=True)
    return figures
