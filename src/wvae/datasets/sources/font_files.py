"""Font files: which there are, what they say of themselves, and their characters as pictures."""

from __future__ import annotations

import hashlib
import logging
import re
import struct
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...validation.quoting import quoted
from ..dataset import Array

__all__ = [
    "CHARACTERS",
    "SIDE",
    "Font",
    "UnusableFontError",
    "checksum",
    "draw_font",
    "find_files",
    "read_fonts",
]

Result = TypeVar("Result")

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SIDE = 64  # pixels
BASELINE = 47  # rows above it
CAP_HEIGHT = 36  # pixels from the baseline to the top of the H
MARGIN = 1  # pixels
OVERSAMPLING = 4  # pixels are drawn in each direction for one of the picture
TRIAL_SIZE = 200  # pixels an em, to measure a font before it is drawn
MIN_SCALE = 0.5  # a font is drawn smaller than CAP_HEIGHT if it does not fit, down to this share
MIN_PEAK = 64  # brightness that every character reaches somewhere; hairlines have less than 255
MIN_CASE_DIFFERENCE = 0.16  # between capitals and lower case of the same size: small capitals
DIFFERENT_CASES = "ABDEGHNQRT"  # letters whose lower case has another shape than the capital
MIN_RECOGNISED = 0.06  # share of characters that look most like the same ones of common fonts
COMMON_FONTS = ("DejaVuSans", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Italic")
COMMON_FONTS += ("STIXGeneral", "STIXGeneralItalic")  # in matplotlib's own folder
LIGHTEST, HEAVIEST = 100, 1000  # OS/2's usWeightClass
SYMBOLS = 5  # PANOSE's first digit for symbols and ornaments
SANS_SERIF = 11  # PANOSE's second digit is at least this for fonts without serifs
SERIF_CLASSES, SANS_CLASS = (1, 2, 3, 4, 5, 7), 8  # the upper byte of OS/2's sFamilyClass
ITALIC_BITS = 1 | 1 << 9  # of OS/2's fsSelection: italic, oblique
STYLE_WORDS = re.compile(
    r"\b((ultra|extra|semi|demi)[ -]?)?(thin|hairline|light|book|regular|medium|bold|black|heavy|"
    r"semi|demi|italic|oblique|slanted|condensed|cond|narrow|expanded|extended|display|caption|"
    r"normal|roman|std|\d+(pt)?)\b",
    re.IGNORECASE,
)


class UnusableFontError(Exception):
    """A font that is left out; the message is the reason, for counting."""


@dataclass(frozen=True)
class Font:
    """One font of a file, and what the file says of it.

    Parameters
    ----------
    file, index
        The file, and the font's place in it, which is above 0 only in collections (.ttc).
    name
        Full name: ``"Lato Bold Italic"``.
    family
        Name of the family, without words for weight, width and size: ``"Lato"``.
    weight
        100 (thin) to 900 (black); 400 is regular, 700 bold.
    italic
        ``"italic"`` (or oblique) or ``"upright"``.
    serif
        ``"serif"``, ``"sans"``, or ``"unknown"`` if the file does not say.
    """

    file: Path
    index: int
    name: str
    family: str
    weight: float
    italic: str
    serif: str


def find_files(folder: str | Path | None = None) -> list[Path]:
    """Return the font files (.ttf, .otf, .ttc) below a folder, or those installed, sorted.

    Parameters
    ----------
    folder
        The folder; None is the installed ones, as matplotlib's font manager finds them.

    Raises
    ------
    ValueError
        If there is no such folder.
    """
    from matplotlib.font_manager import findSystemFonts

    if folder is not None and not Path(folder).expanduser().is_dir():
        raise ValueError(f"{quoted(str(folder))} is not a folder, expected one with font files")
    folders = None if folder is None else [str(Path(folder).expanduser())]
    return sorted({Path(file) for file in findSystemFonts(folders)})


def checksum(file: Path) -> str:
    """Return the SHA-256 of a file, or an empty string if it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:  # such as a broken link; it is counted as unreadable later
        return ""


def read_fonts(file: Path) -> list[Font | UnusableFontError]:
    """Return the fonts of a file that have all `CHARACTERS`, and why others are left out.

    Parameters
    ----------
    file
        A font file or a collection of fonts.
    """
    with _quiet_font_tools():
        number = _attempt(_number_of_fonts, file)
        if isinstance(number, UnusableFontError):
            return [number]
        return [_attempt(_read_font, file, index) for index in range(number)]


def draw_font(font: Font) -> Array:
    """Return the characters of a font, (62, 64, 64) uint8, white on black.

    All characters of a font have the same scale and baseline, so C and c, or O and 0, keep their
    relation. Fonts are scaled to the same height of the H, unless a character would not fit; each
    character's ink is centred horizontally.

    Parameters
    ----------
    font
        The font.

    Raises
    ------
    UnusableFontError
        If the font cannot be drawn, a character is empty or does not fit, lower case has the
        shapes of capitals, or nearly no character looks like a letter or digit.
    """
    pictures = _attempt(_draw, str(font.file), font.index)
    if isinstance(pictures, UnusableFontError):
        raise pictures
    if pictures.max((1, 2)).min() < MIN_PEAK:
        raise UnusableFontError("with empty characters")
    shapes = _shapes(pictures)
    if _recognised(shapes) < MIN_RECOGNISED:
        raise UnusableFontError("of symbols")
    if _case_difference(shapes) < MIN_CASE_DIFFERENCE:
        raise UnusableFontError("with capitals as lower case")
    return pictures


def _attempt(function: Callable[..., Result], *arguments: object) -> Result | UnusableFontError:
    """Return a result, or the reason why there is none.

    Damaged fonts make fontTools and FreeType raise almost anything.
    """
    from fontTools.ttLib import TTLibError

    errors = (OSError, ValueError, TypeError, LookupError, AttributeError, AssertionError)
    try:
        return function(*arguments)
    except UnusableFontError as reason:
        return reason
    except (TTLibError, *errors, ArithmeticError, EOFError, MemoryError, struct.error):
        return UnusableFontError("unreadable")


@contextmanager
def _quiet_font_tools() -> Generator[None]:
    """Suppress what fontTools logs of faults that it mends, such as odd dates."""
    logger = logging.getLogger("fontTools")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _number_of_fonts(file: Path) -> int:
    """Return the number of fonts in a file: 1, or that of a collection."""
    with file.open("rb") as opened:
        head = opened.read(12)
    return struct.unpack(">I", head[8:12])[0] if head[:4] == b"ttcf" else 1


def _read_font(file: Path, index: int) -> Font:
    """Return one font of a file, or raise why it is left out."""
    from fontTools.ttLib import TTFont

    # TTFont leaves a file open that it cannot read.
    with file.open("rb") as opened, TTFont(opened, fontNumber=index, lazy=True) as tables:
        return _describe(tables, file, index)


def _describe(tables: Any, file: Path, index: int) -> Font:
    """Return what the tables of a font say of it."""
    characters = tables.getBestCmap()
    if characters is None:  # only a code of its own: a symbol font
        raise UnusableFontError("of symbols")
    if any(ord(character) not in characters for character in CHARACTERS):
        raise UnusableFontError("that lack characters")
    os2 = tables.get("OS/2")
    panose = getattr(os2, "panose", None)
    if panose is not None and panose.bFamilyType == SYMBOLS:
        raise UnusableFontError("of symbols")
    names = tables["name"]
    family = names.getBestFamilyName() or file.stem
    style, head = tables["head"].macStyle, getattr(os2, "fsSelection", 0)
    weight = float(getattr(os2, "usWeightClass", 0))
    if not LIGHTEST <= weight <= HEAVIEST:  # a few files have other numbers
        weight = 700.0 if style & 1 else 400.0
    return Font(
        file=file,
        index=index,
        name=_one_line(names.getBestFullName() or family),
        family=family_key(family),
        weight=weight,
        italic="italic" if style & 2 or head & ITALIC_BITS else "upright",
        serif=_serif(os2),
    )


def _serif(os2: Any) -> str:
    """Return whether a font has serifs, by its PANOSE numbers or else its family class."""
    panose = getattr(os2, "panose", None)
    if panose is not None and panose.bFamilyType == 2 and panose.bSerifStyle > 1:
        return "sans" if panose.bSerifStyle >= SANS_SERIF else "serif"
    family_class = getattr(os2, "sFamilyClass", 0) >> 8
    if family_class in SERIF_CLASSES:
        return "serif"
    return "sans" if family_class == SANS_CLASS else "unknown"


def family_key(name: str) -> str:
    """Return the name of a family without words for weight, slant, width and optical size.

    Examples
    --------
    >>> family_key("Inter Display Extra Bold"), family_key("Bold")
    ('Inter', 'Bold')
    """
    name = _one_line(name)
    return _one_line(STYLE_WORDS.sub(" ", name)).strip(" -") or name


def _one_line(name: str) -> str:
    return " ".join(name.split())


def _draw(path: str, index: int) -> Array:
    """Draw all characters at one scale on one baseline."""
    from PIL import Image, ImageDraw, ImageFont

    basic = ImageFont.Layout.BASIC  # the same with and without libraqm
    trial = ImageFont.truetype(path, TRIAL_SIZE, index, layout_engine=basic)
    boxes = np.array([_ink_box(trial, character) for character in CHARACTERS]) / TRIAL_SIZE
    left, top, right, bottom = boxes.T  # in ems, relative to the baseline, y downwards
    cap_height = -top[CHARACTERS.index("H")]
    if cap_height <= 0:
        raise UnusableFontError("with empty characters")
    size = CAP_HEIGHT / cap_height
    fitting = min(
        size,
        (SIDE - 2 * MARGIN) / (right - left).max(),
        (BASELINE - MARGIN) / max(-top.min(), 1e-6),
        (SIDE - BASELINE - MARGIN) / max(bottom.max(), 1e-6),
    )
    if fitting < MIN_SCALE * size:
        raise UnusableFontError("with characters that do not fit")
    font = ImageFont.truetype(path, OVERSAMPLING * fitting, index, layout_engine=basic)
    large = SIDE * OVERSAMPLING
    pictures = np.empty((len(CHARACTERS), SIDE, SIDE), np.uint8)
    for i, character in enumerate(CHARACTERS):
        image = Image.new("L", (large, large))
        left_edge, _, right_edge, _ = _ink_box(font, character)
        origin = (large - left_edge - right_edge) / 2, BASELINE * OVERSAMPLING
        ImageDraw.Draw(image).text(origin, character, fill=255, font=font, anchor="ls")
        pictures[i] = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))
    return pictures


def _ink_box(font: Any, character: str) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the ink, relative to the origin on the baseline.

    Pillow's own box reaches to where the next character would begin.
    """
    mask, (x, y) = font.getmask2(character, "L", anchor="ls")
    box = mask.getbbox()
    if box is None:
        raise UnusableFontError("with empty characters")
    left, top, right, bottom = box
    return x + left, y + top, x + right, y + bottom


class _Common(NamedTuple):
    """Characters of common fonts: their shapes, and each one's character in lower case."""

    shapes: Array  # (n, 256)
    characters: Array  # (n,)


def _shapes(pictures: Array) -> Array:
    """Return pictures cut to their ink and resized to 16 × 16, as rows of length 1, (n, 256)."""
    from PIL import Image

    rows = np.zeros((len(pictures), 256), np.float32)
    for row, picture in zip(rows, pictures, strict=True):
        down, across = np.flatnonzero(picture.max(1)), np.flatnonzero(picture.max(0))
        ink = picture[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
        image = Image.fromarray(np.ascontiguousarray(ink)).resize((16, 16), Image.Resampling.BOX)
        row[:] = np.asarray(image, np.float32).ravel()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@lru_cache(maxsize=1)
def _common() -> _Common:
    """Draw the common fonts that come with matplotlib."""
    from matplotlib import get_data_path

    folder = Path(get_data_path(), "fonts", "ttf")
    shapes = [_shapes(_draw(str(folder / f"{name}.ttf"), 0)) for name in COMMON_FONTS]
    characters = np.array(list(CHARACTERS.lower()))
    return _Common(np.concatenate(shapes), np.tile(characters, len(shapes)))


def _recognised(shapes: Array) -> float:
    """Return the share of characters whose nearest one in common fonts is the same letter."""
    common = _common()
    nearest = common.characters[(shapes @ common.shapes.T).argmax(1)]
    return float((nearest == np.array(list(CHARACTERS.lower()))).mean())


def _case_difference(shapes: Array) -> float:
    """Return the median distance, 1 less the cosine, between capitals and their lower case."""
    capital = [CHARACTERS.index(c) for c in DIFFERENT_CASES]
    small = [CHARACTERS.index(c) for c in DIFFERENT_CASES.lower()]
    return float(np.median(1 - (shapes[capital] * shapes[small]).sum(1)))
