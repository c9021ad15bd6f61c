"""Numbers and pictures of a dataset, for people; changes nothing."""
