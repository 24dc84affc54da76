"""Numbers as papers print them: what a line says, how sure it is, and how it becomes an effect in the unit of an indicator."""
