"""In the wheel alone: the environment of a folder of revisions that has none (see config.py)."""

from alembic import context

from shed_db.env import run_migrations

run_migrations(context, context.config.attributes.get("target_metadata"))
