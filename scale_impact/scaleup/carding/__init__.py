"""Carding: numbers and tests in the words of a decision card, for people who never read a table of estimates."""
