"""Parts of the page of a city: what makes its number, and what else is known of it."""
