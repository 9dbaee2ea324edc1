"""What the teacher says: out-of-fold, frozen, as a torch module, or beforehand."""
