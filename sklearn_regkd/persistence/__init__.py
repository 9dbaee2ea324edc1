"""How a fitted estimator is kept: files that hold numbers and JSON, and no code."""
