"""Processor time and memory, from the accounts of the operating system to numbers that can be compared."""
