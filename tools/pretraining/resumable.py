"""A run that goes on after its last finished epoch: AdamW, one cycle of the learning rate, bfloat16 on a processor."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn


@dataclass(frozen=True)
class Run:
    """What a run is made with; `warm_up` is the share of all steps in which the learning rate rises to its `peak`."""

    epochs: int
    peak: float
    warm_up: float
    weight_decay: float
    batch: int
    seed: int

    def train(
        self,
        model: nn.Module,
        examples: int,
        compute_loss: Callable[[Tensor, torch.Generator], Tensor],
        evaluate: Callable[[], Mapping[str, float]],
        out: Path,
    ) -> None:
        """Train to the last epoch, with a checkpoint in `out` after each; `history.json` there keeps their figures.

        Parameters
        ----------
        model
            In channels-last memory format; modified in place.
        examples
            How many there are; each epoch sees them in a new order, without the last incomplete batch.
        compute_loss
            Gives the loss of a batch from the numbers of its examples (n,) and a random generator.
        evaluate
            Gives the figures that follow each epoch; called in evaluation mode.
        out
            An existing folder; a checkpoint in it is gone on from.
        """
        optimiser = torch.optim.AdamW(model.parameters(), weight_decay=self.weight_decay)
        steps = examples // self.batch
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.peak, self.epochs * steps, pct_start=self.warm_up
        )
        parts: dict[str, Any] = {"model": model, "optimiser": optimiser, "schedule": schedule}
        random, done = torch.Generator().manual_seed(self.seed), []
        checkpoint = out / "checkpoint.pt"
        if checkpoint.exists():
            state = torch.load(checkpoint, weights_only=True)
            for name, part in parts.items():
                part.load_state_dict(state[name])
            random.set_state(state["random"])
            done = state["done"]
        for epoch in range(len(done), self.epochs):
            began, total = time.process_time(), 0.0
            model.train()
            for numbers in torch.randperm(examples, generator=random)[: steps * self.batch].split(self.batch):
                loss = compute_loss(numbers, random)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                total += loss.item()
            figures = {
                "epoch": epoch + 1,
                "loss": round(total / steps, 3),
                "seconds": round(time.process_time() - began),
            }
            model.eval()
            done.append(figures | {name: round(figure, 4) for name, figure in evaluate().items()})
            print(done[-1], flush=True)
            state = {name: part.state_dict() for name, part in parts.items()}
            part = checkpoint.with_suffix(".part")
            torch.save(state | {"random": random.get_state(), "done": done}, part)
            part.replace(checkpoint)
        (out / "history.json").write_text(json.dumps(done))


def save_halved(model: nn.Module, file: Path, notes: Mapping[str, Any]) -> None:
    """Write the weights in half precision as safetensors, with each of `notes` as JSON among the file's metadata."""
    state = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    halved = {name: weight.half() if weight.is_floating_point() else weight for name, weight in state.items()}
    file.write_bytes(save(halved, {name: json.dumps(note) for name, note in notes.items()}))


def score_in_bfloat16(model: nn.Module, batch: Tensor) -> Tensor:
    """Return the network's outputs for the batch, computed in bfloat16 and given in single precision."""
    with torch.autocast("cpu", torch.bfloat16):
        return model(batch.contiguous(memory_format=torch.channels_last)).float()
