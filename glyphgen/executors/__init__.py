"""Where shards are made: in this process, or in processes of this machine."""

from glyphgen.executors.processes import run_shards

__all__ = ["run_shards"]
