"""Real safety lines: GPIO lines, kernel PWM and analogue converters behind the guard's ports."""
