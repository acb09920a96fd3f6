"""An episode's figure: every example in its place, and what went wrong marked."""

import pytest
import torch
from support.errors import refused

from course_utils.data import sample_episodes
from course_utils.plots import plot_episode

LABELS = torch.arange(24).repeat_interleave(5)
IMAGES = torch.randint(0, 255, (120, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def scores(ways, queries, *wrong):
    """Right but for some (way, query, taken for)."""
    values = torch.eye(ways)[:, None].repeat(1, queries, 1)
    for way, query, other in wrong:
        values[way, query] = torch.eye(ways)[other]
    return values[None]


def test_wrong_queries_are_framed_and_named(drawn):
    episode = sample_episodes(LABELS, 3, 2, 3, 1)
    plot_episode(IMAGES, episode, scores(3, 3, (0, 1, 2), (2, 0, 1)))
    figure, alt = drawn[0]
    (axis,) = figure.axes
    assert alt == "3 classes, 2 labelled examples and 3 queries each: 7 of 9 queries right."
    assert figure._suptitle.get_text() == "Examples and queries: 7 of 9 right", "short enough for one line"
    dashed = [patch for patch in axis.patches if patch.get_linestyle() == "--"]
    assert len(axis.images) == len(axis.patches) == 3 * 5 and len(dashed) == 2
    assert [text.get_text() for text in axis.texts] == ["A", "C", "B", "C", "B"]
    shown = [image.get_array() for image in axis.images[:2]]
    for array, number in zip(shown, episode.support[0, 0].tolist(), strict=True):
        assert (array == IMAGES[number, 0].numpy()).all()


def test_without_scores_nothing_is_judged(drawn):
    plot_episode(IMAGES, sample_episodes(LABELS, 20, 1, 2, 1), title="Twenty letters")
    figure, alt = drawn[0]
    assert alt == "Twenty letters. 20 classes, 1 labelled example and 2 queries each."
    assert all(patch.get_linestyle() == "-" for patch in figure.axes[0].patches)
    left, right = (figure.axes[0].texts[number].get_position()[0] for number in (0, 10))
    assert right > left + 3, "the second ten stand beside the first"


@pytest.mark.parametrize(
    ("ways", "given", "code", "fact"),
    [
        (21, None, "plots.too-many-classes", "at most 20"),
        (5, scores(5, 2), "plots.lengths-differ", "2 queries each and the episode has 5 with 3"),
    ],
)
def test_what_cannot_be_drawn_is_refused(ways, given, code, fact):
    with refused(code, fact):
        plot_episode(IMAGES, sample_episodes(LABELS, ways, 1, 3, 1), given)


def test_an_episode_of_other_images_is_refused():
    with refused("plots.lengths-differ", "there are 5"):
        plot_episode(IMAGES[:5], sample_episodes(LABELS, 20, 1, 3, 1))
