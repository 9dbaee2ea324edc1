"""What the student is told: labels, the teacher's predictions, and the methods of the papers."""
