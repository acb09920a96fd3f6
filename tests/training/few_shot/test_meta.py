"""Training for episodes to come: each way learns, and does what its paper says."""

from functools import partial

import pytest
import torch
from support.errors import refused

from course_utils import data
from course_utils.errors import CourseError
from course_utils.training import few_shot
from course_utils.training.few_shot.meta import AT_ONCE


def new(ways: int = 5, **how) -> few_shot.FourBlocks:
    torch.manual_seed(0)
    return few_shot.FourBlocks(ways, **{"channels": 8} | how)


def compared(network, world) -> float:
    images, labels = world
    episodes = data.sample_episodes(labels, 5, 1, 4, 100, seed=9)
    return few_shot.score_by_comparing(network.body(images).detach(), episodes).mean()


def adapted(network, world, **how) -> float:
    images, labels = world
    return few_shot.score_by_adapting(network, images, data.sample_episodes(labels, 5, 1, 4, 40, seed=9), **how).mean()


def test_prototypes_of_unseen_classes_get_better(toy, unseen):
    before = compared(new(), unseen)
    after = compared(few_shot.train_prototypes(new(), *toy, episodes=160, lr=1e-2), unseen)
    assert after > before + 0.05


def test_a_plain_classifier_gets_better_too(toy, unseen):
    trained = few_shot.train_classifier(new(30), *toy, episodes=240, lr=1e-2)
    assert compared(trained, unseen) > compared(new(), unseen) + 0.05
    assert (trained(toy[0]).argmax(1) == toy[1]).float().mean() > 0.5


@pytest.mark.parametrize("part", ["all", "head"])
def test_maml_and_anil_learn_to_adapt(toy, unseen, part):
    how = {"lr": 0.5, "steps": 2, "part": part}
    before = adapted(new(), unseen, **how)
    trained = few_shot.train_maml(new(), *toy, lr=3e-2, inner_lr=0.5, part=part, episodes=80)
    assert adapted(trained, unseen, **how) > before + 0.08


def test_reptile_goes_where_the_episodes_lead(toy):
    network = new()
    start = {name: value.detach().clone() for name, value in network.named_parameters()}
    images, labels = toy
    drawn = data.sample_episodes(labels, 5, 4, 1, AT_ONCE, seed=7)
    led = [few_shot.adapt(network, start, images[one.support[0]], lr=0.2, steps=2) for one in drawn]
    few_shot.train_reptile(network, *toy, lr=0.5, inner_lr=0.2, steps=2, episodes=AT_ONCE, seed=7)
    for name, value in network.named_parameters():
        mean = torch.stack([each[name] for each in led]).mean(0)
        assert torch.allclose(value, (start[name] + mean) / 2, atol=1e-5)


def test_reptile_learns(toy, unseen):
    how = {"lr": 0.5, "steps": 4}
    before = adapted(new(), unseen, **how)
    assert adapted(few_shot.train_reptile(new(), *toy, inner_lr=0.5, episodes=80), unseen, **how) > before + 0.04


@pytest.mark.parametrize(
    "train", [few_shot.train_prototypes, few_shot.train_maml, few_shot.train_reptile, few_shot.train_classifier]
)
def test_the_seed_decides(train, toy):
    one, again, other = (train(new(30), *toy, episodes=8, seed=seed, lr=0.1) for seed in (1, 1, 2))
    assert torch.equal(one.body[0].weight, again.body[0].weight)
    assert not torch.equal(one.body[0].weight, other.body[0].weight)


def test_a_turned_letter_is_another_letter():
    images = torch.arange(2 * 9).view(2, 1, 3, 3).float()
    more, labels = few_shot.turned(images, torch.tensor([1, 0]))
    assert more.shape == (8, 1, 3, 3) and labels.tolist() == [1, 0, 3, 2, 5, 4, 7, 6]
    assert torch.equal(more[2], images[0].rot90(1, (1, 2))) and torch.equal(more[:2], images)


def test_by_groups_an_image_is_seen_alone_and_by_batches_it_is_not(toy):
    images = toy[0]
    alone, in_company = (partial(new, norm=norm)() for norm in ("group", "batch"))
    assert torch.allclose(alone(images[:40])[:10], alone(images[:10]), atol=1e-5)
    assert not torch.allclose(in_company(images[:40])[:10], in_company(images[:10]), atol=1e-2)
    with refused("training.bad-norm", "'layer'"):
        few_shot.FourBlocks(5, norm="layer")


def test_company_matters_to_batches_and_not_to_groups(unseen):
    images, labels = unseen
    episodes = data.sample_episodes(labels, 5, 1, 4, 12, seed=2)
    for norm in ("group", "batch"):
        scores = [
            few_shot.score_in_company(new(norm=norm), images, episodes, company).tolist()
            for company in ("other queries", "the support set", "its own class")
        ]
        assert (scores[0] == scores[1] == scores[2]) == (norm == "group")
    plain = few_shot.score_by_comparing(new().body(images).detach(), episodes)
    assert few_shot.score_in_company(new(), images, episodes, "the support set") == pytest.approx(plain, abs=0.051)
    with refused("training.bad-company", "'friends'"):
        few_shot.score_in_company(new(), images, episodes, "friends")


TRAINERS = [few_shot.train_prototypes, few_shot.train_maml, few_shot.train_reptile, few_shot.train_classifier]


@pytest.mark.parametrize("train", TRAINERS)
def test_what_cannot_be_trained_on_is_refused(train, toy):
    images, labels = toy
    wrong = [(255 * images).byte(), torch.zeros(300, 1, 56, 56), images.expand(-1, 3, -1, -1), images.double()]
    for other in wrong:
        with refused("training.other-images", "(n, 1, 28, 28)", str(other.dtype)):
            train(new(30), other, labels)
    for some in ((images[:9], labels), (images, labels[:9]), (images[:0], labels[:0])):
        with refused("training.lengths-differ", f"{len(some[0])} images and {len(some[1])} labels"):
            train(new(30), *some)
    with refused("training.bad-labels", "float"):
        train(new(30), images, labels.float())
    for setting, code in (("episodes", "training.bad-setting"), ("lr", "training.bad-setting"), ("seed", None)):
        with pytest.raises(CourseError, match=f"{setting} is (0|None)") as caught:
            train(new(30), images, labels, **{setting: None if setting == "seed" else 0})
        assert code is None or caught.value.code == code


def test_more_classes_than_the_head_has_are_refused(toy):
    for labels in (toy[1], toy[1] - 1):
        with refused("training.other-ways", f"{int(labels.max())}", "20 classes"):
            few_shot.train_classifier(new(20), toy[0], labels, episodes=4)


def test_labels_may_be_an_array_of_small_whole_numbers(toy):
    images, labels = toy
    one, other = (
        few_shot.train_classifier(new(30), images, kind, episodes=4, lr=0.1)
        for kind in (labels, labels.short().numpy())
    )
    assert torch.equal(one.head.weight, other.head.weight)


def test_sizes_that_no_network_has_are_refused():
    for how, fact in (({"channels": 12}, "multiple of 8"), ({"ways": 0}, "ways is 0"), ({"inputs": 1.5}, "inputs")):
        with refused("training.bad-setting", fact):
            new(**{"ways": 5} | how)


def test_only_squares_with_labels_are_turned():
    with refused("training.other-images", "(2, 1, 3, 4)"):
        few_shot.turned(torch.zeros(2, 1, 3, 4), torch.tensor([0, 1]))
    with refused("training.lengths-differ", "0 labels"):
        few_shot.turned(torch.zeros(0, 1, 3, 3), torch.zeros(0, dtype=torch.long))


def test_company_refuses_other_images(unseen):
    images, labels = unseen
    with refused("training.other-images", "(120, 1, 56, 56)"):
        few_shot.score_in_company(
            new(), images.repeat(1, 1, 2, 2), data.sample_episodes(labels, 5, 1, 2, 2), "the support set"
        )
