"""Commands that search trees."""
