"""How the student learns: the skorch net, its batches, its callbacks, its random numbers."""
