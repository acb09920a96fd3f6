# %% [markdown]
# # 00 · Is my machine ready?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/00_start.ipynb)
#
# This lesson runs a real network on your machine, measures how fast it is, and shows how the other lessons work.
# Click a grey cell and press **Shift+Enter**: it runs, and the next one is ready.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("00_start")

# %% [markdown]
# ## What the setup cell decided
#
# Every lesson starts with that cell. It chose a *device*, which computes, and a *profile*, which says which pictures
# and which network the lesson takes. Guess before you read on:

# %% [markdown] tags=["question"]
# ### Question 00.1 — the mini profile
#
# A laptop has no graphics card (GPU), so the setup cell chooses the *mini* profile. What differs in its lessons?
#
# - **A** — The cells: a laptop gets an easier lesson with other code.
# - **B** — The network and the pictures: they are smaller, and the cells are the same.
# - **C** — The results: they were stored beforehand, since a laptop can't train a network.
#
# <details><summary>Answer</summary>
#
# **B** — because a data set is only a name, such as `vehicles`, and the profile says which pictures stand behind it.
# Every result is computed while you watch, on a laptop too.
#
# </details>

# %% [markdown]
# ## Pictures and a network
#
# First the pictures: handwritten digits. A network sees several at once, a *batch*.

# %%
from course_utils import data
from course_utils.plots import plot_pictures

dls = data.digits(n_per_class=20)
pictures, labels = dls.one_batch()
shown = dls.decode_batch((pictures, labels), max_n=8)
plot_pictures([picture for picture, _ in shown], [label for _, label in shown], columns=8)

# %% [markdown]
# Now a network. It learned on photographs before it came to you: it is *pre-trained*. fastai's `vision_learner` gives it
# a new last part, its *head*, with one score for each of our ten classes.

# %% tags=["nbval-check-output"]
from fastai.vision.all import vision_learner

from course_utils.backbones import default

learn = vision_learner(dls, default())
print("a batch:   ", tuple(pictures.shape), "= pictures, colours, height, width")
print("its scores:", tuple(learn.model(pictures).shape), "= pictures, classes")

# %% [markdown]
# Training repeats one step: compute the scores, measure how wrong they are (the *loss*), and find out how each weight
# should change. How fast is that here? One measurement says little, so the next cell takes ten.

# %%
from time import perf_counter

speeds = []
for _ in range(10):
    start = perf_counter()
    loss = learn.loss_func(learn.model(pictures), labels)
    loss.backward()
    loss.item()  # a GPU works on while Python goes on: this waits for it
    speeds.append(len(pictures) / (perf_counter() - start))

# %% tags=["result"]
from course_utils.experiments import mean_interval

mean, half = mean_interval(speeds)
print(f"ready: {mean:.0f} ± {half:.0f} pictures a second on {course.device.type}")

# %% [markdown]
# The number after ± is half of a *95% interval*: were the ten measurements taken again and again, such an interval would
# hold the true speed 19 times in 20. Each comparison in this course has one.

# %% [markdown] tags=["question"]
# ### Question 00.2 — two machines
#
# Your machine measures 300 ± 20 pictures a second, a friend's 310 ± 25. Which is faster?
#
# - **A** — The friend's: 310 is more than 300.
# - **B** — These measurements don't tell.
# - **C** — They are equally fast.
#
# <details><summary>Answer</summary>
#
# **B** — because the intervals overlap almost wholly: a difference of 10 is well within what chance does here. That is no
# proof of equal speed either. More measurements would narrow the intervals.
#
# </details>

# %% [markdown]
# ## The same numbers again
#
# Training draws random numbers: for new weights, for the order of the pictures. A *seed* fixes them. The setup cell sets
# one; here we set it twice by hand.

# %% tags=["nbval-check-output"]
import torch
from fastai.torch_core import set_seed

set_seed(course.seed)
first = torch.rand(3)
set_seed(course.seed)
second = torch.rand(3)
print("the same after the same seed:", torch.equal(first, second))
print("the same if we just go on:   ", torch.equal(first, torch.rand(3)))

# %% [markdown]
# Another machine may still give slightly different results: sums of many numbers depend on their order, and so on the
# number of threads. So no lesson asks you to match a decimal.

# %% [markdown]
# ## What a notebook remembers
#
# A notebook keeps every name that a cell ever set. Run the first cell below once, and the second one *twice*.

# %%
runs = 0

# %%
runs = runs + 1
print("runs:", runs)

# %% [markdown] tags=["question"]
# ### Question 00.3 — the order that counts
#
# You run the cell `runs = 0` once and then the next cell three times. What does the last one print?
#
# - **A** — `runs: 1`, because the notebook reads from top to bottom.
# - **B** — `runs: 3`, because each run goes on with what is in memory.
# - **C** — An error, because a cell can't change its own name.
#
# <details><summary>Answer</summary>
#
# **B** — because the order in which you *run* cells counts, and not their order on the page. When a result puzzles you,
# choose **Run → Restart Kernel and Run All Cells**: then both orders are the same.
#
# </details>

# %% [markdown]
# ## How a check answers
#
# After each exercise stands a check. It is silent when your answer is right. When it isn't, its last line says what to
# look at. Here is one that fails on purpose:

# %% tags=["raises-exception"]
answer = 41
assert answer == 42, "answer should be 42: you are one short"

# %% [markdown]
# ## Exercises
#
# Write your own lines first: a solution and its check stand below each task.

# %% [markdown] tags=["exercise"]
# ### Exercise 00.A — count the pictures
#
# `dls.train_ds`, `dls.valid_ds` and `dls.test.dataset` are the three parts of the digits. Bind `total` to the number of
# pictures in all three.

# %% tags=["solution"]
total = len(dls.train_ds) + len(dls.valid_ds) + len(dls.test.dataset)

# %% tags=["check"]
assert total != len(dls.train_ds) + len(dls.valid_ds), "total lacks the test part: add len(dls.test.dataset)"
assert total == sum(len(part.dataset) for part in dls.loaders), "total should be the sum of the three lengths"
print("right:", total, "pictures")

# %% [markdown] tags=["exercise"]
# ### Exercise 00.B — shuffle alike
#
# `torch.randperm(5)` shuffles five numbers. Bind `one` and `two` to two shuffles of your own that come out the same, each
# made by its own call of `torch.randperm(5)`.

# %% tags=["solution"]
set_seed(course.seed)
one = torch.randperm(5)
set_seed(course.seed)
two = torch.randperm(5)

# %% tags=["check"]
assert one is not two, "one and two are the same object: call torch.randperm(5) twice"
assert torch.equal(one, two), "one and two differ: set the same seed before each of the two calls"
assert sorted(one.tolist()) == list(range(5)), "one should hold 0 to 4: shuffle with torch.randperm(5)"

# %% [markdown]
# ## What would break this
#
# - **Another kernel.** The course must be installed where the notebook runs: the kernel's name stands at the top right.
# - **A busy machine.** Training beside a video call takes longer, and the speeds above scatter more.
# - **Little memory.** A lesson needs up to 2 GB in the mini profile. Close other notebooks (**Kernel → Shut Down All
#   Kernels**) when memory runs out.
# - **An odd set-up.** In a terminal, `course doctor` checks versions, memory, disk and data, and says what to do.

# %% [markdown]
# ## Recap
#
# - The setup cell chooses device and profile, and says why.
# - A pre-trained network comes with the course; nothing is downloaded.
# - A measurement is repeated, and has an interval.
# - A seed makes random numbers repeat on one machine.
# - When in doubt: restart the kernel and run all cells.

# %% [markdown]
# ## Further reading
#
# - [JupyterLab's user guide](https://jupyterlab.readthedocs.io/en/stable/user/notebook.html): cells, kernels, shortcuts.
# - [fastai's documentation](https://docs.fast.ai/): the library that the lessons use.
# - [PyTorch on reproducibility](https://pytorch.org/docs/stable/notes/randomness.html): what a seed can't fix.
