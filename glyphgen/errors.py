"""Every error a user can meet, as one tree; knows nothing about how they are shown.

GlyphgenError
├── ChoiceError       an argument is none of the words that it can be
├── RecipeError       the recipe cannot be read, or asks for something that cannot be
├── FontError         a font file is missing, unreadable, or has no such face or axis
│   └── UnreadableFontError   it is there, but cannot be read, or not safely
├── GateError         a class is left without a face that draws it
├── AugmentError      a transform is unknown, refuses its arguments, or fails on an image
├── EngineError       a rendering engine is not installed or cannot draw what is asked
├── DatasetError      a dataset is missing, unfinished, damaged, or in the way
│   └── DamagedError          it is complete, and its files cannot all be as they were written
├── ImageError        a file gives no image: the reason alone, its reader knows which file it is
├── SourceError       what is to be imported cannot be read, or is not what its format says
├── WorkerError       a process that read fonts or made a shard died, or cannot start
├── MachineError      the machine refuses: no room, no memory, no process; never the fault of a file
│   └── StoreError            a store of objects refuses, or cannot be reached
├── ReportError       a report cannot be made of what is given
└── TrainingError     a network cannot be trained, read, or asked about what is given

A message is one line a problem: ``place: what is wrong, what was expected (what to do)``. An error
carries all problems of its kind at once. Whatever a font, a label or a path puts into a message, it
cannot act on the terminal that shows it: each problem goes through ``show_foreign``.
"""

from glyphgen.text import show_foreign

__all__ = [
    "AugmentError",
    "ChoiceError",
    "DamagedError",
    "DatasetError",
    "EngineError",
    "FontError",
    "GateError",
    "GlyphgenError",
    "ImageError",
    "MachineError",
    "RecipeError",
    "ReportError",
    "SourceError",
    "StoreError",
    "TrainingError",
    "UnreadableFontError",
    "WorkerError",
]


class GlyphgenError(Exception):
    """An error that the user can mend; ``problems`` holds one line for each thing that is wrong."""

    def __init__(self, *problems: str) -> None:
        shown = tuple(map(show_foreign, problems))
        super().__init__(*shown)
        self.problems = shown

    def __str__(self) -> str:
        return "\n".join(self.problems)


class ChoiceError(GlyphgenError):
    """An argument is none of the words that it can be."""


class RecipeError(GlyphgenError):
    """The recipe cannot be read, or asks for something that cannot be."""


class FontError(GlyphgenError):
    """A font file is missing, unreadable, or has no such face or axis."""


class UnreadableFontError(FontError):
    """A font file is there, but cannot be read, or not safely: its faces can be left out."""


class GateError(GlyphgenError):
    """A class is left without a face that draws it."""


class AugmentError(GlyphgenError):
    """A transform is unknown, refuses its arguments, or fails on an image."""


class EngineError(GlyphgenError):
    """A rendering engine is not installed or cannot draw what is asked."""


class DatasetError(GlyphgenError):
    """A dataset is missing, unfinished, damaged, or in the way."""


class DamagedError(DatasetError):
    """A dataset is complete, and its files cannot all be as they were written."""


class ImageError(GlyphgenError):
    """A file gives no image: the reason alone, its reader knows which file it is."""


class SourceError(GlyphgenError):
    """What is to be imported cannot be read, or is not what its format says."""


class WorkerError(GlyphgenError):
    """A process that read fonts or made a shard died, or cannot start."""


class MachineError(GlyphgenError):
    """The machine refuses: no room, no memory, no process; never the fault of a file."""


class StoreError(MachineError):
    """A store of objects refuses, or cannot be reached."""


class ReportError(GlyphgenError):
    """A report cannot be made of what is given."""


class PadError(GlyphgenError):
    """A drawing board cannot be opened, or a drawing is not one."""


class TrainingError(GlyphgenError):
    """A network cannot be trained, read, or asked about what is given."""
