"""What tests of several rooms share: factories, and the ways to state a contract."""
