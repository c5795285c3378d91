"""Smart contracts of UFMI: pure, deterministic, integers only."""
