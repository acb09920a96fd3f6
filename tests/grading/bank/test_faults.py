"""What is wrong in an author's file is told with its file, item, field, line, and what was expected there."""

import pytest
import yaml
from example_quiz import BANK
from needs import bwrap, run

from course_utils.errors import CourseError
from course_utils.grading.bank.assignments import Assignment
from course_utils.grading.bank.items import GradedQuiz
from course_utils.grading.bank.reading import open_bank
from course_utils.grading.bank.variants import PUBLIC
from course_utils.grading.marking.marker import Marker
from course_utils.grading.marking.selftest import faults as faults_of
from course_utils.grading.release.handout import handed_out
from course_utils.grading.sandbox.worker_pool import WorkerPool
from course_utils.quiz.reading import read

FILE = BANK / "90_example.yaml"
TEXT = FILE.read_text(encoding="utf-8")
QUOTES = "needs quotes around it"
# (what stands in the file, what an author wrote instead) → (item, what is said); the line is that of what was written.
CHANGES = {
    ('id: "90.1"', "id: 90.1"): ("90.1", "`id` should be a text, and is 90.1: put quotes around it."),
    ('id: "90.2"', 'id: "9.2"'): ("9.2", "`id` should be the assignment's number and the item's, like"),
    ("topic: frozen", "topicc: frozen"): ("90.1", "there is no field `topicc` here: did you mean `topic`?"),
    ("    right: true", "    rigt: true"): ("90.1", "there is no field `rigt` here: did you mean `right`?"),
    ("explanation: 13", "explanaton: 13"): ("90.3", "there is no field `explanaton` here: did you mean `explanation`?"),
    ("- answer: width *", "- anwser: width *"): (
        "90.4",
        "there is no field `anwser` here: did you mean `answer`?",
    ),
    ("limit: 2\n", "limits: 2\n"): ("90.A", "there is no field `limits` here: did you mean `limit`?"),
    ("items:\n", "item:\n"): ("", "there is no field `item` here: did you mean `items`?"),
    ("  points: 4\n", "  points: 4\n  answer: B\n"): ("90.7", "there is no field `answer` here: there are id, kind,"),
    ("kind: code", "kind: cod"): ("90.A", "`kind` is 'cod' (did you mean 'code'?): give one of 'one choice', "),
    ("right: true", "right: maybe"): ("90.1", "`right` should be true or false, and is the text 'maybe'."),
    ("difficulty: easy", "difficulty: esay"): (
        "90.1",
        "`difficulty` should be one of 'easy', 'medium', 'hard', and is the text 'esay'.",
    ),
    ("answer: 86.67", "answer: 1e-3"): (
        "90.3",
        "`answer` should be a number, and is the text '1e-3': take away the quotes, and write 1e-3 as 1.0e-3.",
    ),
    ("answer: 86.67", "answer: a lot"): ("90.3", "`answer` should be a number, and is the text 'a lot'."),
    ("answer: 86.67", "answer:"): ("90.3", "`answer` should be a number, and is empty."),
    ("tolerance: 0.5", "tolerance: -1"): ("90.3", "`tolerance` should be at least 0, and is -1."),
    ("at_least: 0.9", "at_least: 90"): ("90.B", "`at_least` should be less than 1, and is 90."),
    ("limit: 2\n", "limit: 2s\n"): ("90.A", "`limit` should be a number, and is the text '2s'."),
    ("points: 4\n", "points: 0\n"): ("90.7", "`points` should be more than 0, and is 0."),
    ("accept: [eval, evaluation]", "accept: eval"): (
        "90.5",
        "`accept` should be a list, each part after a `-` on its own line, and is the text 'eval'.",
    ),
    ("accept: [eval, evaluation]", "accept: [eval, no]"): (
        "90.5",
        "a part of `accept` should be a text, and is false: put quotes around the word.",
    ),
    ("accept: [eval, evaluation]", "accept: []"): ("90.5", "`accept` should have at least 1 part, and has 0."),
    ("unit: \"%\"\n", "figure: a.png\n"): (
        "90.3",
        "`figure` should have fields of its own (file, alt), and is the text 'a.png'.",
    ),
    ("- text: unfreeze the last block\n    cue: last block\n    feedback: It comes after the head.", "- unfreeze"): (
        "90.6",
        "a part of `steps` should have fields of its own (text, cue, feedback), and is the text 'unfreeze'.",
    ),
    ("name: balanced", "name: Balanced Accuracy"): (
        "90.A",
        "`name` should be a name of Python, like total or mean_of, and is the text 'Balanced",
    ),
    ("lesson: 90_example", "lesson: example"): (
        "",
        "`lesson` should be two digits and a name, like 04_frozen, and is the text 'example'.",
    ),
    ("  import numpy as np\n", "  import numpy as as np\n"): (
        "",
        "`setup` is no Python (invalid syntax, line 1 of it).",
    ),
    ('"[(rng.integers(0, 3, 30)', '"x = [(rng.integers(0, 3, 30)'): (
        "90.A",
        "`inputs`: it should be one expression, such as a list of argument tuples.",
    ),
    ("        return float(np.mean([np.mean(guess[", "        return float(np.mean(([np.mean(guess["): (
        "90.A",
        "`reference` is no Python ('(' was never closed, line 2 of it).",
    ),
    ("- assert abs(", "- assert abs(("): ("90.A", "`examples` is no Python ('(' was never closed, line 1 of it)."),
    ("stem: Bring", "stem: Note: bring"): (None, f"a text with a colon in it {QUOTES}, or `|` before it."),
    ("stem: Bring", "stem: `Bring`"): (None, f"a text that begins with this sign {QUOTES}; indent with spaces"),
    ("stem: Bring", "stem: *Bring*"): (None, f"a text that begins with * or & {QUOTES}."),
    ('unit: "%"', "unit: %"): (None, f"a text that begins with this sign {QUOTES}"),
    ("  topic: mode", "\ttopic: mode"): (None, "indent with spaces, no tabs."),
    ("  topic: mode", " topic: mode"): (None, "this line is indented otherwise than its neighbours"),
    ("  topic: mode\n", "  topic: mode\n  topic: modes\n"): (None, "the name 'topic' comes twice here: keep one."),
}  # fmt: skip


def faults(text: str) -> str:
    with pytest.raises(CourseError) as caught:
        read(text, FILE.name, GradedQuiz)
    return str(caught.value)


@pytest.mark.parametrize(("change", "told"), CHANGES.items(), ids=[new.strip() for _, new in CHANGES])
def test_a_fault_is_told_with_its_line_and_what_was_expected(change, told):
    old, new = change
    assert TEXT.count(old) >= 1
    place = TEXT.index(old)
    item, words = told
    (said,) = faults(TEXT.replace(old, new, 1)).splitlines()
    assert words in said
    line = TEXT[:place].count("\n") + 1
    line += new.count("\n") > 1 and "answer" in new
    found, _, rest = said.removeprefix(f"{FILE.name}:").partition(":")
    if item is None:  # YAML itself stops where it can go on no longer
        assert line <= int(found) <= line + 1
    else:
        assert found == f"{line}{f' (item {item})' if item else ''}" and rest.strip().startswith(words[:20])


@pytest.mark.parametrize("field", ["id", "kind", "topic", "stem", "steps"])
def test_a_missing_field_is_named_at_its_item(field):
    content = yaml.safe_load(TEXT)
    item = next(one for one in content["items"] if one["kind"] == "order")
    place = f"item {item['id']}" if field != "id" else f"item number {content['items'].index(item) + 1}"
    del item[field]
    assert faults(yaml.safe_dump(content)).endswith(f"({place}): `{field}` is missing.")


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / FILE.name).write_bytes(TEXT.replace("pictures", "Bücher").encode("cp1252"))
    with pytest.raises(CourseError, match=r"90_example\.yaml: byte \d+ isn't UTF-8: save the file as UTF-8"):
        open_bank(tmp_path)
    (tmp_path / FILE.name).write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert len(open_bank(tmp_path)[0].items) == 9, "a byte order mark, as Windows' editors write it, does no harm"


MINIMAL = """
lesson: 91_exam
bank: graded
title: An exam
items:
- {id: "91.1", kind: one choice, topic: a, stem: "Which?", options: [{text: this, right: true}, {text: that}]}
- id: "91.2"
  kind: several choices
  topic: b
  stem: Which ones?
  points: 0.5
  options: [{text: this, right: true}, {text: that}, {text: these, right: true}]
- {id: "91.3", kind: number, topic: c, stem: "How many?", answer: 4, tolerance: 0}
- {id: "91.4", kind: varied number, topic: d, stem: "{n} and 1?", variant: "n = int(rng.integers(9)); answer = n + 1",
   tolerance: 0}
- {id: "91.5", kind: short text, topic: e, stem: "Who?", accept: [Ada]}
- {id: "91.6", kind: order, topic: f, stem: "In which order?", steps: [{text: one}, {text: two}, {text: three}]}
- {id: "91.A", kind: code, topic: g, stem: Double., name: double, inputs: "[(2,), (3.5,)]",
   reference: "def double(x): return 2 * x"}
- {id: "91.B", kind: code, topic: h, stem: "Bind `total` to 3.", name: total, reference: total = 3}
- {id: "91.7", kind: free text, topic: i, stem: "Why?", points: 1.5, rubric: [{text: says why, points: 1.5}]}
"""


@bwrap
def test_an_exam_needs_no_section_source_difficulty_hints_or_feedback():
    quiz = read(MINIMAL, "91_exam.yaml", GradedQuiz)
    assert [item.points for item in quiz.items] == [1, 0.5, 1, 1, 1, 1, 1, 1, 1.5]
    assignment = Assignment(quiz, PUBLIC, personal=True)
    cells = handed_out(assignment.for_student("ada"))
    assert "(0.5 points)" in cells["91-2-question"] and "(1 point)" in cells["91-1-question"]

    async def proven():
        async with WorkerPool(1, ["numpy"]) as pool:
            return await faults_of(Marker(assignment, pool))

    assert run(proven()) == []
