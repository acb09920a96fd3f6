"""The store's DataLoaders are fastai's in every way a learner uses them, and give the very images they were given."""

import copy
import pickle
import random

import matplotlib
import numpy as np
import pytest
import torch
from fastai.data.core import DataLoaders, TfmdDL
from fastai.data.transforms import Normalize
from fastai.interpret import ClassificationInterpretation
from fastai.learner import load_learner
from fastai.torch_core import TensorCategory, TensorImage, set_seed
from fastai.vision.augment import aug_transforms
from fastai.vision.core import imagenet_stats
from PIL import Image
from support.datasets import COLOURS, coloured_images, store_loaders
from support.errors import refused
from support.learners import silent, tiny_is_known, tiny_learner

from course_utils.data.images import store as store_module
from course_utils.data.images.store import Store
from course_utils.data.splits import Split

matplotlib.use("Agg")
VOCAB = list(COLOURS)
SIDE = 12


@pytest.fixture(scope="module", autouse=True)
def known():
    with tiny_is_known():
        yield


@pytest.fixture(scope="module")
def images() -> Store:
    return coloured_images(150, SIDE)


def loaders(store: Store, train: int = 65, valid: range = range(100, 133), **options):
    split = Split(list(range(train)), list(valid), list(range(133, 150)))
    return store_loaders(store, split, what="colours", **{"default_augment": aug_transforms(), **options})


@pytest.fixture(scope="module")
def fitted(images, known, tmp_path_factory):
    set_seed(0)
    learn = tiny_learner(loaders(images), path=tmp_path_factory.mktemp("learner"))
    learn.fit(8, 0.03)
    return learn


def test_they_are_fastais_own(images):
    dls = loaders(images)
    assert isinstance(dls, DataLoaders) and all(isinstance(dl, TfmdDL) for dl in dls)
    assert (list(dls.vocab), dls.c, dls.n_inp, len(dls.loaders)) == (VOCAB, 3, 1, 3)
    assert dls.test is dls.loaders[2]
    assert [len(part.dataset) for part in dls] == [65, 33, 17]
    x, y = dls.one_batch()
    assert (type(x), type(y)) == (TensorImage, TensorCategory)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((16, 3, SIDE, SIDE), torch.float32, (16,), torch.int64)
    image, label = dls.valid_ds[0]
    assert image.size == (SIDE, SIDE) and dls.vocab[label] == VOCAB[100 % 3]
    assert dls.about == "colours: 65 train, 33 valid, 17 test."


@pytest.mark.parametrize("resident", [True, False], ids=["store on the device", "store off the device"])
@pytest.mark.parametrize("part", [1, 2], ids=["valid", "test"])
def test_a_pass_gives_every_image_once_in_order(images, part, resident, monkeypatch):
    monkeypatch.setattr(store_module, "RESIDENT", 2**30 if resident else 0)
    dl = loaders(images, normalize=False)[part]
    batches = list(dl)
    assert torch.equal(torch.cat([x for x, _ in batches]), images.images[list(dl.items)] / 255)
    assert torch.equal(torch.cat([y for _, y in batches]), images.labels[list(dl.items)])


def test_a_training_pass_takes_whole_batches_of_different_images(images):
    dls = loaders(images, normalize=False)
    x, y = (torch.cat(each) for each in zip(*dls.train, strict=True))
    assert len(x) == 64, "an incomplete last batch is dropped, as fastai does; one image alone would stop BatchNorm"
    known = (images.images[:65] / 255).flatten(1)
    places = [(known == row).all(1).nonzero().item() for row in x.flatten(1)]
    assert len(set(places)) == 64
    assert torch.equal(y, images.labels[places])
    again = torch.cat([x for x, _ in dls.train])
    assert not torch.equal(x, again), "another order in every pass"


def test_few_images_make_a_small_batch(images):
    dls = loaders(images, train=6, bs=64)
    assert [len(y) for _, y in dls.train] == [6]
    assert [len(y) for _, y in dls.valid] == [33]


def test_a_single_image_at_the_end_does_not_stop_training(images):
    learn = tiny_learner(loaders(images, train=65, bs=64))
    learn.fit(1)
    learn = tiny_learner(loaders(images, train=64, bs=32, valid=range(64, 129)))
    learn.fit(1)
    assert len(learn.dls.valid) == 2 and [len(y) for _, y in learn.dls.valid][-1] == 1


def test_batches_follow_the_seed_and_nothing_else(images):
    random.seed(1)
    first = [y for _, y in loaders(images, seed=5).train]
    random.seed(2)
    again = [y for _, y in loaders(images, seed=5).train]
    other = [y for _, y in loaders(images, seed=6).train]
    assert all(map(torch.equal, first, again)) and not all(map(torch.equal, first, other))


def test_size_scales_the_batch_and_not_the_store(images):
    dls = loaders(images, size=32, normalize=False)
    (x, _), small = dls.valid.one_batch(), images.images[100:133] / 255
    assert x.shape == (33, 3, 32, 32) and dls.valid_ds[0][0].size == (SIDE, SIDE)
    assert torch.allclose(x.mean((2, 3)), small.mean((2, 3)), atol=0.02)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("pretrained", [True, False])
def test_there_is_one_normalize_and_never_two(images, normalize, pretrained):
    """A network from scratch is normalised like a pre-trained one, however many learners share the loaders."""
    dls = loaders(images, normalize=normalize)
    tiny_learner(dls, pretrained)
    tiny_learner(dls, pretrained)
    found = [[tfm for tfm in dl.after_batch.fs if isinstance(tfm, Normalize)] for dl in dls]
    assert [len(each) for each in found] == [int(normalize or pretrained)] * 3
    if normalize or pretrained:
        mean, std = (torch.tensor(each)[:, None, None] for each in imagenet_stats)
        x, _ = dls.test.one_batch()
        assert torch.allclose(x, (images.images[133:150] / 255 - mean) / std, atol=1e-6)


def test_augmentation_differs_for_each_image_and_only_in_training():
    photo = torch.randint(0, 255, (1, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    same = Store(photo.repeat(150, 1, 1, 1), torch.arange(150) % 3, VOCAB)
    dls = loaders(same, augment=True, normalize=False)
    x, _ = dls.train.one_batch()
    assert len(x.flatten(1).unique(dim=0)) == 16
    for part in (dls.valid, dls.test):
        assert torch.equal(torch.cat([x for x, _ in part]), (same.images / 255)[: len(part.dataset)])
    x, _ = loaders(same, augment=False, normalize=False).train.one_batch()
    assert len(x.flatten(1).unique(dim=0)) == 1
    x, _ = loaders(same, augment=aug_transforms(max_lighting=0, do_flip=False), normalize=False).train.one_batch()
    assert len(x.flatten(1).unique(dim=0)) > 1, "own transforms"


def test_a_network_learns_from_them(fitted):
    assert fitted.validate(ds_idx=1)[1] == 1
    assert fitted.validate(dl=fitted.dls.test) == fitted.validate(ds_idx=2)


def shown(figure=None) -> list[str]:
    titles = [axes.get_title() for axes in (figure or matplotlib.pyplot.gcf()).axes if axes.has_data()]
    matplotlib.pyplot.close("all")
    return titles


def test_show_batch_shows_images_with_their_labels(images):
    dls = loaders(images)
    for dl in dls:
        dl.show_batch(max_n=4)
        titles = shown()
        assert len(titles) == 4 and set(titles) <= set(VOCAB)
    dls.valid.show_batch(max_n=3)
    grids = [np.asarray(axes.images[0].get_array()) for axes in matplotlib.pyplot.gcf().axes if axes.images]
    matplotlib.pyplot.close("all")
    expected = images.images[100:103].permute(0, 2, 3, 1).numpy()
    assert np.abs(np.stack(grids).astype(int) - expected).max() <= 1, "decoded to the very images"
    dls.train.show_batch(max_n=4, unique=True)
    assert len(set(shown())) == 1


def test_show_results_and_interpretation(fitted):
    for ds_idx in (1, 2):
        fitted.show_results(ds_idx=ds_idx, max_n=4)
        truth_and_prediction = [title.split("\n") for title in shown()]
        assert len(truth_and_prediction) == 4 and all(one == other in VOCAB for one, other in truth_and_prediction)
    interp = ClassificationInterpretation.from_learner(fitted)
    assert (interp.confusion_matrix() == np.diag([11, 11, 11])).all()
    interp.plot_confusion_matrix()
    shown()
    losses, places = interp.top_losses(3)
    interp.plot_top_losses(3)
    truth = [VOCAB[fitted.dls.valid_ds[int(place)][1]] for place in places]
    assert [title.split("/")[1].strip() for title in shown()] == truth
    assert len(interp.losses) == 33 and losses[0] == interp.losses.max()


def test_predict_treats_a_image_from_outside_like_one_of_ours(fitted, images, tmp_path):
    expected, _ = fitted.get_preds(ds_idx=2)
    image = Image.fromarray(images.images[133].permute(1, 2, 0).numpy())
    image.save(tmp_path / "a.png")
    for source in (image, tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes(), 133):
        label, place, chances = fitted.predict(source)
        assert label == VOCAB[133 % 3] and place == 133 % 3
        assert torch.allclose(chances, expected[0], atol=1e-5)
    shown_too, *_ = fitted.predict(image, with_input=True)
    assert shown_too.shape == (3, SIDE, SIDE)


def test_predict_takes_large_grey_and_transparent_images(fitted):
    for mode, colour in (("L", 90), ("RGBA", (255, 0, 0, 128)), ("P", 3)):
        assert fitted.predict(Image.new(mode, (300, 200), colour))[0] in VOCAB
    assert fitted.predict(Image.new("RGB", (300, 200), (230, 60, 60)))[0] == "red"


def test_test_dl(fitted, images):
    dl = fitted.dls.test_dl([133, 134, 140], with_labels=True)
    x, y = dl.one_batch()
    assert y.tolist() == images.labels[[133, 134, 140]].tolist()
    outside = [Image.fromarray(images.images[i].permute(1, 2, 0).numpy()) for i in (133, 134, 140)]
    (found,) = fitted.dls.test_dl(outside).one_batch()
    assert torch.allclose(found, x, atol=1e-6)
    assert fitted.get_preds(dl=fitted.dls.test_dl(outside))[0].shape == (3, 3)


def test_test_time_augmentation_augments(images):
    set_seed(0)
    learn = tiny_learner(loaders(images, augment=True))
    (augmented, plain), _ = learn.tta(n=2, beta=None)
    assert torch.allclose(plain, learn.get_preds()[0]) and not torch.allclose(augmented, plain)


def test_an_exported_learner_carries_no_images(fitted, images, tmp_path, recwarn):
    large = Store(images.images.repeat(1, 1, 16, 16), images.labels, VOCAB)
    learn = tiny_learner(loaders(large), path=tmp_path)
    learn.model = fitted.model
    learn.export()
    assert (tmp_path / "export.pkl").stat().st_size < large.images.nbytes / 10
    again = load_learner(tmp_path / "export.pkl")
    silent(again)
    image = Image.new("RGB", (50, 50), (60, 230, 60))
    assert again.predict(image)[0] == "green"
    assert torch.allclose(again.predict(image)[2], learn.predict(image)[2])
    assert len(learn.dls.train_ds) == 65, "the learner that was exported keeps its images"


def test_pickled_loaders_keep_their_images(images):
    dls = loaders(images)
    again = pickle.loads(pickle.dumps(dls))
    for one, other in zip(dls.loaders, again.loaders, strict=True):
        assert list(one.items) == list(other.items)
    assert torch.equal(again.store.images, images.images) and again.vocab == dls.vocab
    assert torch.equal(again.valid.one_batch()[0], dls.valid.one_batch()[0])


def test_a_copy_shares_the_images(images):
    twin = copy.deepcopy(loaders(images, normalize=False))
    assert torch.equal(twin.valid.one_batch()[0], images.images[100:133] / 255)
    assert copy.deepcopy(images) is images


def test_valid_and_test_come_in_larger_batches_since_only_training_cares(images):
    dls = loaders(images, train=64, bs=4)
    assert (dls.train.bs, dls.valid.bs, dls.test.bs) == (4, 64, 64)
    assert loaders(images, train=128, bs=128).test.bs == 128


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 2.5}, {"bs": 0}, {"bs": "many"}])
def test_wrong_numbers(images, wrong):
    (name,) = wrong
    with refused("data.bad-number", f"{name} is {wrong[name]!r}"):
        loaders(images, **wrong)
