"""The relay, or cross-chain gateway, from channel `udl` to the regulatory channel `csrb`.

docs/relay.md says how it works. This package stands on top, as nodes and commands do.
"""
