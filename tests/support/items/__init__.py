"""The page of docs/items.md, held against the classes of the items."""
