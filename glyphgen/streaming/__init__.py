"""A recipe or a dataset -> endless batches of fresh images, class-balanced, that never touch a disk."""

from glyphgen.streaming.batch_stream import BatchStream, stream

__all__ = ["BatchStream", "stream"]
