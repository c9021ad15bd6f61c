"""Other formats of labelled images, one file each; knows nothing of fonts or training."""
