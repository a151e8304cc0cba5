"""The training loop, and what each family of models adds to it."""
