"""Other formats of labelled images -> datasets, and several datasets -> one; one file a format."""
