"""What comes from outside: pins, licences, vulnerabilities, bills of materials; and secrets that must not go there."""
