"""Model back ends: what the gateway asks for text."""
