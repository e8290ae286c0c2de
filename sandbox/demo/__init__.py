"""The demo: five customers of Northwind Telecom, their methods at the bank, and a page to try everything on."""
