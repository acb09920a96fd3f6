"""Train the network on the spoken words, resumable after each epoch."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from course_utils.backbones.sound.speech_resnet import NAME, SpeechResNet
from course_utils.data.sound.spectrograms import log_mel
from tools.pretraining.speech.augmentation import disturb, mask, place
from tools.pretraining.speech.espeak import TEST, TRAINED
from tools.pretraining.speech.synthesis import WORDS, Spoken, synthesise

EACH, EPOCHS, PEAK, WARM_UP, WEIGHT_DECAY, BATCH, SMOOTHING, SEED = 80, 10, 3e-3, 0.2, 0.02, 64, 0.1, 0
DISTURBED = 0.7  # of each batch: the rest is heard as it was spoken
TESTED = 4  # recordings of each word by unseen voices


def read_data(out: Path, each: int = EACH) -> tuple[Spoken, Spoken]:
    """Give the recordings for training and those by unseen voices; the first call speaks them."""
    return (
        synthesise(WORDS, TRAINED, each, SEED, out / f"train_{each}.npz"),
        synthesise(WORDS, TEST, TESTED, SEED + 1, out / "test.npz"),
    )


@torch.no_grad()
def accuracy(model: nn.Module, spoken: Spoken, disturbed: bool = False) -> float:
    """Measure the share of recordings whose word the network names, in silence or disturbed as in training."""
    model.eval()
    random = torch.Generator().manual_seed(SEED)
    right = 0
    for numbers in torch.arange(len(spoken)).split(BATCH):
        batch = place([spoken.wave(int(n)) for n in numbers], random)
        scores = model(log_mel(disturb(batch, random) if disturbed else batch))
        right += int((scores.argmax(1) == torch.from_numpy(spoken.labels[numbers])).sum())
    return right / len(spoken)


def pretrain(out: Path, each: int = EACH, epochs: int = EPOCHS) -> nn.Module:
    """Train to the last epoch and write the weights; goes on from the last finished epoch."""
    out.mkdir(parents=True, exist_ok=True)
    train, test = read_data(out, each)
    torch.manual_seed(SEED)
    model = SpeechResNet(len(WORDS)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=WEIGHT_DECAY)
    steps = len(train) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, epochs * steps, pct_start=WARM_UP)
    random, done = torch.Generator().manual_seed(SEED), []
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        random.set_state(state["random"])
        done = state["done"]
    for epoch in range(len(done), epochs):
        began, losses = time.perf_counter(), []
        model.train()
        for numbers in torch.randperm(len(train), generator=random)[: steps * BATCH].split(BATCH):
            waves = place([train.wave(int(n)) for n in numbers], random)
            loud = round(DISTURBED * len(waves))
            heard = log_mel(torch.cat([disturb(waves[:loud], random), waves[loud:]]))
            loss = _step(model, mask(heard, random), torch.from_numpy(train.labels[numbers]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        figures: dict[str, Any] = {"epoch": epoch + 1, "loss": round(sum(losses) / steps, 3)}
        figures |= {"seconds": round(time.perf_counter() - began), "unseen voices": round(accuracy(model, test), 4)}
        done.append(figures)
        print(figures, flush=True)
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
        part = checkpoint.with_suffix(".part")
        torch.save(state | {"random": random.get_state(), "done": done}, part)
        part.replace(checkpoint)
    weights = {name: weight.half() if weight.is_floating_point() else weight for name, weight in _stored(model)}
    (out / f"{NAME}.safetensors").write_bytes(save(weights, {"words": json.dumps(WORDS)}))
    (out / "history.json").write_text(json.dumps(done))
    return model


def _step(model: nn.Module, spectrograms: Tensor, labels: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        scores = model(spectrograms.contiguous(memory_format=torch.channels_last))
    return nn.functional.cross_entropy(scores.float(), labels, label_smoothing=SMOOTHING)


def _stored(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, weight.contiguous()) for name, weight in model.state_dict().items()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for recordings, checkpoint and results")
    pretrain(parser.parse_args().out)
