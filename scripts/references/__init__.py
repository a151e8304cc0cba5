"""The published tables in results/reference: each with the configuration and the commit that made
it, and any of its runs computed again on request.
"""
