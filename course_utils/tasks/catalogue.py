"""All tasks by name: those that `course tune` searches on, by their lesson, and those of the benchmark."""

from torch import nn

from course_utils.backbones import resnet18_half
from course_utils.errors import CourseError
from course_utils.tasks.images import ImageTask


def shorter(pretrained: bool) -> nn.Module:
    """Return the bundled body up to stage 2; fastai cuts at the pooling layer."""
    network = resnet18_half("DEFAULT" if pretrained else None)
    return nn.Sequential(*list(network.children())[:6], nn.AdaptiveAvgPool2d(1))


TASKS: dict[str, ImageTask] = {
    task.name: task
    for task in (
        ImageTask("recycling", name="01_first_finetune", labels=20, epochs=9, flip=True, size=72, bs=16),
        ImageTask(
            "vehicles",
            name="05_full_or_partial",
            labels=20,
            epochs=20,
            head="linear",
            size=48,
            bs=20,
            split=(100, 200),
        ),
        ImageTask(
            "vehicles",
            name="07_against_scratch",
            labels=100,
            epochs=4,
            flip=True,
            size=48,
            bs=20,
            split=(100, 250),
        ),
        ImageTask(
            "scans",
            name="08_when_it_goes_wrong",
            metric="balanced accuracy",
            labels=60,
            epochs=5,
            flip=True,
            bs=20,
        ),
        ImageTask(
            "vehicles",
            name="09_tuning",
            labels=20,
            epochs=4,
            flip=True,
            size=48,
            bs=10,
            split=(50, 250),
        ),
        # The benchmark's own have hardly any validation images, since nothing is chosen on them.
        ImageTask(
            "digits",
            labels=20,
            epochs=9,
            arch=resnet18_half,
            images="drawings",
            size=48,
            bs=16,
            split=(2, 0.4),
        ),
        ImageTask(
            "vehicles",
            name="drawings",
            labels=100,
            epochs=9,
            arch=resnet18_half,
            flip=True,
            images="drawings",
            size=64,
            bs=16,
            split=(2, 250),
        ),
        ImageTask(
            "vehicles",
            name="photographs",
            labels=500,
            epochs=5,
            arch=resnet18_half,
            flip=True,
            images="photographs",
            size=64,
            bs=64,
            split=(2, 300),
        ),
    )
}


def find_task(name: str) -> ImageTask:
    """Return the task of that name.

    Raises
    ------
    CourseError
        Where there is none (`tasks.unknown-task`).
    """
    if name not in TASKS:
        raise CourseError(f"There is no task {name!r}: choose one of {', '.join(TASKS)}.", code="tasks.unknown-task")
    return TASKS[name]
