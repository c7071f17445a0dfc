"""The commands `stats` and `report`: a store's statistics on a terminal, as JSON, or as a page with charts."""
