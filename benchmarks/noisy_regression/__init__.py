"""An open benchmark of regression under wrong labels: see README.md in this folder."""
