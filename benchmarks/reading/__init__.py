"""What networks that were trained on fonts alone read of people's hands."""
