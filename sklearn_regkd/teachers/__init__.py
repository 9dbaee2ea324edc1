"""What the teachers predict: out-of-fold, frozen, as a torch module, or known beforehand."""
