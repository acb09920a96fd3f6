# %% [markdown]
# # 01 · What does fine-tuning buy in one minute?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/fine-tuning-course/fine-tuning-course/blob/main/lessons/01_first_finetune.ipynb)
#
# Five lines turn a network that knows photographs into one that reads handwriting. Then we ask what the photographs
# were good for, look at its mistakes, and give it a digit of yours.

# %%
import sys

if "google.colab" in sys.modules:
    print("Installing the course.")
    # %pip install -q --no-deps optuna colorlog alembic mako
    # %pip install -q --no-deps "fine-tuning-course @ git+https://github.com/fine-tuning-course/fine-tuning-course"
from course_utils.environment import setup

course = setup("01_first_finetune")

# %% [markdown]
# ## Predict first
#
# We have ten kinds of digits, and 20 labelled images of each. The network was trained on photographs of animals, cars
# and furniture. It has never seen a digit.

# %%
from course_utils.quiz import ask

ask("01.1")

# %% [markdown]
# ## Five lines
#
# `vision_learner` joins images and network, and `accuracy` is the share of right answers: both are fastai's. The
# digits and the pre-trained network, `default()`, are the course's. `dls.test` takes no part in the training.

# %%
from fastai.vision.all import accuracy, set_seed, vision_learner

from course_utils import data
from course_utils.backbones import default

dls = data.digits(n_per_class=20, size=48, bs=16, split=(0.1, 0.3))
learn = vision_learner(dls, default(), metrics=accuracy)
untrained = learn.validate(dl=dls.test)[1]
learn.fine_tune(6, 1e-2, lr_mult=3)
tuned = learn.validate(dl=dls.test)[1]

# %%
assert untrained < 0.3 and tuned > 0.9, "expected a guess before and nine in ten after: restart and run all cells"
print(f"right on {len(dls.test.dataset)} test images: {untrained:.1%} before, {tuned:.1%} after")


# %% [markdown]
# That is *fine-tuning*: to go on training a network that was trained for something else. The first table is the new
# part's training alone, the second one the whole network's. `lr_mult=3` lets the first layers learn a third as fast as
# the last.

# %% [markdown]
# ## Six steps, line by line
#
# | step | where it happened |
# |---|---|
# | choose a pre-trained network | `default()` |
# | prepare the data | `data.digits(...)` |
# | adapt the *head*, the last part | `vision_learner(...)` |
# | *freeze* the *body*, all the rest | `vision_learner(...)` |
# | train the head, *unfreeze*, train all | `learn.fine_tune(...)` |
# | evaluate | `learn.validate(dl=dls.test)` |

# %% [markdown]
# A frozen weight gets no update. How many do?

# %%
def trainable(learn):
    return sum(weights.numel() for weights in learn.model.parameters() if weights.requires_grad)


learn.unfreeze()
everything = trainable(learn)
learn.freeze()
print(f"frozen: {trainable(learn):,} trainable weights; unfrozen: {everything:,}")

# %%
ask("01.2")

# %% [markdown]
# ## Was it the photographs?
#
# Perhaps this network learns digits as well from random weights. That is the *from scratch* baseline. To be fair it gets
# the same images, as many epochs, and the learning rate that suited it best in trials, half of ours. We go down to five
# labels of each digit.

# %%
ask("01.3")


# %% tags=["recorded"]
def run(pretrained, seed, rate=1e-2):
    set_seed(seed)
    dls = data.digits(n_per_class=5, size=48, bs=8, seed=seed, split=(0.01, 0.15))
    learn = vision_learner(dls, default(), pretrained=pretrained, metrics=accuracy)
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(6, rate, lr_mult=3) if pretrained else learn.fit_one_cycle(7, rate)
        return learn.validate(dl=dls.test)[1]


# %%
from course_utils.quiz import found, predict

predict("01.5")

# %% [markdown]
# Five splits of the data, the same ones for both arms. `run_parallel` runs several at a time where it can. First the
# pre-trained network:

# %%
from course_utils.experiments import run_parallel

fine_tuned = run_parallel(run, [(True, seed) for seed in range(5)])

# %% [markdown]
# Then the same network from scratch:

# %% tags=["result"]
from course_utils.statistics import mean_interval, paired_difference

scratch = run_parallel(run, [(False, seed, 5e-3) for seed in range(5)])
arms = {"fine-tuned": mean_interval(fine_tuned), "from scratch": mean_interval(scratch)}
gain, half = paired_difference(fine_tuned, scratch)
assert gain > 0, "fine-tuning should win on these few labels: look at the runs one by one"
print(", ".join(f"{arm} {mean:.1%} ± {spread:.1%}" for arm, (mean, spread) in arms.items()))

# %%
print(f"gain from the photographs: {100 * gain:.1f} ± {100 * half:.1f} points")
found("01.5", 100 * gain)

# %% [markdown]
# Five splits illustrate; they decide nothing. When this lesson was written, the same function ran on twenty:


# %% tags=["recorded:compare"]
def compare(seed):
    return {"fine-tuned": run(True, seed), "from scratch": run(False, seed, 5e-3)}


# %%
from course_utils.experiments import recorded

recorded("01/compare")

# %% [markdown]
# What the network learned from photographs of other things helps it to read digits. It is no miracle: scratch learns
# too, only later.

# %% [markdown]
# ## Its mistakes
#
# One number hides which mistakes are made. A *confusion matrix* counts them: a row is the true digit, a column
# what the network said. Right answers stand on the diagonal.

# %%
from fastai.vision.all import ClassificationInterpretation

from course_utils.plots import plot_confusion, plot_top_losses

with learn.no_bar():
    interpretation = ClassificationInterpretation.from_learner(learn, dl=dls.test)
    plot_confusion(interpretation.confusion_matrix(), dls.vocab)

# %%
ask("01.9")

# %% [markdown]
# These are the images on which the true digit got the least probability, the *top losses*. Would you have
# read them?

# %%
with learn.no_bar():
    probabilities, truth = learn.get_preds(dl=dls.test)
images = [image for image, _ in dls.test.dataset]
plot_top_losses(images, truth, probabilities, dls.vocab, n=10)

# %% [markdown]
# ## A digit of yours
#
# Write a digit with a thick pen on plain paper and photograph it. The network knows white strokes on black, 8 pixels
# high, so `match_digits` brings your image to that form first. A drawn seven stands in until you upload one.

# %%
from course_utils.controls import classify_control
from course_utils.data.images.handwriting import EXAMPLE, match_digits

classify_control(learn, EXAMPLE, prepare=match_digits)

# %%
ask("01.4")


# %% [markdown]
# ## Exercises
#
# Write your own lines in place of the blanks; the check below tells you what is still missing. The solutions are in the
# folder `solutions`.

# %% [markdown] tags=["exercise"]
# ### Exercise 01.A — count by hand
#
# `probabilities` has one row for each test image and one column for each digit, `truth` the true digits. Write
# `share_right(probabilities, truth)`: it returns the share of images whose most probable digit is the true one. Does it
# give the accuracy that you saw above?

# %% tags=["solution"]
def share_right(probabilities, truth):
    ### BEGIN SOLUTION
    return (probabilities.argmax(dim=1) == truth).float().mean().item()
    ### END SOLUTION


# %% tags=["check"]
from course_utils.quiz import check

check("01.A", share_right)

# %% [markdown] tags=["exercise"]
# ### Exercise 01.B — fewer labels
#
# Fine-tune again with ten labelled images of each digit, and nothing else changed. Bind `learn_few` to the trained learner:
# the check tests it on the images of `dls.test`. Guess its accuracy first.

# %% tags=["solution"]
### BEGIN SOLUTION
dls_few = data.digits(n_per_class=10, size=48, bs=16, split=(0.1, 0.3))
learn_few = vision_learner(dls_few, default(), metrics=accuracy)
with learn_few.no_bar(), learn_few.no_logging():
    learn_few.fine_tune(6, 1e-2, lr_mult=3)
### END SOLUTION

# %% tags=["check"]
check("01.B", learn_few)

# %% [markdown]
# ## What would break this
#
# - **Other images.** Without `match_digits` a photograph of ink on paper is unlike anything in the training set.
# - **More time.** Seven epochs are few from scratch. With nine, and the best of four rates for each arm, the gain shrinks
#   (`benchmarks/against_scratch.py digits --labels 5 --bs 8`). See lesson 07.
# - **More labels.** The more labels there are, the less the starting weights matter:
#   [He et al. 2018](https://arxiv.org/abs/1811.08883) found that on large data training from scratch catches up, given time.
# - **One run.** Five splits gave five accuracies. A single one could have been any of them.
# - **The test part as a guide.** Had it chosen the learning rate, its accuracy would flatter.

# %% [markdown]
# ## Recap
#
# - Fine-tuning goes on training a network that was trained for something else.
# - It has six steps: choose, prepare, adapt the head, freeze, train and unfreeze, evaluate.
# - The new head starts as a guess; it is trained first, alone.
# - The gain over training from scratch was measured on equal terms, with an interval.
# - A classifier names one of its classes for any image at all.

# %% [markdown]
# ## Quiz

# %%
ask("01.6")

# %%
ask("01.7")

# %%
ask("01.8")

# %%
from course_utils.quiz import summary

summary("01")

# %% [markdown]
# ## Further reading
#
# - [fastai's vision tutorial](https://docs.fast.ai/tutorial.vision.html): the same lines on other data.
# - [Yosinski et al. 2014](https://arxiv.org/abs/1411.1792): how transferable the features of each layer are.
# - [He et al. 2018](https://arxiv.org/abs/1811.08883): when pre-training stops to matter.
