"""Files of series: when scenes were taken, many scenes on one grid, tables and pictures over time."""
