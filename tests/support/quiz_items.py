"""Items of every kind, as their YAML gives them, and as they are read."""

import copy

import pytest
import yaml

from course_utils.errors import CourseError
from course_utils.quiz import reading

REASON = "It is so because the lesson measured it twice, and well."


def item(kind, **fields):
    """An item of a kind as YAML would give it, without a fault."""
    common = {
        "kind": kind,
        "topic": "a topic",
        "section": "One",
        "difficulty": "easy",
        "stem": "What?",
        "hints": ["Look."],
    }
    return {"id": "04.1"} | common | {"explanation": REASON, "source": "measured"} | copy.deepcopy(KINDS[kind]) | fields


KINDS = {
    "one choice": {
        "explanation": "An apple is the fruit that falls from the tree in autumn.",
        "options": [
            {"text": "an apple", "right": True, "feedback": "It is."},
            {"text": "a pear", "feedback": "Too long."},
            {"text": "a cherry on a cake", "feedback": "Too small."},
            {"text": "a plum in a pie", "feedback": "Too soft."},
        ],
    },
    "several choices": {
        "options": [
            {"text": "red", "right": True, "feedback": "True: it is."},
            {"text": "blue", "feedback": "False: it isn't."},
            {"text": "green", "right": True, "feedback": "True: it is too."},
        ]
    },
    "number": {
        "explanation": "Half of thirty, after all that was said, makes **15**.",
        "answer": 15.0,
        "tolerance": 0.5,
        "unit": "%",
        "mistakes": [{"answer": 85.0, "tolerance": 1.0, "feedback": "That is the rest."}],
    },
    "short text": {
        "explanation": "The learner calls train() before each epoch, and says nothing of it.",
        "accept": ["train", "learn.train()", "train mode"],
        "mistakes": [{"answers": ["eval"], "feedback": "That is the other mode."}],
    },
    "order": {
        "explanation": "First make it, then freeze it, then train it, as the lesson does.",
        "steps": [
            {"text": f"to {cue} it", "cue": cue, "feedback": f"Not {cue}."} for cue in ("make", "freeze", "train")
        ],
    },
    "prediction": {"unit": "%", "within": 5.0, "low": 0.0, "high": 100.0},
    "code": {
        "id": "04.A",
        "name": "double",
        "inputs": "[(n,) for n in (0, 1, 2.5, int(rng.integers(9)))]",
        "reference": "def double(x):\n    return 2 * x",
        "mistakes": [
            {"code": "def double(x):\n    return x * x", "feedback": "That squares."},
            {"code": "def double(x):\n    return x", "feedback": "That copies."},
            {"code": "def double(x):\n    return 4 * x", "feedback": "That doubles twice."},
        ],
    },
    "model": {
        "id": "04.B",
        "name": "network",
        "held_out": "import torch\ninputs = torch.zeros(250, 3, 2, 2)\ntruth = torch.zeros(250, dtype=torch.long)",
        "at_least": 0.9,
        "mistakes": [{"code": f"network = {n}", "feedback": "No."} for n in range(3)],
    },
}


def text_of(*items, lesson="04_freezing"):
    return yaml.safe_dump({"lesson": lesson, "items": list(items)}, sort_keys=False, allow_unicode=True)


def read(*items, **options):
    return reading.read(text_of(*items, **options), "04_freezing.yaml")


def one(kind, **fields):
    return read(item(kind, **fields)).items[0]


def without(kind, name):
    return {key: value for key, value in item(kind).items() if key != name}


def trouble(text):
    with pytest.raises(CourseError) as caught:
        reading.read(text, "04_freezing.yaml")
    return str(caught.value)


def changed(kind, part, place, **fields):
    """An item with one of its options, steps or mistakes changed."""
    raw = item(kind)
    raw[part][place] = raw[part][place] | fields
    return raw
