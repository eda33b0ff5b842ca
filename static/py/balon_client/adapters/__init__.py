"""The browser behind the ports. Only this package touches JavaScript, through `javascript`."""
