"""The values that everything else is made of: frozen, typed, without side effects, importing nothing of ours."""
