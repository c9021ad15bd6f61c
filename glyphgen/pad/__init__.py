"""A drawing board in the browser: what a network reads in a drawing, and drawings kept as a dataset."""

from glyphgen.pad.board import Board
from glyphgen.pad.collecting import Collection, choose_classes
from glyphgen.pad.offline import write_offline_page
from glyphgen.pad.serving import open_server

__all__ = ["Board", "Collection", "choose_classes", "open_server", "write_offline_page"]
