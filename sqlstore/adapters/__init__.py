"""Other frameworks' own words for what the stores offer; each is an extra."""
