"""How fast, beside what one would use instead, measured in one run; ``make bench`` runs it."""
