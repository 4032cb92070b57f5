"""Servers of our own for a model file: what fits on which GPUs, starting and stopping, several behind one adapter."""
