"""Measures of reasoning traces: length, what they rest on, whether the answer follows from them."""
