"""The thing trained: GPT-2, its data, its training loop and its evaluation."""
