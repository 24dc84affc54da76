"""What tries to make an estimate fall: placebos, noise, and confounders that nobody observed."""
