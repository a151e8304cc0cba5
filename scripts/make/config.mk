.PHONY: config.py
config.py:
