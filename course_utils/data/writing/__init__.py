"""Letters of many scripts, in which no letter of one set is in another, and the episodes that are drawn from them."""
