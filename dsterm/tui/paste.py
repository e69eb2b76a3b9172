"""What a paste becomes: text as it is, a chip for a large one, one sentence for a picture."""

from __future__ import annotations

import re

import msgspec

from dsterm.render.clean import clean

_CHIP_BYTES = 4096
_CHIP_LINES = 40
_IMAGE_PATH = re.compile(
    r"""\s*["']?(?:file://)?[^\n"']+\.(?:png|jpe?g|gif|webp|bmp|tiff?|heic|avif)["']?\s*""", re.IGNORECASE
)
_IMAGE_DATA = re.compile(r"\s*data:image/|.{0,4}(?:PNG\r?\n|JFIF|GIF8[79]a)", re.DOTALL)

PATH_SENTENCE = "These models read text only: they see the name of the picture, not the picture."
DATA_SENTENCE = "These models read text only, so the picture was not pasted."


def as_text(pasted: str) -> str:
    """The paste with one kind of line ending and nothing that a terminal would act on."""
    return clean(pasted.replace("\r\n", "\n").replace("\r", "\n"))


def is_image_path(pasted: str) -> bool:
    """Whether the paste is nothing but the path of a picture, as dropping a file on a terminal gives."""
    return len(pasted) < _CHIP_BYTES and _IMAGE_PATH.fullmatch(pasted) is not None


def is_image_data(pasted: str) -> bool:
    """Whether the paste is the picture itself."""
    return _IMAGE_DATA.match(pasted) is not None


class ShelvedPaste(msgspec.Struct, frozen=True):
    """A paste whose chip stands in a draft from `start` to `end`, each a row and a column."""

    text: str
    start: tuple[int, int]
    end: tuple[int, int]


class PasteShelf:
    """Keeps large pastes beside the composer, which shows a chip like `[pasted 214 lines]` for each."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """What to insert for `text`: itself, or its chip."""
        lines = text.count("\n") + 1
        if len(text.encode()) <= _CHIP_BYTES and lines <= _CHIP_LINES:
            return text
        size = f"{lines} lines" if lines > 1 else f"{len(text)} characters"
        chip = f"[pasted {size}]"
        number = 1
        while self._texts.get(chip, text) != text:
            number += 1
            chip = f"[pasted {size} #{number}]"
        self._texts[chip] = text
        return chip

    def expand(self, text: str) -> str:
        """`text` with every chip replaced by what it stands for, in one pass: pasted text is never looked into."""
        if not self._texts:
            return text
        chips = re.compile("|".join(re.escape(chip) for chip in self._texts))
        return chips.sub(lambda match: self._texts[match.group()], text)

    def chip_before(self, line: str) -> str:
        """The chip that `line` ends with, or nothing."""
        return next((chip for chip in self._texts if line.endswith(chip)), "")

    def inside(self, text: str) -> dict[str, str]:
        """The chips that stand in `text`, and what they stand for."""
        return {chip: pasted for chip, pasted in self._texts.items() if chip in text}

    def nearest(self, text: str, cursor: tuple[int, int], before: str) -> ShelvedPaste | None:
        """The paste whose chip `before`, the line up to the cursor, ends with, else the last one in `text`."""
        chips = self.inside(text)
        if not chips:
            return None
        row, column = cursor
        chip = self.chip_before(before)
        if chip:
            column -= len(chip)
        else:
            chip = max(chips, key=text.rfind)
            ahead = text[: text.rfind(chip)]
            row, column = ahead.count("\n"), len(ahead) - (ahead.rfind("\n") + 1)
        return ShelvedPaste(self._texts[chip], (row, column), (row, column + len(chip)))

    def clear(self) -> None:
        """Forget all of them."""
        self._texts.clear()
