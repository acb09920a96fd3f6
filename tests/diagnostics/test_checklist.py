"""The checklist: it finds each trouble, is silent on a sound learner, and changes nothing."""

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.data.transforms import Normalize
from fastai.losses import CrossEntropyLossFlat, FocalLossFlat
from fastai.metrics import Recall, RocAucBinary, accuracy
from fastai.torch_basics import Transform
from fastai.torch_core import TensorImage
from fastai.vision.core import imagenet_stats
from fastai.vision.data import ImageDataLoaders
from fastai.vision.learner import vision_learner
from PIL import Image
from support.datasets import noise_images, split_in_order, store_loaders
from support.errors import refused

from course_utils.backbones import resnet18_half
from course_utils.data.images.near_duplicates import look_alikes
from course_utils.data.images.store import Store
from course_utils.diagnostics import inspect_training
from course_utils.surgery import freeze, snapshot, split_by_block, unfreeze
from course_utils.training import cached_body, reestimate_batchnorm

SIZES = (32, 24, 24)  # images of train, valid and test


def scans(positives=(16, 12, 12), *, sizes=SIZES, normalize=True, patients=None, images=None, bs=8):
    """Noise as images, so that no two are alike; four slices of each patient, one after the other."""
    total, split = sum(sizes), split_in_order(*sizes)
    labels = torch.zeros(total, dtype=torch.long)
    for part, count in zip((split.train, split.valid, split.test), positives, strict=True):
        labels[part[:count]] = 1
    store = Store(noise_images(total) if images is None else images, labels, ["healthy", "lesion"])
    dls = store_loaders(store, split, what="noise", size=32, bs=bs, normalize=normalize)
    if patients is not False:
        dls.factors = pd.DataFrame({"patient": np.arange(total) // 4 if patients is None else patients})
    return dls


def learner(dls=None, trained=True, metrics=(accuracy,), **options):
    """A learner after one careful epoch on a frozen body."""
    learn = vision_learner(scans() if dls is None else dls, resnet18_half, metrics=list(metrics), **options)
    freeze(learn, batchnorm="fixed")
    if trained:
        with learn.no_bar(), learn.no_logging():
            learn.fit(1, 1e-6)
        reestimate_batchnorm(learn)
        learn.recorder.values = [[0.7, 0.69, 0.5]]  # what one epoch of a tiny rate gives is left to chance
    return learn


def found(learn, **options):
    return [finding.what for finding in inspect_training(learn, **options).findings]


def test_a_sound_learner_gets_no_finding():
    inspection = inspect_training(learner())
    assert inspection.findings == ()
    assert inspection.sound == (
        "class ratio",
        "classes in each split",
        "metrics",
        "patients",
        "duplicates",
        "normalisation",
        "losses",
        "frozen blocks",
        "running statistics",
        "batches",
        "mode",
    )
    assert str(inspection).startswith("Looks wrong: nothing\nIn order: class ratio, ")
    assert "no learner records it, so use it once, at the end" in " ".join(str(inspection).split())
    assert inspection.table.empty and list(inspection.table) == ["what", "evidence", "cure"]


def test_a_sound_learner_of_rare_lesions_gets_none_either():
    options = {"metrics": [accuracy, Recall(), RocAucBinary()]}
    rare = scans((3, 2, 2))
    assert found(learner(rare, loss_func=CrossEntropyLossFlat(weight=torch.tensor([1.0, 9.0])), **options)) == []
    assert found(learner(rare, loss_func=FocalLossFlat(), **options)) == []


def test_a_rare_class_and_the_metric_that_hides_it_are_found():
    inspection = inspect_training(learner(scans((3, 2, 2))))
    rare, hidden = inspection.findings
    assert rare.what == "a class is rare"
    assert rare.evidence.startswith("3 of 32 images that an epoch draws are 'lesion' (9.4%)")
    assert hidden.what == "the metric hides the rare class"
    assert "accuracy alone is watched, and always answering 'healthy' is right for 91.7%" in hidden.evidence
    assert found(learner(scans((3, 2, 2)), metrics=[accuracy, RocAucBinary()])) == ["a class is rare"]
    assert found(learner(scans((3, 2, 2)), metrics=[])) == ["a class is rare", "the metric hides the rare class"]


def test_drawing_the_rare_class_more_often_is_seen():
    dls = scans((3, 2, 2))
    dls.train.get_idxs = lambda: [0, 1, 2] * 5 + list(range(3, 20))
    assert found(learner(dls, metrics=[Recall()])) == []


def test_a_weight_that_is_the_same_for_all_classes_makes_up_for_nothing():
    same = CrossEntropyLossFlat(weight=torch.tensor([1.0, 1.0]))
    assert found(learner(scans((3, 2, 2)), loss_func=same, metrics=[Recall()])) == ["a class is rare"]


@pytest.mark.parametrize(("positives", "part"), [((16, 0, 12), "valid"), ((16, 12, 0), "test")])
def test_a_split_without_positives_is_found(positives, part):
    [missing, *_] = inspect_training(learner(scans(positives))).findings
    assert missing.what == f"a class is missing in {part}"
    assert missing.evidence == "'lesion' has no image there, so its recall and its AUC are undefined"


def test_patients_on_two_sides_are_found():
    patients = np.arange(80) // 4
    patients[56:60] = patients[0]  # the first patient of test is the first of train
    [shared] = inspect_training(learner(scans(patients=patients))).findings
    assert shared.what == "train and test share patients"
    assert shared.evidence == "1 of the 6 in test are in train too"


def test_who_an_image_is_of_can_be_said_by_a_function():
    learn = learner(scans(patients=False))
    inspection = inspect_training(learn)
    assert any(reason.startswith("patients: the data don't say whose") for reason in inspection.unseen)
    assert "patients" not in inspection.sound and not inspection.findings
    assert found(learn, group=lambda index: index // 5) == [
        "train and valid share patients",
        "valid and test share patients",
    ]
    assert found(learn, group=lambda index: index) == []


def test_near_duplicates_across_parts_are_found():
    images = scans().train.dataset.tls[0].tfms.fs[0].store.images.clone()
    images[40] = images[3].flip(-1)  # a mirror image of a training image in valid
    images[5] = images[4]  # two alike in one part are no leak
    images[60] = (0.9 * images[3].float() + 10).to(torch.uint8)  # recoloured, in test
    [twins] = inspect_training(learner(scans(images=images))).findings
    assert twins.what == "near-duplicates across splits"
    assert "3 pairs" in twins.evidence  # 3 with 40, 3 with 60, 40 with 60
    assert "(1 images of train, 1 images of valid, 1 images of test)" in twins.evidence


def test_what_all_images_share_makes_no_duplicates():
    rng = np.random.default_rng(2)
    shared, own = rng.integers(0, 200, (1, 3, 32, 32)), rng.integers(0, 55, (80, 3, 32, 32))
    images = torch.from_numpy((shared + own).astype(np.uint8))
    assert len(look_alikes(images)) > 1000  # they are alike, as scans are
    assert found(learner(scans(images=images))) == []
    images[40] = images[3]
    assert found(learner(scans(images=images))) == ["near-duplicates across splits"]


def test_of_many_images_some_are_compared():
    images = scans().train.dataset.tls[0].tfms.fs[0].store.images.clone()
    images[32:56] = images[0]
    [twins] = inspect_training(learner(scans(images=images)), images=20).findings
    assert "20 of 80 images were compared" in twins.evidence
    with refused("diagnostics.too-few-images", "at least 2"):
        inspect_training(learner(), images=1)


def test_a_test_set_that_is_the_validation_set_is_found():
    dls = scans()
    dls.loaders[2] = dls.loaders[1]
    whats = found(learner(dls), group=lambda index: index)
    assert whats == ["valid and test share patients", "valid and test share items"]


def test_normalising_twice_is_found_in_the_pipeline():
    dls = scans()
    dls.add_tfms([Normalize.from_stats(*imagenet_stats)], "after_batch")
    [twice] = inspect_training(learner(dls)).findings
    assert twice.what == "images are normalised twice"
    assert twice.evidence.startswith("Normalize stands 2 times in after_batch; values go from -1")


def test_normalising_before_the_loader_is_found_in_the_values():
    class Before(Transform):
        order = Normalize.order - 1

        def encodes(self, images: TensorImage):
            return (images - 0.45) / 0.22

    dls = scans(normalize=False)
    dls.add_tfms([Before(), Normalize.from_stats(*imagenet_stats)], "after_batch")
    [twice] = inspect_training(learner(dls)).findings
    assert twice.what == "images are normalised twice" and "one Normalize gives -2.1 to 2.6" in twice.evidence


def test_a_split_that_is_normalised_differently_is_found():
    dls = scans()
    dls.train.after_batch.add(Normalize.from_stats(*imagenet_stats))
    assert found(learner(dls)) == ["train and valid are normalised differently"]


def test_a_pretrained_body_without_normalisation_is_found():
    dls = scans(normalize=False)
    assert found(learner(dls, normalize=False)) == ["a pre-trained body gets images that aren't normalised"]
    assert found(learner(dls, normalize=False, pretrained=False)) == []


@pytest.mark.parametrize(
    ("values", "whats"),
    [
        ([[0.6, 0.6], [0.1, 0.9]], ["overfitting"]),
        ([[0.7, 0.5], [0.5, 0.65]], ["overfitting"]),  # rising
        ([[0.9, 0.5], [0.8, 0.65]], []),  # rising, and still below training
        ([[0.7, 0.7], [0.5, 0.55]], []),
        ([[0.01, 0.03]], []),  # twice as high, and both next to nothing
        ([[0.6, float("nan")]], ["a loss is NaN or infinite"]),
        ([[0.6, None]], ["a loss is NaN or infinite"]),
    ],
)
def test_losses_that_part_are_found(values, whats):
    learn = learner()
    learn.recorder.values = values
    assert found(learn) == whats


def test_the_turn_of_the_validation_loss_is_named():
    learn = learner()
    learn.recorder.values = [[0.7, 0.7, 0.5], [0.5, 0.6, 0.5], [0.1, 0.9, 0.5]]
    [finding] = inspect_training(learn).findings
    assert finding.evidence == (
        "the loss ends at 0.10 in training and 0.90 in validation, where the lowest was 0.60 in epoch 2 of 3"
    )


def test_a_frozen_body_that_still_moves_is_found():
    learn = learner()
    learn.freeze()
    freeze(learn, batchnorm="train")
    reestimate_batchnorm(learn)
    [moving] = inspect_training(learn).findings
    assert moving.what == "a frozen body still moves"
    assert moving.evidence.startswith("20 BatchNorm layers in frozen blocks (stem, stage 1, stage 2, stage 3, stage 4)")
    assert moving.evidence.endswith("the last fit had 4 steps")


def test_nothing_frozen_is_fine_unless_all_weights_are_one_group():
    one = learner(splitter=lambda model: [list(model.parameters())])
    unfreeze(one)
    reestimate_batchnorm(one)
    assert found(one) == ["one parameter group for the whole network"]
    several = learner(splitter=split_by_block)
    unfreeze(several)
    reestimate_batchnorm(several)
    assert found(several) == []


def test_nothing_that_trains_is_found():
    learn = learner()
    for weight in learn.model.parameters():
        weight.requires_grad_(False)
    assert found(learn) == ["everything is frozen"]


def test_a_last_batch_of_one_is_found():
    dls = scans((16, 12, 12), sizes=(33, 24, 24))
    assert found(learner(dls), group=lambda index: index) == []  # fastai drops it
    dls.train.drop_last = True
    learn = learner(dls)
    dls.train.drop_last = False
    assert found(learn, group=lambda index: index) == ["a last batch of one"]


def test_no_whole_batch_is_found():
    learn = learner()
    learn.dls.train.bs = 64
    assert found(learn) == ["no whole batch"]


def test_a_model_left_in_training_mode_is_found():
    learn = learner()
    learn.model.train()
    [training] = inspect_training(learn).findings
    assert training.what == "the model is in training mode"
    # fastai's head has two of each; the body's BatchNorm layers are held in evaluation
    assert training.evidence.startswith("2 BatchNorm layers and 2 dropout layers are active")
    assert found(learner(trained=False)) == []


def recall_of_a_batch(predictions, truth):
    found = (predictions.argmax(1) == 1) & (truth == 1)
    return found.sum() / (truth == 1).sum().clamp(min=1)


def test_running_statistics_that_lag_are_found_and_left_alone():
    learn = learner()
    first = learn.model[0][1]
    first.held_in_eval = False
    first.running_mean.sub_(9.0)
    before = snapshot(learn)
    [lagging] = [finding for finding in inspect_training(learn).findings if "lag" in finding.what]
    assert lagging.evidence.startswith("re-estimating the statistics of 3 BatchNorm layers on the training images")
    assert all(torch.equal(before[name], tensor) for name, tensor in snapshot(learn).items())
    reestimate_batchnorm(learn)
    assert "running statistics" in inspect_training(learn).sound


def test_a_metric_averaged_over_batches_is_found():
    dls = scans((16, 13, 12), sizes=(32, 70, 24))  # all positives in the first of two validation batches
    learn = learner(dls, metrics=[accuracy, recall_of_a_batch])
    with torch.no_grad():
        learn.model[1][-1].weight.zero_()
        learn.model[1][-1].weight.grad = None
        learn.model[1].append(torch.nn.Linear(2, 2))
        learn.model[1][-1].weight.zero_()
        learn.model[1][-1].bias.copy_(torch.tensor([0.0, 1.0]))  # always lesion: recall 1, and 0 in the second batch
    [averaged] = [f for f in inspect_training(learn, group=lambda index: index).findings if "averaged" in f.what]
    assert averaged.evidence == "recall_of_a_batch is 0.914 averaged over 2 batches, and 1.000 over all"


def test_nothing_is_changed():
    learn = learner(metrics=[accuracy, recall_of_a_batch])
    learn.model.train()
    before, state = snapshot(learn), learn.dls.train.rng.getstate()
    torch.manual_seed(3)
    drawn = torch.rand(3)
    torch.manual_seed(3)
    inspect_training(learn)
    assert torch.equal(torch.rand(3), drawn)
    assert learn.dls.train.rng.getstate() == state
    assert all(torch.equal(before[name], tensor) for name, tensor in snapshot(learn).items())
    assert learn.model.training


def test_stored_features_are_seen_through():
    learn = learner(trained=False)
    with cached_body(learn):
        with learn.no_bar(), learn.no_logging():
            learn.fit(1, 1e-6)
        reestimate_batchnorm(learn)
        learn.recorder.values = [[0.7, 0.69, 0.5]]
        assert found(learn) == []


def test_plain_fastai_data_from_files_are_inspected_too(tmp_path):
    rng = np.random.default_rng(1)
    for part in ("train", "valid"):
        for name in ("healthy", "lesion"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(6):
                pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"p{part[0]}{number // 2}_{number}.png")
    copied = tmp_path / "train" / "lesion" / "pt0_0.png"
    Image.open(copied).save(tmp_path / "valid" / "lesion" / "pv9_9.png")
    dls = ImageDataLoaders.from_folder(tmp_path, bs=4, num_workers=0)
    learn = learner(dls, trained=False)
    assert found(learn, group=lambda path: path.name.split("_")[0]) == ["near-duplicates across splits"]
    assert found(learn, group=lambda path: path.name[-5]) == [
        "train and valid share patients",
        "near-duplicates across splits",
    ]
