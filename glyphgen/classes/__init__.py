"""Recipe -> the class table: what each label stands for, in order."""

from glyphgen.classes.character_sets import CHARACTER_SETS, CharacterSet, expand_range
from glyphgen.classes.table import ClassTable, make_class_table, merge_classes

__all__ = [
    "CHARACTER_SETS",
    "CharacterSet",
    "ClassTable",
    "expand_range",
    "make_class_table",
    "merge_classes",
]
