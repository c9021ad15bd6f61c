"""Rows <-> disk: one dataset, its shards and its index; knows nothing of what a row shows."""
