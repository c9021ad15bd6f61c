"""One way each to decode, fit, invert and encode images, and to lay them on a sheet."""
