"""What configures, runs and reports."""
