"""Every sentence that a person reads: one Fluent catalogue a language."""
