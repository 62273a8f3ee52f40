"""The only place that reads the clock, rolls dice, starts tasks or configures logs."""
