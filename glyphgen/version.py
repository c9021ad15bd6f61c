"""The version of glyphgen, which is part of what every dataset's bytes depend on."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
