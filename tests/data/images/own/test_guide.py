"""The guide to one's own images: its code runs, in order, on a folder such as it describes."""

import re
from pathlib import Path

import pandas as pd
from support.datasets import write_images

GUIDE = Path(__file__).parents[4] / "docs" / "your_own_images.md"
KINDS = ("healthy", "rust")


def test_the_code_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    names = [f"{kind}/{plant:02d}_{photo}.jpg" for kind in KINDS for plant in range(10) for photo in (1, 2)]
    write_images(tmp_path / "photos", names)
    rows = [(name, name.split("/")[0], f"{name[0]};{name[-5]}", name[-8:-6]) for name in names]
    pd.DataFrame(rows, columns=["file", "condition", "tags", "plant"]).to_csv(tmp_path / "leaves.csv", index=False)
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        if kind == "python":
            capsys.readouterr()
            exec(block, found)
        elif "own" in block:
            assert capsys.readouterr().out == block, "what the guide shows is what its code prints"
    assert 0 <= found["score"] <= 1
    for grouped in (found["dls"], found["by_name"]):
        assert len(set(grouped.factors.group)) == 10 and grouped.factors.groupby("group").split.nunique().max() == 1
