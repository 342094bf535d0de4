"""The Python side of shed: runs a project's own Alembic and reports what happens, line by line."""
