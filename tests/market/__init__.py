"""The contracts of channel `udl` as a market uses them, and a second opinion on them."""
