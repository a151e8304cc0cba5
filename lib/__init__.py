"""The things compared, and the instruments that measure them."""
