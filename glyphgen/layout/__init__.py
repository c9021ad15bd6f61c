"""Forms -> where their ink stands in the frame before a sample moves it."""
