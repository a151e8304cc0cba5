"""From a configuration to a set of runs: expand, plan, hand over to Make, look at the outcome."""
