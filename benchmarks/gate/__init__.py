"""How often the gate is wrong: honest fonts that it refuses, and lies of many families that it admits."""
