"""Scale-up: from the effect of a pilot to a decision for the whole city, for each partner who pays or gains."""
