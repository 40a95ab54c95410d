"""The benches are right about what they measure."""
