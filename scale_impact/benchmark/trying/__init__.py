"""What robustness stands on: weights drawn, ranks under them, shares of the choices, cities that leave or come twice."""
