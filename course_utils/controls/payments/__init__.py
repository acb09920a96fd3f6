"""Controls of payments."""
