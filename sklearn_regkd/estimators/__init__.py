"""The public estimators, and what they have in common."""
