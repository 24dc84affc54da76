"""What is told of sources: lists, verdicts and the dictionary."""
