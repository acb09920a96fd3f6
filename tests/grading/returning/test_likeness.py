"""Copied code is seen wherever it stands, and honest work is left alone: measured on a made-up class of 300."""

import random
import time

import pytest

from course_utils.grading.marking.own_cells import with_used_cells
from course_utils.grading.records import Cell, Submission
from course_utils.grading.returning.similarity import similar

GIVEN = """def confusion(truth, guess, classes):
    table = np.zeros((classes, classes), dtype=int)
    for one, other in zip(truth, guess):
        table[one, other] += 1
    return table

def shown(table, title=""):
    figure, axes = plt.subplots(figsize=(4, 4))
    axes.imshow(table, cmap="Blues")
    axes.set(xlabel="guess", ylabel="truth", title=title)
    return figure
"""
LABELS = (
    *("np.unique(truth)", "sorted(set(truth.tolist()))", "list(dict.fromkeys(truth))", "range(int(truth.max()) + 1)"),
    "[label for label in range(10) if (truth == label).any()]",
)
LOOPS = (
    "shares = []\nfor label in {labels}:\n    {one}\n    shares.append({share})\n{guard}return {mean}",
    "shares = {{}}\nfor label in {labels}:\n    {one}\n    shares[label] = {share}\nshares = list(shares.values())\n"
    "{guard}return {mean}",
    "def share_of(label):\n    {one}\n    return {share}\nshares = [share_of(label) for label in {labels}]\n"
    "{guard}return {mean}",
    "shares = np.zeros(0)\nlabels = {labels}\nwhile len(shares) < len(labels):\n    label = labels[len(shares)]\n"
    "    {one}\n    shares = np.append(shares, {share})\n{guard}return {mean}",
    "def share_of(label):\n    {one}\n    return {share}\nshares = list(map(share_of, {labels}))\n{guard}return {mean}",
    "shares, seen = 0.0, 0\nfor label in {labels}:\n    {one}\n    shares += {share}\n    seen += 1\nif not seen:\n"
    "    return 0.0\nreturn shares / seen",
)
ONES = (
    ("chosen = truth == label", "(guess[chosen] == label).mean()"),
    ("chosen = np.flatnonzero(truth == label)", "np.mean(guess[chosen] == truth[chosen])"),
    ("hits = ((truth == label) & (guess == label)).sum()", "hits / (truth == label).sum()"),
    ("pairs = [g == t for t, g in zip(truth, guess) if t == label]", "sum(pairs) / len(pairs)"),
    ("right = sum(1 for t, g in zip(truth, guess) if t == g == label)", "right / list(truth).count(label)"),
    ("row = confusion(truth, guess, 10)[label]", "row[label] / row.sum()"),
)
MEANS = (
    "float(np.mean(shares))",
    "sum(shares) / len(shares)",
    "float(np.array(list(shares)).mean())",
    "np.average(shares)",
)
GUARDS = ("", "", "if len(shares) == 0:\n    return 0.0\n", "assert len(shares), 'no labels'\n", "print(shares)\n")
EXPLORED = (
    "y = np.array([0, 0, 1])\nbalanced(y, y)",
    "for k in range({n}):\n    print(k, balanced(np.arange(k + 2), np.arange(k + 2)))",
    "import matplotlib.pyplot as plt\nplt.plot([{n}, 2, 3])\nplt.show()",
    GIVEN,
    "%%time\nvalues = [balanced(np.zeros({n}, int), np.zeros({n}, int)) for _ in range(5)]\nmax(values), min(values)",
)
HANDED = (
    GIVEN,
    "def balanced(truth, guess):\n    ...",
    "assert abs(balanced(np.array([0, 0, 1]), np.zeros(3)) - 0.5) < 1e-9",
)


def indented(body: str) -> str:
    return "\n".join(f"    {line}" for line in body.splitlines())


def expression(rng: random.Random, depth: int = 2) -> str:
    """What nobody else would write like this."""
    if not depth:
        return rng.choice(
            ("truth", "guess", "len(truth)", "truth[0]", "guess[-1]", str(rng.randint(0, 9)), "guess.size")
        )
    one, other = expression(rng, depth - 1), expression(rng, depth - 1)
    sign = rng.choice(("+", "-", "*", "//", "%", "==", "<", "and", "or"))
    return rng.choice(
        (f"({one} {sign} {other})", f"max({one}, {other})", f"[{one}, {other}][0]", f"({one} if {other} else 0)")
    )


def honest(rng: random.Random) -> tuple[list[str], str]:
    """(cells above, answer cell) of somebody who worked alone: a usual way to do it, with turns of their own."""
    one, share = rng.choice(ONES)
    parts = {"labels": rng.choice(LABELS), "one": one, "share": share, "guard": rng.choice(GUARDS)}
    body = rng.choice(LOOPS).format(mean=rng.choice(MEANS), **parts)
    for number in range(rng.randint(1, 3)):
        head = rng.choice(
            ("check{n} = {e}", "if {e}:\n    pass", "while False and {e}:\n    break", "assert {e} or True")
        )
        body = head.format(n=number, e=expression(rng)) + "\n" + body
    above = [one.format(n=rng.randint(2, 9)) if one is not GIVEN else one for one in rng.sample(EXPLORED, 2)]
    if rng.random() < 0.3:  # a helper of their own
        above.append(f"def my_mean(truth, guess):\n{indented(body)}")
        return above, "def balanced(truth, guess):\n    return my_mean(truth, guess)"
    return above, f"def balanced(truth, guess):\n{indented(body)}"


def submission(before, answer, after) -> Submission:
    cells = [*(Cell(one) for one in before), Cell(answer, "90.A"), *(Cell(one) for one in after)]
    return Submission("x", "90_example", "here", "d", tuple(cells))


def seen(before, answer, after) -> str:
    return with_used_cells(answer, "balanced", submission(before, answer, after))


OWN = """def balanced(truth, guess):
    rows = {}
    for place, (one, other) in enumerate(zip(truth, guess)):
        rows.setdefault(int(one), []).append(bool(one == other))
        if place % 1000 == 999 and not rows:
            raise KeyError(place)
    return sum(sum(row) / len(row) for row in rows.values()) / max(1, len(rows))
"""
MOVED = OWN.replace("balanced", "work").replace("rows", "found").replace("one", "t").replace("other", "g")
CALLS = "def balanced(truth, guess):\n    return work(truth, guess)"
COPIES = {
    "in the answer": ([], OWN.replace("rows", "x"), []),
    "in a cell above": ([MOVED], CALLS, []),
    "in a cell below": ([], CALLS, [MOVED]),
    "with what else was tried": (["import numpy as np\nx = [1, 2]", MOVED, "work([1], [1])"], CALLS, ["print(x)"]),
    "bound anew": ([MOVED], "balanced = work", []),
    "by a lambda": ([MOVED], "balanced = lambda *given: work(*given)", []),
    "over two helpers": ([MOVED, "def go(t, g):\n    return work(t, g)"], CALLS.replace("work", "go"), []),
    "in a module": ([f"%%writefile tools.py\n{MOVED}", "from tools import work"], CALLS, []),
    "as a method": (
        ["class Tools:\n" + indented(MOVED.replace("(truth", "(self, truth"))],
        "def balanced(truth, guess):\n    return Tools().work(truth, guess)",
        [],
    ),
    "with the own cell blank": ([], "", [OWN]),
    "beside a magic": ([f"%%time\n{MOVED}"], CALLS, []),
    "in a cell that is no Python": ([f"{MOVED}\n!ls\nprint 'x'"], CALLS, []),
    "beside the given code": ([f"{GIVEN}\n{MOVED}"], CALLS, []),
}


@pytest.mark.parametrize("where", COPIES)
def test_a_copy_is_seen_wherever_it_was_moved(where):
    rng = random.Random(5)
    answers = {f"s{n:03}": seen(*honest(rng), []) for n in range(40)} | {"ada": OWN, "bob": seen(*COPIES[where])}
    first = similar(answers, HANDED)[0]
    assert {first.first, first.second} == {"ada", "bob"} and first.share >= 0.8


def test_what_is_not_used_or_was_handed_out_counts_for_nobody():
    unused = seen([MOVED], "def balanced(truth, guess):\n    return float(np.mean(truth == guess))", [])
    assert "work" not in unused
    local = seen(["found = 3", "t = 5"], "def balanced(truth, guess):\n    found = truth\n    return found", [])
    assert local == "def balanced(truth, guess):\n    found = truth\n    return found"
    trace = "def balanced(truth, guess):\n    return confusion(truth, guess, 3).trace()"
    total = "def balanced(truth, guess):\n    rows = confusion(truth, guess, 9)\n    return sum(r[k] for k, r in rows)"
    answers = {"ada": seen([GIVEN], trace, []), "bob": seen([GIVEN], total, [])}
    assert "np.zeros((classes" in answers["ada"] and similar(answers, HANDED) == []
    assert similar(answers), "without knowing what was handed out it looks copied"


def test_a_class_of_300_is_searched_with_few_false_alarms():
    """12 of 300 hand in another's work in cells of their own; the others wrote alone, and use what was handed out."""
    rng = random.Random(7)
    alone = {f"s{n:03}": honest(rng) for n in range(288)}
    answers = {who: seen(*work, []) for who, work in alone.items()}
    without = {who: answer for who, (_, answer) in alone.items()}
    copied = set()
    for number in range(12):
        who, whose = f"t{number:02}", f"s{number * 20:03}"
        above, answer = alone[whose]
        source = above[-1].replace("my_mean", "balanced") if "my_mean" in answer else answer
        hidden = source.replace("balanced", "work").replace("shares", "v").replace("label", "k").replace("truth", "t")
        answers[who] = seen([GIVEN, f"# mine\n{hidden}"], CALLS, ["print(1)"])
        without[who] = CALLS
        copied.add((whose, who))
    began = time.process_time()
    found = {(pair.first, pair.second) for pair in similar(answers, HANDED)}
    took = time.process_time() - began
    before = {(pair.first, pair.second) for pair in similar(without, HANDED)}
    assert found >= copied and not before & copied, "seen now, and not by the answers' cells alone"
    assert len(found - copied) <= 3, "of 44,850 pairs"
    assert took < 2
