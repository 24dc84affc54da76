"""What a comparison of periods is made of: who can be compared, breaks, parts of a change, convergence, catching up."""
