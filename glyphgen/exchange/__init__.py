"""Other formats of labeled images <-> datasets, and several datasets -> one; one file a format."""
