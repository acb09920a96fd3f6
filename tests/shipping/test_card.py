"""Cards: read back by the Hub's own library, and refused with an empty section."""

import pandas as pd
import pytest
from support.errors import refused

from course_utils.shipping import model_card
from course_utils.shipping.card import SECTIONS

NO_ROWS, NO_VALUES = pd.DataFrame({"a": []}), pd.DataFrame({"a": [None, float("nan")]})
FULL = {title: f"Something about {title}." for title in SECTIONS}


def test_the_hubs_library_reads_what_was_written(tmp_path):
    from huggingface_hub import ModelCard

    table = pd.DataFrame({"method": ["SVM", "network"], "accuracy": ["60%", None], "odd": ["a|b", "c"]})
    card = ModelCard.load(
        model_card(tmp_path, "bins", FULL | {"How good it is": table}, licence="mit", tags=("rubbish",))
    )
    assert card.data.license == "mit" and card.data.tags == ["rubbish"]
    assert "| SVM | 60% | a\\|b |\n| network |  | c |" in card.content
    places = [card.content.index(f"\n## {title}\n") for title in SECTIONS]
    assert places == sorted(places)


@pytest.mark.parametrize("title", SECTIONS)
@pytest.mark.parametrize(
    "nothing", ["", "  \n", "TODO", "- TODO: ask", "N/A", "…", "___", "\u200b", NO_ROWS, NO_VALUES]
)
def test_an_empty_section_is_refused_by_its_name_and_nothing_written(tmp_path, title, nothing):
    with refused("shipping.empty-section", title):
        model_card(tmp_path / "new", "bins", FULL | {title: nothing}, licence="mit")
    assert not (tmp_path / "new").exists()


def test_a_missing_or_unknown_section_and_a_missing_licence_are_refused(tmp_path):
    with refused("shipping.empty-section", "Limits", "Contact"):
        model_card(tmp_path, "bins", {title: FULL[title] for title in SECTIONS[:-2]}, licence="mit")
    with refused("shipping.unknown-section", "Weather"):
        model_card(tmp_path, "bins", FULL | {"Weather": "fine"}, licence="mit")
    with refused("shipping.empty-section", "licence"):
        model_card(tmp_path, "bins", FULL, licence=" ")
