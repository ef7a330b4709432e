"""What tests stand on: projects, models, kills, faults and answers; nothing here is a test."""
