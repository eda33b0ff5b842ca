"""Commands of manage.py that reach all that belongs to an account."""
