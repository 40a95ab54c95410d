"""What a process keeps in memory of keys: what it has seen of them and not written yet, and how they stood last."""
