# %% [markdown]
# # 00 · Is my machine ready?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/00_start.ipynb)
#
# How long will your machine take to fine-tune a network? We'll time it, on some photos of things that people throw away.
# And you'll see how a lesson works.

# %% [markdown]
# You can read a lesson on [the website](https://fine-tuning-course.github.io/fine-tuning-course/), where its questions
# work, or run it, for example in JupyterLab: click a grey cell and press **Shift+Enter**. The first one sets things up;
# its code is folded. Below each cell is our output, hidden where you should guess first.

# %%
# Install the course where it is missing (on Colab or Kaggle, or with this notebook alone), and set it up.
from importlib.util import find_spec

if not find_spec("course_utils"):
    # %pip install -q --no-deps optuna colorlog alembic mako git+https://github.com/fine-tuning-course/fine-tuning-course
    assert find_spec("course_utils"), "Installing failed: go online (on Kaggle, in the settings), and run this again."
from course_utils.environment import setup

course = setup("00_start")

# %% [markdown]
# ## What the setup cell decided
#
# Every lesson starts with that cell. It chose a *device*, which does the computing; a *network*, small or large; and *images*,
# photographs where they can be had and drawings otherwise. Two lines say why. Whatever it chose, later cells are the same.

# %% [markdown]
# Here is the first question. In a notebook, run its cell, and it gets buttons. *Check* tells you about the answer that
# *you* chose. It isn't graded.

# %%
from course_utils.quiz import ask

ask("00.1")

# %% [markdown]
# ## Images and a network
#
# Here are some things that people throw away. A network gets several images at once, a
# [*batch*](../docs/glossary.md#batch). The first time, the course also looks for photos that are nearly the same, and
# says how many: with one of them in training and the other in the test, the test would be too easy.

# %%
from course_utils import data
from course_utils.plots import plot_images

dls = data.recycling(n_per_class=20, size=64, bs=32)
images, labels = dls.one_batch()
shown = dls.decode_batch((images, labels), max_n=8)
plot_images([image for image, _ in shown], [label for _, label in shown], columns=4)

# %% [markdown]
# The network has already been trained on other photos: it is [*pre-trained*](../docs/glossary.md#pre-trained). fastai's
# `vision_learner` gives it a new last part, its *head*, which gives each image one score for each of our six classes.

# %%
from fastai.vision.all import vision_learner

from course_utils.backbones import default

learn = vision_learner(dls, default())
print("a batch:   ", tuple(images.shape), "= images, colour channels, height, width")
print("its scores:", tuple(learn.model(images).shape), "= images, classes")

# %% [markdown]
# ## How fast is a training step?
#
# Training repeats one [*step*](../docs/glossary.md#step): compute the scores, measure how wrong they are (the *loss*),
# find out how each weight should change, and change it a little. For scale: an image
# takes a laptop's processor a few milliseconds, or a few dozen; a graphics card needs far less. Note your guess first.

# %%
from course_utils.quiz import found, predict

predict("00.4")

# %%
learn.unfreeze()  # or only the head and a few other weights would learn
learn.create_opt()  # makes the optimiser, which changes the weights; `learn.opt` below


def training_step():
    loss = learn.loss_func(learn.model(images), labels)
    loss.backward()
    learn.opt.step()
    learn.opt.zero_grad()
    loss.item()  # a GPU works on while Python goes on: this waits for it


# %% [markdown]
# The first steps also set up what later steps reuse, so we run twenty-two and leave the first two out.

# %%
from time import perf_counter

times = []
for _ in range(22):
    start = perf_counter()
    training_step()
    times.append(perf_counter() - start)

# %% tags=["result"]
import numpy as np

from course_utils.display import show_result

slow, middle, fast = (len(images) / np.quantile(times[2:], q) for q in (0.9, 0.5, 0.1))
speeds = f"{middle:.0f} images a second; most steps between {slow:.0f} and {fast:.0f}"
show_result(f"ready, on {course.device.type}: {speeds}")
found("00.4", middle)

# %% [markdown]
# How long will lesson 01 take? It fine-tunes on 240 photos for nine *epochs*, that is, nine times. The photos are larger,
# and each epoch also measures the accuracy, so we allow three times as long for each image. A laptop usually needs about
# a minute; if yours says much more, something else is using it.

# %%
trained = 240 * 9
seconds = 3 * trained / middle
print(f"lesson 01 trains on {trained:,} images: at this speed about {seconds:.0f} seconds")

# %% [markdown]
# ## What the ± means
#
# The speeds differ from step to step. Accuracies differ from run to run, so most results of this course come with an
# [*interval*](../docs/glossary.md#interval), written as mean ± half its width. What does it promise? Let's simulate a
# thousand experiments of ten measurements each, with a true mean of 300 that we know:

# %%
from course_utils.statistics import mean_interval

rng = np.random.default_rng(course.seed)
experiments = rng.normal(loc=300, scale=30, size=(1000, 10))
intervals = [mean_interval(measurements) for measurements in experiments]
hits = sum(abs(mean - 300) <= half for mean, half in intervals)
mean, half = intervals[0]
print(f"{hits} of 1000 intervals contain the true mean; the first is {mean:.0f} ± {half:.0f}")

# %% [markdown]
# That is a 95% interval: about 95 of 100 of them contain the true mean, and you never know whether yours is one of
# them. The promise holds only when the measurements are independent. The steps above aren't: whatever slows one down
# slows down its neighbours too. That's why their line shows a range and no interval.

# %%
ask("00.2")

# %% [markdown]
# To make an interval narrower, measure more often: its width falls with the square root of the number of measurements.

# %% [markdown]
# ## The same numbers again
#
# Training draws random numbers, for new weights and for the order of the images. A [*seed*](../docs/glossary.md#seed)
# fixes them. The setup cell sets one; here we set it twice by hand.

# %%
import torch
from fastai.torch_core import set_seed

set_seed(course.seed)
first = torch.rand(3)
set_seed(course.seed)
second = torch.rand(3)
print("the same after the same seed:", torch.equal(first, second))
print("the same if we just go on:   ", torch.equal(first, torch.rand(3)))

# %% [markdown]
# Another machine may still give slightly different results, because the sum of many rounded numbers depends on the
# order in which they are added, and that depends on the machine. So no lesson asks you to match a decimal.

# %%
ask("00.6")

# %% [markdown]
# ## What a notebook remembers
#
# The *kernel*, the Python process behind a notebook, keeps every name that a cell has set. Run the first cell below
# once, and the second one *twice*: **Ctrl+Enter** runs a cell and stays there, while Shift+Enter goes on to the next.

# %%
runs = 0

# %%
runs = runs + 1
print("runs:", runs)

# %%
ask("00.3")

# %% [markdown]
# A name stays in memory until the kernel restarts, even when no cell sets it any more. An output stays until its own
# cell runs again.

# %% [markdown]
# ## How practice works
#
# When *Check* says "Not yet", read the reply, look at the section that it names, and try again. *Hint* takes you one step
# further. After two wrong tries you can ask for the answer.

# %%
ask("00.5")

# %% [markdown]
# You note a *guess* before an experiment, and the cell that finds the number says how close it was; guesses aren't
# marked. An *exercise* has a cell with a blank. Write your lines there, run the cell, then run the check below it: it
# tries your code and says what is missing.

# %%
ask("00.8")

# %% [markdown]
# A cell that fails stops with an error, whose last line tells you what is wrong. Here is one that fails on purpose:

# %% tags=["raises-exception"]
answer = 41
assert answer == 42, "answer should be 42: you are one short"


# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`, beside this notebook.

# %% [markdown] tags=["exercise"]
# ### Exercise 00.A — count the images
#
# `dls.train_ds`, `dls.valid_ds` and `dls.test.dataset` are the training, the validation and the test set. Write
# `count_images(dls)`, which returns the number of images in all three.

# %% tags=["solution"]
def count_images(dls):
    ### BEGIN SOLUTION
    return len(dls.train_ds) + len(dls.valid_ds) + len(dls.test.dataset)
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("00.A", count_images)


# %% [markdown] tags=["exercise"]
# ### Exercise 00.B — shuffle alike
#
# `torch.randperm(5)` shuffles the numbers from 0 to 4. Write `shuffle_twice(seed)`, which returns two equal shuffles,
# each made by its own call of `torch.randperm(5)`. Another `seed` should give another pair.

# %% tags=["solution"]
def shuffle_twice(seed):
    ### BEGIN SOLUTION
    set_seed(seed)
    one = torch.randperm(5)
    set_seed(seed)
    two = torch.randperm(5)
    return one, two
    ### END SOLUTION


# %% tags=["check"]
check("00.B", shuffle_twice)

# %% [markdown]
# ## What would break this
#
# - **Another kernel.** The course must be installed where the notebook runs: you see the kernel's name at the top
#   right.
# - **A busy machine.** Training beside a video call takes longer, and speeds vary more.
# - **Little memory.** A lesson needs up to 2 GB with the small network. Close other notebooks (**Kernel → Shut Down All
#   Kernels**) when memory runs out.
# - **Anything else.** `!course doctor`, in a cell of its own, checks versions, memory, disk and data, and says what to
#   do. When no notebook opens: `.venv/bin/course doctor`, in a terminal in the course's folder (on Windows
#   `.venv\Scripts\course doctor`).

# %% [markdown]
# ## Recap
#
# - The setup cell chooses the device, the network and the images, and prints what it chose.
# - A pre-trained network comes with the course, and a training step takes milliseconds to seconds.
# - Of a hundred 95% intervals, about 95 contain the true mean, provided the measurements are independent.
# - After the same seed, the same code draws the same random numbers.
# - When a result puzzles you, restart the kernel and run all cells.

# %% [markdown]
# ## Quiz

# %%
ask("00.7")

# %%
ask("00.9")

# %% [markdown]
# Your answers are kept in one small file on this machine (on the website, in your browser), and nothing is sent anywhere. After a restart of the kernel, or
# the next day, a question stands there as plain text: choose **Run → Run All Above Selected Cell**, run its cell again,
# and your answers come back.
#
# Later, `!course update` in a cell fetches newer lessons, and keeps what you did in the old ones in `lessons/mine`. The
# next cell shows how far you have come in all lessons, as `!course progress` does.

# %%
from course_utils.quiz import progress_table

progress_table()

# %% [markdown]
# A question that you got wrong is due again at once. Once you get it right, it comes back after a day, then after
# three, seven and twenty-one. Run `from course_utils.quiz import review; review()` in any notebook to be asked what is
# due today.

# %%
from course_utils.quiz import summary

summary("00")

# %% [markdown]
# ## Further reading
#
# - [JupyterLab's user guide](https://jupyterlab.readthedocs.io/en/stable/user/notebook.html): cells, kernels,
#   shortcuts.
# - [fastai's documentation](https://docs.fast.ai/): the library that the lessons use.
# - [PyTorch on reproducibility](https://pytorch.org/docs/stable/notes/randomness.html): what a seed can't fix.
