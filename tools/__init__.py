"""What authors use to build, record and check the course; learners never need it."""
