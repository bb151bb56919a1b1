"""What runs Kabinet: topics, keys, the embedded set."""
