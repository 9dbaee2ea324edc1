"""What all rooms need and nothing of it knows of regression: files, caches, seeds, threads."""
