"""Images -> images, a batch at a time: elastic, affine, noise and more; knows no dataset, no disk."""
