"""Rows <-> disk: one dataset, its shards and its index."""
