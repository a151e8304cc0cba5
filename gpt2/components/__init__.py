"""The parts a GPT is assembled from: normalisation, attention, feed-forward.

Shapes: B sequences, T tokens, C channels (width), H heads, D = C / H channels a head, V vocabulary.
"""
