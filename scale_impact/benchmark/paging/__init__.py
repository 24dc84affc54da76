"""Parts of the page of a city: what makes its number, what else is known of it, what its peers tried."""
