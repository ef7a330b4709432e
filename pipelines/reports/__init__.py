"""What runs did, for those who read it: reports, and views for analysts."""
