"""Reference legacy systems: so far the books of banks and registries."""
