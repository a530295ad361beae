"""What would harm a soft shutdown of a guest, and how much."""
