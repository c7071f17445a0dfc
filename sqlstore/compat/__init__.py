"""The names and habits of older systems, over the stores."""
