"""Files of fitted estimators, which hold numbers and JSON, and no code."""
