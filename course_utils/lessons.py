"""The registry of the lessons: each is entered once, here, and lists, tables and tests of lessons derive from it."""

from dataclasses import dataclass

from course_utils.errors import CourseError


@dataclass(frozen=True)
class Lesson:
    """A lesson of the course.

    Parameters
    ----------
    slug : str
        Number and short name, "04_freezing": the stem of its text, its notebook, its solutions and its quiz.
    question : str
        The question that the lesson asks, as in its title.
    minutes : int
        How long a learner takes.
    know : str
        What to know before, after "You need"; a lesson's number in it becomes a link.
    goals : tuple of str
        What the learner will be able to do, each after "You will be able to".
    extra : str
        The extra of the course whose packages it needs, such as "text"; "" for none.
    data : str
        What it learns from, as `environment.DATA` names it: "images", "texts" or "sounds".
    """

    slug: str
    question: str
    minutes: int = 30
    know: str = "some Python."
    goals: tuple[str, ...] = ()
    extra: str = ""
    data: str = "images"

    @property
    def number(self) -> str:
        """The lesson's number, "04"."""
        return self.slug.partition("_")[0]

    @property
    def title(self) -> str:
        """The heading of its notebook, "04 · What exactly stays still?"."""
        return f"{self.number} · {self.question}"


LAST = 23  # the number of the course's last lesson: later ones are still being written, and leave gaps below

LESSONS = (
    Lesson(
        "00_start",
        "Is my machine ready?",
        minutes=15,
        know="some Python.",
        goals=(
            "run a lesson, and answer its questions and exercises;",
            "say how fast your machine trains, and what a ± promises;",
            "make random numbers come out the same again.",
        ),
    ),
    Lesson(
        "01_first_finetune",
        "What does fine-tuning buy in one minute?",
        minutes=25,
        know="some Python, but no deep learning.",
        goals=(
            "fine-tune a network on a few hundred photos, and name the six steps;",
            "read a confusion matrix;",
            "judge an accuracy against a ladder of baselines.",
        ),
    ),
    Lesson(
        "02_transfer_learning",
        "What does a pre-trained network already know?",
        minutes=25,
        know="lesson 01.",
        goals=(
            "measure with probes what a network knows at each depth;",
            "compare its features with raw pixels and with random weights;",
            "choose what to start from for a task of your own.",
        ),
    ),
    Lesson(
        "03_head_replacement",
        "How do I give it new classes?",
        minutes=40,
        know="lesson 01.",
        goals=(
            "replace the head of a network, and read the error when shapes don't fit;",
            "choose what a head is made of and where to cut;",
            "feed a network images with other channels than it was trained on.",
        ),
    ),
    Lesson(
        "04_freezing",
        "What exactly stays still?",
        minutes=35,
        know="lesson 01: body, head, freezing.",
        goals=(
            "say what freezing stops, and what still moves in a frozen network;",
            "hold BatchNorm's running statistics, or re-estimate them;",
            "save memory and time by freezing, and compute frozen features once.",
        ),
    ),
    Lesson(
        "05_full_or_partial",
        "How much should I unfreeze?",
        minutes=30,
        know="lessons 01 and 04: the head, freezing, BatchNorm.",
        goals=(
            "apply six methods, from a probe to full fine-tuning;",
            "compare methods on equal budgets, seed by seed;",
            "decide how much of a network to train for a task of your own.",
        ),
    ),
    Lesson(
        "06_inside_fine_tune",
        "What does one call do?",
        minutes=35,
        know="lesson 01.",
        goals=(
            "rebuild `fine_tune` from its parts;",
            "give each part of a network its own learning rate, and find a good one;",
            "tell which arguments are worth your time.",
        ),
    ),
    Lesson(
        "07_against_scratch",
        "When does fine-tuning win, and by how much?",
        minutes=30,
        know="lesson 01; lessons 05 and 06 help.",
        goals=(
            "compare fine-tuning fairly with training from scratch;",
            "read a lead in points, in labels and in steps;",
            "work out which method costs you less.",
        ),
    ),
    Lesson(
        "08_when_it_goes_wrong",
        "How do I notice that training goes wrong, and what helps?",
        minutes=40,
        know="lessons 01, 04 and 06.",
        goals=(
            "recognise overfitting, overconfidence, a neglected rare class, and forgetting;",
            "choose a cure by measuring it;",
            "train within less memory.",
        ),
    ),
    Lesson(
        "09_tuning",
        "How do I choose the settings, and what does the choosing cost?",
        minutes=30,
        know="lessons 01 and 06: fine-tuning and learning rates.",
        goals=(
            "search for settings on a budget, and compare the search with doing without;",
            "report what the winner really gets;",
            "stop a search, and go on with it later.",
        ),
    ),
    Lesson(
        "10_honest_numbers",
        "Would you believe this result?",
        minutes=35,
        know="lesson 01 and, from lesson 05, intervals and paired differences.",
        goals=(
            "split data so that nothing leaks into the test set;",
            "find the usual traps in your own results and in others';",
            "say how sure a test set can make you.",
        ),
    ),
    Lesson(
        "11_reviews",
        "How few labelled reviews does a BERT need?",
        minutes=40,
        extra="text",
        data="texts",
        know="lesson 01; lessons 04 and 06 help: freezing, learning rates.",
        goals=(
            "say what a tokenizer leaves of a text, and what an encoder knows before any label;",
            "choose between counting words, a frozen encoder and fine-tuning, by a ladder;",
            "find out which words decide, and what a classifier is worth in another domain.",
        ),
    ),
    Lesson(
        "12_ulmfit",
        "What is text without labels worth?",
        minutes=40,
        know="lesson 06; lesson 05 helps.",
        goals=(
            "tune a language model on texts that nobody has labelled, and measure what it has learned;",
            "turn a language model into a classifier;",
            "find out whether the pieces of a famous recipe help on your data.",
        ),
        extra="text",
        data="texts",
    ),
    Lesson(
        "13_speech",
        "How few recordings teach a network your trade's words?",
        minutes=40,
        know="lesson 01; lesson 10 helps: leaks, and what a test set can tell.",
        goals=(
            "read a spectrogram, and say what a network hears of a recording;",
            "choose between averages, templates, a frozen network and fine-tuning, by a ladder;",
            "test with voices that the training set lacks, and with your own.",
        ),
        extra="sound",
        data="sounds",
    ),
    Lesson(
        "14_detection",
        "Where is it, and what should a detector start from?",
        minutes=40,
        know="lessons 01 and 07: fine-tuning, and training from scratch; lesson 06 helps.",
        goals=(
            "say what a score for boxes means, and work it out by hand;",
            "choose what a detector starts from, and tune each start at its own learning rate;",
            "use boxes of your own, and choose a confidence for your purpose.",
        ),
        extra="detection",
    ),
    Lesson(
        "15_scans",
        "Does ImageNet help with scans?",
        minutes=40,
        know="lesson 01; lessons 07 and 10 help: training from scratch, honest splits.",
        goals=(
            "see through a score that rests on copies, and find the copies yourself;",
            "say what photos teach a network that is to read scans, and what they don't;",
            "choose a threshold, and uncover a shortcut.",
        ),
    ),
    Lesson(
        "16_tables",
        "What can one table lend another?",
        minutes=45,
        know="lessons 01 and 10; lesson 11 helps: embeddings of texts.",
        goals=(
            "judge a list of fraud alarms by what a bank can check in a day, on payments that come later;",
            "compare a borrowed network with boosted trees that learned from the same payments;",
            "start a recommender from another shop's vectors, and place items that nobody has bought.",
        ),
        extra="tables",
    ),
    Lesson(
        "17_few_weights",
        "How few weights can you tune?",
        minutes=40,
        know="lessons 01, 04 and 06; some linear algebra helps.",
        extra="text",
        data="texts",
        goals=(
            "write LoRA, merge it, and use it on any network;",
            "choose between LoRA, adapters, biases, normalisation and full fine-tuning by cost and accuracy;",
            "serve many tasks from one frozen body, and say when it isn't frozen.",
        ),
    ),
    Lesson(
        "18_few_labels",
        "What can a network learn from five examples?",
        minutes=40,
        know="lessons 02, 03 and 06.",
        goals=(
            "classify from one or five examples of each class, without any training;",
            "write MAML and a prototype network, and say what each of them is for;",
            "say what an interval over 600 episodes covers, and what it doesn't.",
        ),
    ),
    Lesson(
        "19_federated",
        "Can you train on data that may not travel?",
        minutes=40,
        know="lessons 01, 04 and 07: freezing, and training from scratch; lesson 17 helps: LoRA.",
        goals=(
            "write federated averaging, and say when it equals training in one place;",
            "tell what skewed clients, dropouts and a poisoner do to it, and what helps;",
            "show what an update gives away about the data, and what it costs to hide it.",
        ),
    ),
    Lesson(
        "22_shipping",
        "What do I hand over, and what does it promise?",
        minutes=40,
        know="lessons 01, 04 and 10; lesson 13 helps: recordings of digits.",
        goals=(
            "save a network without a pickle, export it to ONNX, and round it to 8 bits;",
            "measure how far its probabilities are off, mend them, and promise sets in place of answers;",
            "find gaps between groups and shifts in use, and write the card that goes with a network.",
        ),
        extra="shipping",
    ),
)


def find_lesson(name: str) -> Lesson:
    """Find a lesson by its number or its slug.

    Parameters
    ----------
    name : str
        "09" or "09_tuning".

    Raises
    ------
    CourseError
        When no lesson has that number or slug ("lessons.unknown").
    """
    for lesson in LESSONS:
        if name in (lesson.number, lesson.slug):
            return lesson
    known = ", ".join(lesson.slug for lesson in LESSONS)
    raise CourseError(f"There is no lesson {name!r}: choose from {known}.", code="lessons.unknown")
