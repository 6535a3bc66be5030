"""Commands that find faults and measure."""
