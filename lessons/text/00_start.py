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
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("00_start")

# %% [markdown]
# ## What the setup cell decided
#
# Every lesson starts with that cell. It chose a *device*, which computes, a *network*, small or large, and
# *images*: photographs where they can be had, drawings otherwise. Guess before you read on:

# %%
from course_utils.quiz import ask

ask("00.1")

# %% [markdown]
# ## Images and a network
#
# First the images: handwritten digits. A network sees several at once, a *batch*.

# %%
from course_utils import data
from course_utils.plots import plot_images

dls = data.digits(n_per_class=20)
images, labels = dls.one_batch()
shown = dls.decode_batch((images, labels), max_n=8)
plot_images([image for image, _ in shown], [label for _, label in shown], columns=8)

# %% [markdown]
# Now a network. It learned on photographs before it came to you: it is *pre-trained*. fastai's `vision_learner` gives it
# a new last part, its *head*, with one score for each of our ten classes.

# %% tags=["nbval-check-output"]
from fastai.vision.all import vision_learner

from course_utils.backbones import default

learn = vision_learner(dls, default())
print("a batch:   ", tuple(images.shape), "= images, colours, height, width")
print("its scores:", tuple(learn.model(images).shape), "= images, classes")

# %% [markdown]
# Training repeats one step: compute the scores, measure how wrong they are (the *loss*), and find out how each weight
# should change. How fast is that here? One measurement says little, so the next cell takes ten. Note your guess first.

# %%
from course_utils.quiz import found, predict

predict("00.4")

# %%
from time import perf_counter

speeds = []
for _ in range(10):
    start = perf_counter()
    loss = learn.loss_func(learn.model(images), labels)
    loss.backward()
    loss.item()  # a GPU works on while Python goes on: this waits for it
    speeds.append(len(images) / (perf_counter() - start))

# %% tags=["result"]
from course_utils.statistics import mean_interval

mean, half = mean_interval(speeds)
print(f"ready: {mean:.0f} ± {half:.0f} images a second on {course.device.type}")
found("00.4", mean)

# %% [markdown]
# The number after ± is half of a *95% interval*: were the ten measurements taken again and again, such an interval would
# hold the true speed 19 times in 20. Each comparison in this course has one.

# %%
ask("00.2")

# %% [markdown]
# ## The same numbers again
#
# Training draws random numbers: for new weights, for the order of the images. A *seed* fixes them. The setup cell sets
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

# %%
ask("00.6")

# %% [markdown]
# ## What a notebook remembers
#
# A notebook keeps every name that a cell ever set. Run the first cell below once, and the second one *twice*.

# %%
runs = 0

# %%
runs = runs + 1
print("runs:", runs)

# %%
ask("00.3")

# %% [markdown]
# ## How practice works
#
# *Check* answers to what *you* chose. A wrong answer costs nothing: read what it says, look at the section that it names,
# and try again. *Hint* helps a step further. After two wrong tries you may ask for the answer. The options stand in an order
# of your own, so compare answers with a friend, not letters.

# %%
ask("00.5")

# %% [markdown]
# A *guess* is noted before an experiment; the cell that finds the number says how near it was. An *exercise* has a cell with
# a blank. Write your lines there and run the cell, then `check` below it: it tries your code and says in words what is missing.
# A blank left as it is costs nothing.

# %%
ask("00.8")

# %% [markdown]
# Experiments are checked as well: a cell stops when its result isn't what the text goes on to say. The last line then says what
# to look at. Here is one that fails on purpose:

# %% tags=["raises-exception"]
answer = 41
assert answer == 42, "answer should be 42: you are one short"


# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 00.A — count the images
#
# `dls.train_ds`, `dls.valid_ds` and `dls.test.dataset` are the three parts of the digits. Write `count_images(dls)`, which
# returns the number of images in all three.

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
# `torch.randperm(5)` shuffles the numbers from 0 to 4. Write `shuffle_twice(seed)`, which returns two shuffles that come out
# the same, each made by its own call of `torch.randperm(5)`. Another `seed` should give another pair.

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
# - **Another kernel.** The course must be installed where the notebook runs: the kernel's name stands at the top right.
# - **A busy machine.** Training beside a video call takes longer, and the speeds above scatter more.
# - **Little memory.** A lesson needs up to 2 GB with the small network. Close other notebooks (**Kernel → Shut Down All
#   Kernels**) when memory runs out.
# - **An odd set-up.** In a terminal, `course doctor` checks versions, memory, disk and data, and says what to do.

# %% [markdown]
# ## Recap
#
# - The setup cell chooses device, network and images, and says why.
# - A pre-trained network comes with the course; nothing is downloaded.
# - A measurement is repeated, and has an interval.
# - A seed makes random numbers repeat on one machine.
# - When in doubt: restart the kernel and run all cells.

# %% [markdown]
# ## Quiz

# %%
ask("00.7")

# %%
ask("00.9")

# %% [markdown]
# Your answers are kept in one small file on this machine, and nothing is sent anywhere. The next cell shows how you stand in all
# lessons; in a terminal, `course progress` does.

# %%
from course_utils.quiz import progress_table

progress_table()

# %% [markdown]
# What you missed is due again at once. When it is right, it comes back after a day, then after three, seven and twenty-one. Run
# `from course_utils.quiz import review; review()` in any notebook to be asked what is due today.

# %%
from course_utils.quiz import summary

summary("00")

# %% [markdown]
# ## Further reading
#
# - [JupyterLab's user guide](https://jupyterlab.readthedocs.io/en/stable/user/notebook.html): cells, kernels, shortcuts.
# - [fastai's documentation](https://docs.fast.ai/): the library that the lessons use.
# - [PyTorch on reproducibility](https://pytorch.org/docs/stable/notes/randomness.html): what a seed can't fix.
