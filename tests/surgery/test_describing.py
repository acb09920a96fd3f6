"""The table of a network's blocks."""

from course_utils import surgery
from course_utils.backbones import resnet18_half


def test_the_table_counts_what_trains():
    network = resnet18_half(num_classes=7)
    table = surgery.describe(network).set_index("block")
    assert table.parameters.sum() == table.trainable.sum() == sum(w.numel() for w in network.parameters())
    assert table.output["stage 3"] == (128, 4, 4) and table.output["head"] == (7,)
    assert table.batchnorm["head"] == "" and table.batchnorm["stem"] == "train"
    surgery.freeze_to(network, "stage 4", batchnorm="fixed")
    table = surgery.describe(network).set_index("block")
    assert (table.trainable[:"stage 3"] == 0).all() and (table.batchnorm[:"stage 3"] == "fixed").all()
    assert (table.trainable["stage 4":] == table.parameters["stage 4":]).all()
    assert network.training, "looking at a network leaves its mode alone"
