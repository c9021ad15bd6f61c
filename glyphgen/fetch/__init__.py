"""Public collections of handwriting -> their files, from their official addresses."""

from glyphgen.fetch.fetching import FetchedFile, fetch_collection

__all__ = ["FetchedFile", "fetch_collection"]
