"""Ways of reaching a model: one module an adapter, and the declared models in `models/*.yaml`."""
