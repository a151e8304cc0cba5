"""What the arms cost: timings side by side in one process."""
