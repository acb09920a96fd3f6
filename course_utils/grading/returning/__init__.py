"""What goes back to people: feedback for students, the review and the report for those who teach."""
