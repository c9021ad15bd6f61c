"""What is written in C: the rasterizer, random words, geometry; compiled, opened, or done without."""
