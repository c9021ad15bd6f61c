"""Every choice that a user can make, in one table each; recipes, commands and Python read them here.

A table is a dictionary: its keys are the words of TOML, flags and Python arguments, in the order in
which help shows them. To add an engine or a format, write its file and one line here.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from glyphgen.errors import ChoiceError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = [
    "BALANCE_METHODS",
    "BLACK_ON_WHITE",
    "COLLECTIONS",
    "COMPRESSIONS",
    "DIRECTIONS",
    "ENGINES",
    "EXECUTORS",
    "EXPORT_FORMATS",
    "FITS",
    "FOLDER_NAMES",
    "FRAMINGS",
    "IMPORT_FORMATS",
    "IN_LINE",
    "LABELS_BY",
    "LEVELS",
    "MAKERS",
    "MODELS",
    "MODEL_FRAMINGS",
    "MODES",
    "ON_CHANGED",
    "ON_CUT_OFF",
    "ON_REFUSED",
    "ON_UNPROVEN",
    "OPTIMIZERS",
    "POLARITIES",
    "SCHEDULES",
    "SHIFT_UNITS",
    "SPLITS",
    "SPLIT_METHODS",
    "STAMP_SHAPES",
    "STORAGE_FORMATS",
    "TIMM",
    "VARIATIONS",
    "WHITE_ON_BLACK",
    "EngineEntry",
    "Entry",
    "ExportEntry",
    "ImportEntry",
    "MakerEntry",
    "OneOf",
    "check_choice",
    "check_executor",
    "check_model",
    "check_seed",
    "is_dask",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of a table that stands for code: imported when used, so that the rest costs nothing.

    Attributes:
        module: Where the code is.
        name: Of the class or function in it.
        help: What the word means, in one line.
    """

    module: str
    name: str
    help: str

    def load(self) -> Any:
        """Import the code."""
        return getattr(import_module(self.module), self.name)


@dataclass(frozen=True, slots=True)
class EngineEntry(Entry):
    """One engine.

    Attributes:
        can: Keys of a recipe, such as ``render.weight``, that it can do and another engine cannot; all
            engines do size, shift, rotation, shear and stretch.
        opens_fonts: Whether it reads the fonts itself, so that it may draw what no outline shows.
    """

    can: frozenset[str] = frozenset()
    opens_fonts: bool = True


@dataclass(frozen=True, slots=True)
class ImportEntry(Entry):
    """One format that is imported.

    Attributes:
        takes: Of the options ``class_map``, ``codepoints`` and ``crops``, those that the format takes.
    """

    takes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ExportEntry(Entry):
    """One format that is exported.

    Attributes:
        extra: Of ``pip install 'glyphgen[...]'``, that brings what is needed; empty where nothing is.
        takes: Those of the options ``splits``, ``names``, ``polarity`` and ``polygons`` that the
            format takes.
        suffix: Of the file that ``out`` may be, where all may lie in one.
    """

    extra: str = ""
    takes: frozenset[str] = frozenset({"splits", "polarity"})
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class MakerEntry:
    """One command that makes datasets.

    Attributes:
        help: What it makes, in one line.
        remake: Called with a dataset, runs of its rows and a reporter; in a ``with`` block it gives a
            ``production.Remade``.
        shows: What a row is compared with, in words: ``its recipe draws``.
        pages: Files beside the arrays that tell what the rows show. Datasets that are made of these
            rows keep them.
        has_copies: Whether a row may be a changed copy of another.
    """

    help: str
    remake: Entry
    shows: str = ""
    pages: tuple[str, ...] = ()
    has_copies: bool = False


ENGINES: Mapping[str, EngineEntry] = {
    "vector": EngineEntry(
        "glyphgen.engines.vector",
        "VectorEngine",
        "Outlines through FreeType's rasterizer: the fastest.",
        can=frozenset(
            {
                *("render.weight", "render.wobble", "render.scatter"),
                *("classes.language", "classes.features", "classes.direction"),
                *("classes.words", "classes.words_file", "fonts.faces.alternates"),
            }
        ),
        opens_fonts=False,
    ),
    "pillow": EngineEntry("glyphgen.engines.pillow", "PillowEngine", "Fonts through Pillow."),
    "imagemagick": EngineEntry(
        "glyphgen.engines.imagemagick",
        "ImageMagickEngine",
        "Fonts through ImageMagick, by Wand; needs the system's package libmagickwand-6.q16-6.",
    ),
}
"""What draws."""

STORAGE_FORMATS: Mapping[str, Entry] = {
    "npy": Entry(
        "glyphgen.dataset.shards.npy", "NpyShards", "images.npy, labels.npy and samples.npy."
    ),
    "hdf5": Entry("glyphgen.dataset.shards.hdf5", "Hdf5Shards", "One .h5 file for each shard."),
}
"""How a dataset lies on disk."""

IMPORT_FORMATS: Mapping[str, ImportEntry] = {
    "k49": ImportEntry(
        "glyphgen.exchange.k49",
        "open_k49",
        "Kuzushiji-49 or KMNIST: a folder with *-train-imgs.npz and its fellows.",
        takes=frozenset({"class_map"}),
    ),
    "kkanji": ImportEntry(
        "glyphgen.exchange.kkanji",
        "open_kkanji",
        "Kuzushiji-Kanji: a folder or .tar of U+XXXX/*.png.",
    ),
    "mnist": ImportEntry(
        "glyphgen.exchange.mnist",
        "open_mnist",
        "MNIST or EMNIST: a folder of IDX files, gzipped or not.",
        takes=frozenset({"class_map"}),
    ),
    "folder": ImportEntry(
        "glyphgen.exchange.folder",
        "open_folder",
        "class-name/*.png or .jpg, also with train/, valid/, test/ above.",
        takes=frozenset({"class_map", "codepoints"}),
    ),
    "arrays": ImportEntry(
        "glyphgen.exchange.arrays",
        "open_arrays",
        "images.npy labels.npy, or one .npz that holds both, also for train, val and test.",
        takes=frozenset({"class_map", "codepoints"}),
    ),
    "kuzushiji": ImportEntry(
        "glyphgen.exchange.kuzushiji",
        "open_kuzushiji",
        "images.npy, labels.npy and index.json of EfficientNet-KuzushijiKanji.",
    ),
    "webdataset": ImportEntry(
        "glyphgen.exchange.webdataset_tars",
        "open_webdataset",
        ".tar files of images with .cls, .txt or .json beside them.",
    ),
    "parquet": ImportEntry(
        "glyphgen.exchange.parquet",
        "open_parquet",
        "Hugging Face's Parquet files, with the columns image and label.",
    ),
    "tfrecord": ImportEntry(
        "glyphgen.exchange.tfrecords",
        "open_tfrecord",
        "TFRecord files of Examples with image and label.",
    ),
    "lmdb": ImportEntry(
        "glyphgen.exchange.lmdb_images",
        "open_lmdb",
        "Databases of image-000000001 and label-000000001.",
    ),
    "coco": ImportEntry(
        "glyphgen.exchange.coco",
        "open_coco",
        "Boxes of a COCO page, cut out: annotations.json beside its images.",
        takes=frozenset({"crops"}),
    ),
    "dataset": ImportEntry(
        "glyphgen.exchange.glyphgen_dataset", "open_dataset", "Another dataset of glyphgen."
    ),
}
"""What ``glyphgen import`` reads."""

COLLECTIONS: Mapping[str, str] = {
    "k49": "Kuzushiji-49: 270,912 handwritten hiragana at 28 x 28, 75 MB.",
    "kmnist": "Kuzushiji-MNIST: 70,000 hiragana of ten classes at 28 x 28, 21 MB.",
    "kkanji": "Kuzushiji-Kanji: 140,426 kanji of 3,832 classes at 64 x 64, 310 MB.",
}
"""What ``glyphgen fetch`` fetches."""

EXPORT_FORMATS: Mapping[str, ExportEntry] = {
    "folder": ExportEntry(
        "glyphgen.exchange.folder",
        "FolderExporter",
        "train/class-name/00000123.png: torchvision's ImageFolder, Keras, fast.ai.",
        takes=frozenset({"splits", "polarity", "names"}),
    ),
    "npz": ExportEntry(
        "glyphgen.exchange.arrays",
        "NpzExporter",
        "One file of x_train, y_train, x_test and so on: NumPy, Keras.",
        suffix=".npz",
    ),
    "k49": ExportEntry(
        "glyphgen.exchange.k49",
        "K49Exporter",
        "Images, labels and class map as Kuzushiji-49 has them; characters only.",
    ),
    "kuzushiji": ExportEntry(
        "glyphgen.exchange.kuzushiji",
        "KuzushijiExporter",
        "images.npy, labels.npy, index.json of train rows: EfficientNet-KuzushijiKanji.",
    ),
    "idx": ExportEntry(
        "glyphgen.exchange.mnist",
        "IdxExporter",
        "IDX files as MNIST has them; 256 classes at most.",
    ),
    "webdataset": ExportEntry(
        "glyphgen.exchange.webdataset_tars",
        "WebdatasetExporter",
        ".tar files of 00000123.png, .cls and .json: webdataset.",
        extra="webdataset",
    ),
    "parquet": ExportEntry(
        "glyphgen.exchange.parquet",
        "ParquetExporter",
        "data/*.parquet with images and names of classes: Hugging Face datasets.",
        extra="parquet",
    ),
    "tfrecord": ExportEntry(
        "glyphgen.exchange.tfrecords",
        "TfrecordExporter",
        "Examples of image, label and text: TensorFlow, and the library tfrecord.",
        extra="tfrecord",
    ),
    "lmdb": ExportEntry(
        "glyphgen.exchange.lmdb_images",
        "LmdbExporter",
        "image-000000001 and label-000000001: CRNN, PARSeq and their kin.",
        extra="lmdb",
    ),
    "coco": ExportEntry(
        "glyphgen.exchange.coco_export",
        "CocoExporter",
        "Pages with boxes: PNG images and COCO's JSON.",
        extra="coco",
        takes=frozenset({"polygons"}),
    ),
}
"""What ``glyphgen export`` writes."""

_REBUILD = Entry("glyphgen.exchange.rebuilding", "rebuild_assembled", "Proves index.json alone.")

MAKERS: Mapping[str, MakerEntry] = {
    "render": MakerEntry(
        "Rows that a recipe draws.",
        Entry("glyphgen.render.redrawing", "redraw_rows", "Draws rows of the recipe again."),
        shows="its recipe draws",
        pages=("recipe.toml", "gate.json"),
    ),
    "balance": MakerEntry(
        "Equally many training rows of every class of another dataset.",
        Entry("glyphgen.balance.remaking", "remake_balanced_rows", "Copies rows again."),
        shows="its source gives",
        has_copies=True,
    ),
    "import": MakerEntry("Images in another format.", _REBUILD, pages=("gate.json",)),
    "merge": MakerEntry("The rows of several datasets.", _REBUILD, pages=("gate.json",)),
}
"""What makes datasets: ``made_by`` in index.json."""

FOLDER_NAMES: Mapping[str, str] = {
    "label": "The class's own name.",
    "codepoint": "The code points of its first form: U+3042.",
}
"""How the folder of a class is named."""

WHITE_ON_BLACK, BLACK_ON_WHITE = "white-on-black", "black-on-white"

POLARITIES: Mapping[str, str] = {
    WHITE_ON_BLACK: "The ink is 255.",
    BLACK_ON_WHITE: "The paper is 255.",
}
"""Which of ink and paper is 255."""

FITS: Mapping[str, str] = {
    "pad": "Keep the aspect, and add paper.",
    "stretch": "Stretch to the new height and width.",
}
"""How an image comes to another size."""

COMPRESSIONS: Mapping[str, str] = {
    "none": "Images can be memory-mapped.",
    "gzip": "Images take a seventh of the room; HDF5 only.",
}
"""Of the images of a dataset."""

LEVELS = ("block", "line", "word", "character")
"""What a box is about: a field or a block of text, and its parts."""

SPLITS = ("train", "val", "test")
"""The splits of a dataset, in the order of their rows."""

SPLIT_METHODS: Mapping[str, str] = {
    "none": "All rows are train.",
    "sample": "Every class gives shares of its rows.",
    "face": "Typefaces of val and test are never seen in train: faces of one family, or drawn alike,"
    " stay together.",
    "form": "Characters of val and test are never seen in train; where labels stand for styles.",
}
"""What is shared out among the splits."""

LABELS_BY: Mapping[str, str] = {
    "form": "Each character or word is a class.",
    "style": "Each `[[fonts.style]]` is a class; its samples show characters by lot.",
}
"""What a label stands for."""

DIRECTIONS: Mapping[str, str] = {
    "horizontal": "Lines run from side to side.",
    "vertical": "Lines run from top to bottom: faces draw their vertical forms.",
}
"""Which way a line of writing runs."""

STAMP_SHAPES: Mapping[str, str] = {
    "round": "Two rings.",
    "box": "Two frames, about half as high as wide.",
}
"""What the rim of a stamp on a page is."""

MODES: Mapping[str, str] = {
    "random": "Draw values from ranges.",
    "grid": "Combine all listed values.",
}
"""How placements vary."""

SHIFT_UNITS: Mapping[str, str] = {
    "blank": "The free margin on one side, so that 1 reaches the frame.",
    "height": "The image height.",
}
"""What a shift of 1 means."""

FRAMINGS: Mapping[str, str] = {
    "em": "Center the em box of each font, which keeps relative sizes and heights within a font.",
    "baseline": "Put the baselines of all fonts at one height: `_` stays below `-` in fonts never seen.",
    "ink": "Center the ink box.",
    "fit": "Center the ink box after scaling it to the size.",
}
"""What is centered in the frame."""

IN_LINE = frozenset({"em", "baseline"})
"""Framings that keep how large ink is, and where it stands in its line."""

ON_REFUSED: Mapping[str, str] = {
    "error": "Stop, and name what was refused.",
    "skip": "Leave out what was refused.",
}
"""What happens when the gate refuses a cell."""

ON_UNPROVEN: Mapping[str, str] = {
    "error": "Stop, and name the classes.",
    "warn": "Draw such cells, and say so.",
    "allow": "Draw such cells.",
}
"""What happens to cells that nothing is known to compare with."""

ON_CHANGED: Mapping[str, str] = {
    "shrink": "Vary the cell less, and refuse it where that does not help.",
    "refuse": "Refuse the cell.",
    "allow": "Vary it all the same.",
}
"""What happens to a cell of which variation makes another character."""

ON_CUT_OFF: Mapping[str, str] = {
    "shrink": "Draw the cell smaller.",
    "refuse": "Refuse the cell.",
    "allow": "Let the frame cut it off.",
}
"""What happens to a cell that the frame would cut off."""

BALANCE_METHODS: Mapping[str, str] = {
    "augment": "Change copies of the images.",
    "render": "Draw new samples of the dataset's recipe.",
}
"""Where the rows of poor classes come from."""

MODELS: Mapping[str, Entry] = {
    "cnn": Entry(
        "glyphgen.baseline.models", "Cnn", "Six convolutions with BatchNorm; 16 x 16 or larger."
    ),
    "kana2020": Entry(
        "glyphgen.baseline.models", "Kana2020", "The network of a tutorial on kana of 2020."
    ),
}
"""What ``glyphgen train-baseline`` trains, beside the models of timm."""

TIMM = "timm:"
"""What stands before the name of a model of timm."""

VARIATIONS: Mapping[str, str] = {
    "strong": "Bend and thicken images while the network learns, for other writers and typefaces.",
    "light": "Move images a little, for more of the same.",
}
"""How images change while a network learns."""

SCHEDULES: Mapping[str, str] = {
    "constant": "Warm up, keep the rate, and keep the average of the weights: best for other writers.",
    "one-cycle": "Up, and down to almost nothing, and keep the last weights, as fastai's fit_one_cycle.",
}
"""How the learning rate goes while a network learns."""

OPTIMIZERS: Mapping[str, str] = {
    "adamw": "Adam with decoupled weight decay.",
    "adam": "Adam without weight decay.",
}
"""What turns gradients into steps."""

MODEL_FRAMINGS: Mapping[str, str] = {
    "ink": "Cut the ink out and scale it as in training; small kana then count as twins.",
    "as-is": "Take the image as it is.",
}
"""How foreign images are brought before a network."""

EXECUTORS: Mapping[str, str] = {
    "processes": "Processes of this machine, as many as --workers says.",
    "dask:N": "A cluster of N processes on this machine, started and ended here.",
    "dask://HOST:PORT": "The cluster of a scheduler that runs there.",
}
"""Where shards are made."""

_DASK = re.compile(r"dask:([1-9][0-9]{0,3}|//([\w.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}/?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a recipe's text that has to be a key of a table: ``Annotated[str, OneOf(ENGINES)]``."""

    table: Mapping[str, "str | Entry"]

    def list_help(self) -> dict[str, str]:
        """Return what each key means, in one line."""
        return {
            word: entry if isinstance(entry, str) else entry.help
            for word, entry in self.table.items()
        }

    def __get_pydantic_core_schema__(
        self,
        source: Any,
        handler: "GetCoreSchemaHandler",
    ) -> "CoreSchema":
        """Return the schema of a literal, so that messages and editors list the keys."""
        from pydantic_core import core_schema

        return core_schema.literal_schema(list(self.table))


def check_choice(value: object, table: Collection[str], place: str) -> str:
    """Return a choice that somebody has made, if it is one.

    Args:
        value: What was chosen.
        table: What can be.
        place: Name of the argument, the flag or the key.

    Raises:
        ChoiceError: It is not in the table.
    """
    if isinstance(value, str) and value in table:
        return value
    near = get_close_matches(value, table, n=1) if isinstance(value, str) else []
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise ChoiceError(f"{place}: found {value!r}, expected one of {', '.join(table)}{hint}")


def check_executor(value: object) -> str:
    """Return where shards are to be made, if it is one of ``EXECUTORS``.

    Raises:
        ChoiceError: It is not.
    """
    if isinstance(value, str) and (value == "processes" or _DASK.fullmatch(value)):
        return value.rstrip("/")
    raise ChoiceError(f"executor: found {value!r}, expected one of {', '.join(EXECUTORS)}")


def is_dask(executor: str) -> bool:
    """Return whether shards are made by Dask, as ``check_executor`` has returned it."""
    return executor.startswith("dask:")


def check_seed(seed: int) -> None:
    """Check that a number can be the seed of random numbers.

    Raises:
        ChoiceError: It cannot.
    """
    if not 0 <= seed < 2**64:
        raise ChoiceError(f"seed: found {seed}, expected 0 to 2**64 - 1")


def check_model(name: object) -> None:
    """Check the name of a model.

    Raises:
        ChoiceError: It is neither in ``MODELS`` nor one of timm's.
    """
    if not (isinstance(name, str) and name.startswith(TIMM)):
        check_choice(name, [*MODELS, f"{TIMM}NAME"], "model")
