"""Reciprocal attention and reciprocal MLP: the parts, the table of steps, and what is measured.

The parts are assembled to a model in gpt2/ra.py. docs/reciprocal_attention.md says what they are
and what they are not.
"""
