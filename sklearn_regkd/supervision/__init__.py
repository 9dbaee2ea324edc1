"""What the student is told: which labels are wrong, and what stands in their place."""
