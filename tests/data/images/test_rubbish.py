"""Drawn rubbish: the same on every machine, varied, and with no shortcut to the classes."""

import hashlib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from course_utils.data.images.drawings.rubbish import BOARDS, KINDS, draw_rubbish

DIGEST = "ba40650bebc81dae"  # changes when the drawings change, and not with the machine, numpy or Pillow


def test_the_same_images_on_every_machine():
    drawn = np.stack([draw_rubbish(kind, [seed])[0][0] for seed, kind in enumerate(KINDS)])
    assert hashlib.sha256(drawn.tobytes()).hexdigest()[:16] == DIGEST


def test_alone_or_among_others_the_same():
    images, factors = draw_rubbish("glass", range(100))
    alone, known = draw_rubbish("glass", [97])
    assert (alone[0] == images[97]).all() and factors.iloc[97].equals(known.iloc[0])


def test_a_kind_is_several_things_on_every_board():
    for kind in KINDS:
        images, factors = draw_rubbish(kind, range(60))
        assert images.shape == (60, 64, 64, 3) and len({image.tobytes() for image in images}) == 60
        assert len(set(factors.thing)) >= 4 and set(factors.board) == set(BOARDS)
        assert not factors.isna().any().any() and set(factors.kind) == {kind}
        assert factors.x.between(20, 44).all() and factors.y.between(20, 44).all()


def test_one_seed_is_one_board_for_every_kind():
    places = [draw_rubbish(kind, [5])[1][["board", "x", "y", "scale", "turned", "light"]] for kind in KINDS]
    assert all(place.equals(places[0]) for place in places)


def test_colours_alone_do_not_tell_the_kinds_apart():
    """The mean and the deviation of each channel give away less than half."""
    drawn = [draw_rubbish(kind, range(120))[0] for kind in KINDS]
    inputs = np.concatenate([np.concatenate([images.mean((1, 2)), images.std((1, 2))], 1) for images in drawn])
    labels = np.repeat(np.arange(len(KINDS)), 120)
    train = np.tile(np.arange(120) < 80, len(KINDS))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(inputs[train], labels[train])
    assert model.score(inputs[~train], labels[~train]) < 0.5


def test_no_seeds_no_images():
    images, factors = draw_rubbish("paper", [])
    assert images.shape == (0, 64, 64, 3) and factors.empty
