"""What a shard costs, and what clusters that nobody has here would make of it."""
