"""From files to the columns that a card describes, with everything that is wrong said at once."""
