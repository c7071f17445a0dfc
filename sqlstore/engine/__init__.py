"""How queries run: errors, values, drivers, the scanner, query files, repositories. Knows no bot."""
