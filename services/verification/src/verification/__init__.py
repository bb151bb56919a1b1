"""verification: one-time codes by SMS, and the signed proof that a phone was in hand."""
