"""A dataset -> a dataset with N training rows of every class; knows nothing of fonts."""
