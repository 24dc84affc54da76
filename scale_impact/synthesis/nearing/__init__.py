"""What a city may expect from pilots elsewhere: how near they are, what each counts, whether the city is like them."""
