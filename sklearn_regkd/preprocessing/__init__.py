"""How X and y come in: validation, categories, scalings, robust statistics."""
