"""Where bytes lie: files that are whole or absent, and the user's cache."""
