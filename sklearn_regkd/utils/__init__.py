"""Files, caches, seeds, threads and other things that know nothing of regression."""
