"""What a comparison of periods is made of: who can be compared, breaks, parts, errors, convergence, catching up, words."""
