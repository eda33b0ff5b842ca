"""The Django project of Balon, and the protocol that all its parts share."""
