"""The rules for authors: keys that are told twice, no giveaways, no dead links."""

import pytest
from support.quiz_items import REASON, changed, item, read

from course_utils.quiz import rules


def good_quiz():
    """Nine items, right options at other places, longest or not: nothing to mend."""
    kinds = ["one choice", "one choice", "one choice", "several choices", "number", "short text", "order", "prediction"]
    items = [item(kind, id=f"04.{n}") for n, kind in enumerate(kinds, start=1)]
    items[1]["options"].reverse()
    items[2]["options"] = [items[2]["options"][n] for n in (1, 0, 3, 2)]
    return [*items, item("code")]


def faults_of(items, sections=None):
    quiz = read(*items)
    sections = sections or {"One": " ".join(item.model_dump_json() for item in quiz.items)}
    return [f"{of}: {fault}" for of, fault in rules.faults(quiz, sections)]


def test_a_good_quiz_has_nothing_to_mend():
    assert faults_of(good_quiz()) == []


def test_a_section_that_does_not_hold_the_answer_is_told():
    words = " ".join(one.model_dump_json() for one in read(*good_quiz()).items)
    sections = {
        "One": words,
        "Two": 'It speaks of other things.\ncheck("04.7", apple)',
        "Three": "It speaks of an apple, a tree.",
    }
    kinds = {raw["id"]: raw["kind"] for raw in good_quiz()}
    for identifier in kinds:
        moved = [raw | {"section": "Two"} if raw["id"] == identifier else raw for raw in good_quiz()]
        told = faults_of(moved, sections)
        if kinds[identifier] == "prediction":  # nothing holds the answer before a cell finds it
            assert told == []
        else:
            assert len(told) == 1 and told[0].startswith(f"{identifier}: the section 'Two' holds 0 of the ")
    moved = [raw | {"section": "Three"} if raw["id"] == "04.1" else raw for raw in good_quiz()]
    assert faults_of(moved, sections) == []


BREACHES = {
    "section": ({"section": "Two"}, "the lesson has no section 'Two'"),
    "source": ({"source": "a book"}, "the source should be a Markdown link"),
    "short explanation": ({"explanation": "make freeze train"}, "the explanation has fewer than eight words"),
    "figure": ({"figure": {"file": "none.png", "alt": "Nothing."}}, "isn't in the folder quizzes"),
    "figure outside": ({"figure": {"file": "../LICENSE", "alt": "Words."}}, "should be one of .png"),
    "cue missing": (
        {"explanation": "First make it, then chill it, then train it, as the lesson does."},
        "lacks the cue 'freeze'",
    ),
    "cue order": (
        {"explanation": "First freeze it, then make it, then train it, as the lesson does."},
        "in another order",
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_broken_rule_is_told(name):
    fields, words = BREACHES[name]
    items = [item("order", id="04.7", **fields) if raw["id"] == "04.7" else raw for raw in good_quiz()]
    (told,) = faults_of(items)
    assert told.startswith("04.7: ") and words in told


KEYS = {
    "favours another": (
        "one choice",
        {"explanation": "A pear is the fruit that falls from the tree in autumn."},
        "as much as",
    ),
    "favours both": (
        "one choice",
        {"explanation": "An apple is no pear, as anyone sees who looks at it."},
        "as much as",
    ),
    "number not bold": (
        "number",
        {"explanation": "Half of thirty, after all that was said, makes 15."},
        "in bold, **15**",
    ),
    "another number": ("number", {"explanation": "Half of thirty, after all that was said, makes **25**."}, "in bold"),
    "two numbers": ("number", {"explanation": "Half of **30**, after all that was said, makes **15**."}, "in bold"),
    "text not there": (
        "short text",
        {"explanation": REASON},
        "holds none of the accepted answers (train, learn.train(), train mode)",
    ),
    "one way to write it": ("short text", {"accept": ["train"]}, "1 accepted answers"),
    "opening": ("several choices", "False: it is.", "should begin with 'True:'"),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_is_told_in_another_way_is_noticed(name):
    kind, fields, words = KEYS[name]
    raw = changed(kind, "options", 0, feedback=fields) if isinstance(fields, str) else item(kind, **fields)
    items = [
        *(other for other in good_quiz() if other["kind"] != kind),
        raw | {"id": "04.99"},
        item("order", id="04.98"),
    ]
    (told,) = [fault for fault in faults_of([*items, item("order", id="04.97")]) if not fault.startswith(": ")]
    assert told.startswith("04.99: ") and words in told


def test_options_are_enough_and_none_is_absurdly_short():
    three, short = item("one choice"), item("one choice")
    three["options"].pop()
    for option in short["options"]:
        option["text"] += " that lies on the table"
    short["options"][1]["text"] = "no"
    told = [list(rules._of_item(read(*good_quiz()[1:], raw | {"id": "04.99"}).items[-1])) for raw in (three, short)]
    assert [len(faults) for faults in told] == [1, 1]
    assert told[0][0].startswith("3 options") and told[1][0].startswith("the option 'no' is far shorter")


def test_an_estimate_over_orders_of_magnitude_is_judged_by_ratio():
    wide = {"within": 50.0, "low": 1.0, "high": 100_000.0}
    by_ratio = {"within": None, "factor": 2.0, "low": 1.0, "high": 100_000.0}
    for fields, faults in ((wide, 1), (by_ratio, 0), ({"low": -20.0}, 0), ({"low": 40.0, "high": 100.0}, 0)):
        told = faults_of([*good_quiz()[:-2], item("prediction", id="04.99", **fields), item("code")])
        assert len(told) == faults, told
    assert faults_of([*good_quiz(), item("prediction", id="04.99", **wide)]) == [
        "04.99: guesses may differ by orders of magnitude: judge them by `factor` in place of `within`"
    ]


@pytest.mark.parametrize(
    "loading",
    [
        "tried = data.digits(n_per_class=2)",
        "wanted.fine_tune(1)",
        "wanted.fit_one_cycle(1)",
        "learn = vision_learner(dls, network)",
        "learned = resnet18_half(weights='DEFAULT')",
    ],
)
def test_what_takes_seconds_is_done_before_the_learners_time_runs(loading):
    told = faults_of([*good_quiz()[:-1], item("code", expect=loading)])
    assert len(told) == 1 and told[0].startswith("04.A: `expect` calls ") and told[0].endswith("move it to `prepare`")
    assert faults_of([*good_quiz()[:-1], item("code", prepare=loading)]) == []


def test_too_few_items():
    assert faults_of(good_quiz()[2:]) == [": 7 items: a lesson has at least 8"]


def test_giveaways_over_a_whole_quiz():
    items = good_quiz()
    for raw in items[:3]:
        raw["options"].sort(key=lambda option: not option.get("right"))
    assert faults_of(items) == [": the right option is number 1 in 3 of 3 questions: move some"]
    items = good_quiz()
    for raw in items[:3]:
        for option in raw["options"]:
            option["text"] += " from the market" * bool(option.get("right"))
    assert faults_of(items) == [": the right option is the longest in 3 of 3 questions: shorten some of them"]
