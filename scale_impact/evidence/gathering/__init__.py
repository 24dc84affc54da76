"""What stands behind gathered evidence: which rows may count, whether they fit together, and what each is called."""
