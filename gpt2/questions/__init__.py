"""HellaSwag (Zellers et al. 2019): how a text goes on, four endings, one of them right.

A model answers by the probability that it gives to each ending after the context; nothing is
trained for it and no example is shown (zero-shot).
"""
