"""The regulatory channel: report objects, their checks, and where their snapshots are kept."""
