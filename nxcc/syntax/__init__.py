"""From text to a frozen syntax tree. Lark stays in here."""
