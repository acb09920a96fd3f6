"""Images from outside: every kind becomes plain RGB, and what can't be opened gets one sentence."""

import io
import os
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, features
from support.errors import refused

from course_utils.data.images import opening
from course_utils.data.images.opening import MAX_SIDE, open_image
from course_utils.errors import CourseError


def coded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def pixel(source, at=(0, 0)) -> tuple[int, int, int]:
    image = open_image(source)
    assert image.mode == "RGB" and type(image) is Image.Image
    return image.getpixel(at)


def refusal(source) -> str:
    with refused("data.unreadable-image") as caught:
        open_image(source)
    sentence = str(caught.value)
    assert ": " in sentence  # what was wrong: what to do
    return sentence


RED = Image.new("RGB", (6, 4), (250, 20, 30))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_any_kind(kind):
    assert pixel(kind(coded(RED))) == (250, 20, 30)


def test_files_and_pil_images(tmp_path):
    path = tmp_path / "red.png"
    path.write_bytes(coded(RED))
    assert pixel(path) == pixel(str(path)) == pixel(RED) == (250, 20, 30)


def test_a_pil_image_is_left_as_it_was():
    given = Image.new("L", (3000, 100), 9)
    opened = open_image(given)
    assert given.mode == "L" and given.size == (3000, 100) and opened.size == (MAX_SIDE, 34)
    opened = open_image(RED)
    opened.putpixel((0, 0), (0, 0, 0))
    assert RED.getpixel((0, 0)) == (250, 20, 30)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", "WEBP", "MPO"])
def test_every_common_format(form):
    if form == "WEBP" and not features.check("webp"):
        pytest.skip("this Pillow is built without WebP")
    assert pixel(coded(Image.new("RGB", (32, 32), (250, 20, 30)), form)) == pytest.approx((250, 20, 30), abs=4)


def test_orientation_of_the_camera_is_applied():
    wide = Image.new("RGB", (40, 20), "black")
    wide.paste("red", (0, 0, 8, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the left edge of the stored image is the top
    upright = open_image(coded(wide, exif=exif))
    assert upright.size == (20, 40)
    assert upright.getpixel((10, 2)) == (255, 0, 0) and upright.getpixel((10, 38)) == (0, 0, 0)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(form):
    if form == "WEBP" and not features.check("webp"):
        pytest.skip("this Pillow is built without WebP")
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((250, 20, 30), (0, 200, 0), (0, 0, 200))]
    animated = coded(frames[0], form, save_all=True, append_images=frames[1:], duration=50)
    assert Image.open(io.BytesIO(animated)).n_frames == 3
    assert pixel(animated) == pytest.approx((250, 20, 30), abs=4)


def test_what_is_transparent_turns_white():
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    clear.putpixel((1, 0), (200, 0, 0, 255))
    clear.putpixel((2, 0), (0, 0, 0, 128))
    opened = open_image(coded(clear))
    assert [opened.getpixel((x, 0)) for x in range(3)] == [(255, 255, 255), (200, 0, 0), (127, 127, 127)]
    assert pixel(coded(Image.new("LA", (4, 4), (0, 0)))) == (255, 255, 255)
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30, 200, 100, 0])
    palette.putpixel((1, 0), 1)
    content = coded(palette, "GIF", transparency=0)
    assert pixel(content) == (255, 255, 255) and pixel(content, (1, 0)) == (200, 100, 0)
    assert pixel(coded(Image.new("RGB", (4, 4), (9, 9, 9)), transparency=(9, 9, 9))) == (255, 255, 255)


def test_grey_palette_bilevel_and_cmyk():
    assert pixel(coded(Image.new("L", (4, 4), 77))) == (77, 77, 77)
    assert pixel(coded(Image.new("1", (4, 4), 1))) == (255, 255, 255)
    assert pixel(coded(RED.convert("P", palette=Image.Palette.ADAPTIVE))) == (250, 20, 30)
    assert pixel(coded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")) == pytest.approx((255, 0, 0), abs=6)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_cut(form):
    ramp = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    opened = open_image(coded(Image.fromarray(ramp), form))
    assert [opened.getpixel((x, 0))[0] for x in range(4)] == [0, 1, 128, 255]


@pytest.mark.parametrize("form, kind", [("PNG", "<u2"), ("TIFF", "<u2"), ("TIFF", ">u2")])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_the_most_that_a_camera_gives_is_white(form, kind, bits):
    white = 2**bits - 1
    opened = open_image(coded(Image.fromarray(np.array([[0, white // 2, white]], kind)), form))
    assert [opened.getpixel((x, 0))[0] for x in range(3)] == [0, pytest.approx(127, abs=1), 255]


def test_a_scale_may_be_given_for_all_images_of_a_set():
    dark = Image.fromarray(np.array([[0, 1000]], np.uint16))
    assert pixel(dark, (1, 0))[0] == 249 and open_image(dark, {"16 bits": (0, 4095)}).getpixel((1, 0))[0] == 62
    bright = Image.fromarray(np.array([[-9, 0, 9]], np.float32))
    opened = open_image(bright, {"floats": (0.0, 3.0)})
    assert [opened.getpixel((x, 0))[0] for x in range(3)] == [0, 0, 255], "what lies beyond is cut"


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, -3.4e38])
def test_one_odd_number_does_not_blacken_an_image(odd):
    values = np.array([[0.0, 5.0, 10.0, odd]], np.float32)
    opened = open_image(coded(Image.fromarray(values), "TIFF"))
    assert [opened.getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]
    assert opened.getpixel((3, 0))[0] == (255 if odd == np.inf else 0)
    assert "no finite number" in refusal(Image.fromarray(np.full((2, 2), odd, np.float32)))


def test_arrays_are_opened_as_pillow_takes_them():
    assert pixel(np.full((4, 4, 3), 9, np.uint8)) == (9, 9, 9) and pixel(np.full((4, 4), 65535, np.uint16))[0] == 255
    assert pixel(np.full((4, 4, 1), 9, np.uint8)) == (9, 9, 9)
    for shape in ((4, 4, 3), (4,), (4, 4, 4, 4)):
        assert f"float64 with the shape {shape}" in refusal(np.zeros(shape))
    assert "has no pixels" in refusal(np.zeros((0, 5, 3), np.uint8)) and "has no pixels" in refusal(
        Image.new("L", (3, 0))
    )


@pytest.mark.parametrize("mode", ["PA", "LA", "La", "RGBA", "RGBa", "RGBX", "LAB", "HSV", "YCbCr", "CMYK", "P"])
def test_every_mode_of_pillow(mode):
    through = {"La": "LA"}.get(mode, "RGBA" if mode in ("PA", "LA", "RGBa") else "RGB")
    grey = Image.new("RGB", (8, 8), (102, 102, 102)).convert(through).convert(mode)
    assert pixel(grey) == pytest.approx((102, 102, 102), abs=2)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_note_of_the_camera_that_cannot_be_read_is_left_out(form):
    broken = b"Exif\0\0\0\x08\0\x02\x01\x12\0\x03"
    assert pixel(coded(RED.resize((32, 32)), form, exif=broken)) == pytest.approx((250, 20, 30), abs=6)


@pytest.mark.parametrize("values", [[-5.0, 0.0, 5.0], [-1000, 0, 1000]])
def test_numbers_without_a_white_are_stretched(values):
    kind = np.float32 if isinstance(values[0], float) else np.int32
    opened = open_image(coded(Image.fromarray(np.array([values], kind)), "TIFF"))
    assert [opened.getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]
    assert pixel(Image.fromarray(np.full((2, 2), 7, kind))) == (0, 0, 0)


def test_large_images_are_reduced():
    assert open_image(coded(Image.new("RGB", (2000, 1500), "blue"))).size == (1024, 768)
    assert open_image(coded(Image.new("L", (5000, 2)))).size == (1024, 1)
    assert open_image(coded(RED)).size == (6, 4)


def test_too_many_pixels_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(opening, "MAX_PIXELS", 3_000_000)
    huge = Image.new("L", (2048, 2048))
    assert "2048×2048 pixels, at most 3 million" in refusal(coded(huge))
    assert "2048×2048 pixels" in refusal(huge)
    assert open_image(coded(huge, "JPEG")).size == (1024, 1024)  # decoded at half its size


def test_a_decompression_bomb_is_refused():
    bomb = bytearray(coded(Image.new("1", (8, 8))))
    bomb[16:24] = (30_000).to_bytes(4) + (30_000).to_bytes(4)  # what the header claims
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4)
    assert "too big" in refusal(bytes(bomb))


def test_files_over_50_mb_are_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "raw.png"
    with path.open("wb") as file:
        file.truncate(50_000_001)
    monkeypatch.setattr(type(path), "read_bytes", lambda self: pytest.fail("the file was read"))
    assert "raw.png is too big (50 MB, at most 50 MB)" in refusal(path)
    monkeypatch.setattr(opening, "MAX_BYTES", 10)
    assert "too big" in refusal(b"x" * 11)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7 \x00\xff", "a PDF document"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "a HEIC"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>', "an SVG drawing"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"PK\x03\x04\x14\x00\x00\x00", "a ZIP archive"),
        ("Grüße\n".encode() * 3, "a text"),
        (bytes(range(256)), "in no format known here"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a text"),  # Pillow would start Ghostscript
    ],
)
def test_what_is_no_image_is_named(content, what):
    sentence = refusal(content)
    assert f"is {what}" in sentence and "save it as PNG or JPEG" in sentence


def test_a_dicom_file_is_refused_with_the_way_to_convert_it(tmp_path):
    path = tmp_path / "scan.dcm"
    path.write_bytes(bytes(128) + b"DICM" + bytes(range(256)))
    sentence = refusal(path)
    assert sentence.startswith("scan.dcm is a DICOM file") and "dcmj2pnm +on" in sentence
    assert refusal(path.read_bytes()) == sentence.replace("scan.dcm", "The image", 1)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_cut_file_is_refused(form, share):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = coded(Image.fromarray(noise), form)
    assert "damaged or cut off" in refusal(content[: int(share * len(content))])


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_broken_bytes_never_raise_anything_else():
    """Whatever the damage, an image or a CourseError comes out."""
    random = np.random.default_rng(1)
    for form in ("PNG", "JPEG", "GIF", "TIFF"):
        whole = np.frombuffer(coded(Image.fromarray(random.integers(0, 256, (24, 24, 3), np.uint8)), form), np.uint8)
        for _ in range(60):
            broken = whole.copy()
            broken[random.integers(0, len(whole), 8)] = random.integers(0, 256, 8)
            with suppress(CourseError):
                assert open_image(broken.tobytes()).mode == "RGB"


def test_empty_missing_folder_and_strange_sources(tmp_path):
    (tmp_path / "nothing.png").touch()
    assert "nothing.png is empty (0 bytes)" in refusal(tmp_path / "nothing.png")
    assert "is empty" in refusal(b"")
    assert "No such file" in refusal(tmp_path / "absent.png") and "check the file's name" in refusal("absent.png")
    assert "can't be read" in refusal(tmp_path)
    assert "can't be read" in refusal("a\0b.png")
    assert "can't be opened from a list" in refusal([1, 2, 3])
    assert "can't be opened from a NoneType" in refusal(None)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads every file, and Windows has no modes")
def test_an_unreadable_file(tmp_path):
    path = tmp_path / "mine.png"
    path.write_bytes(coded(RED))
    path.chmod(0)
    assert "Permission denied" in refusal(path)


def test_a_closed_pil_image_is_refused(tmp_path):
    (tmp_path / "red.png").write_bytes(coded(RED))
    with Image.open(tmp_path / "red.png") as image:
        pass
    assert "damaged or cut off" in refusal(image)
