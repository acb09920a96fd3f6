"""The machine's choice of a backbone."""

from torchvision.models import ResNet34_Weights, resnet34

from course_utils.backbones import default, resnet18_half


def test_the_large_network_is_resnet34_and_falls_back_in_one_sentence(monkeypatch, capsys):
    def unreachable(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("COURSE_NETWORK", "small")
    assert default() is resnet18_half
    monkeypatch.setenv("COURSE_NETWORK", "large")
    monkeypatch.setattr(ResNet34_Weights, "get_state_dict", lambda *_, **__: {})
    assert default() is resnet34
    monkeypatch.setattr(ResNet34_Weights, "get_state_dict", unreachable)
    assert default() is resnet18_half
    said = capsys.readouterr().out.strip()
    assert "no network" in said and "resnet18_half" in said and "\n" not in said
