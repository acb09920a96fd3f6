"""How an image becomes a square, the same for training and for every image from outside."""

from collections.abc import Callable

from fastai.torch_basics import Transform
from fastai.vision.core import PILImage
from PIL import Image, ImageOps


def _pad(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Put black beside an image; of one so thin that nothing would be left, a line of one pixel stays."""
    if max(image.size) > max(size) * min(image.size):
        image = image.resize((min(image.width, size[0]), min(image.height, size[1])), Image.Resampling.BILINEAR)
    return ImageOps.pad(image, size, Image.Resampling.BILINEAR)


# Cut to its centre, with black beside it, or out of shape. The names are fastai's.
RESIZE: dict[str, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "crop": lambda image, size: ImageOps.fit(image, size, Image.Resampling.BILINEAR),
    "pad": _pad,
    "squish": lambda image, size: image.resize(size, Image.Resampling.BILINEAR),
}
TOLD = {"crop": "cut to their central squares", "pad": "padded to squares", "squish": "squeezed into squares"}


class Square(Transform):
    """Makes an image a square of `size` pixels a side; fastai's Resize would round otherwise than our decoders do.

    Parameters
    ----------
    size : int
        Pixels a side.
    how : str
        One of RESIZE.
    """

    order = 1  # where fastai's Resize stands: before ToTensor

    def __init__(self, size: int, how: str) -> None:
        super().__init__()
        self.size, self.how = size, how

    def encodes(self, image: Image.Image) -> PILImage:
        """Give the square; an image that is one already comes unchanged."""
        if image.size == (self.size, self.size):
            return image
        return PILImage.create(RESIZE[self.how](image, (self.size, self.size)))
