"""In the wheel alone: commands that migrate one target, to mount in a Typer application of one's own."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Callable, Dict, Optional, TypeVar

from . import api
from .errors import ShedError, UsageError

if TYPE_CHECKING:
    import typer

    from .calls import PathLike, Within

Answer = TypeVar("Answer")


def create_migration_app(
    target: str,
    database_url_envvar: Optional[str] = None,
    version_table_schema: Optional[str] = None,
    settings: Optional[PathLike] = None,
) -> typer.Typer:
    """`run`, `check`, `create` and `downgrade` of one target; needs the extra `shed-db[typer]`.

    `database_url_envvar` names the variable with the URL that replaces the target's connection.
    """
    try:
        import typer
    except ImportError as error:
        raise UsageError("typer is not installed", help='pip install "shed-db[typer]"') from error

    app = typer.Typer(help=f"Migrations of {target}.", no_args_is_help=True)
    negative: Dict[str, object] = {"ignore_unknown_options": True}  # -1 is a revision

    def within() -> Within:
        found: Within = {}
        if settings is not None:
            found["settings"] = settings
        if version_table_schema is not None:
            found["version_table_schema"] = version_table_schema
        if database_url_envvar is not None:
            found["database_url"] = _url(database_url_envvar)
        return found

    @app.command()
    def run(revision: str = typer.Argument("head", help="How far.")) -> None:
        """Apply revisions."""
        _told(lambda: api.run_migration(target, revision, **within()))

    @app.command()
    def check() -> None:
        """Exit code 1 where revisions are pending."""
        waiting = _told(lambda: api.pending(target, **within()))
        for one in waiting:
            typer.echo(f"pending: {one.revision}  {one.message or ''}".rstrip())
        if waiting:
            raise typer.Exit(1)
        typer.echo("nothing is pending")

    @app.command()
    def create(
        message: str = typer.Argument(..., help="What the revision does."),
        autogenerate: bool = typer.Option(True, help="Write the difference between models and database."),
    ) -> None:
        """Write a new revision file."""
        made = _told(lambda: api.create_migration(target, message, autogenerate, **within()))
        typer.echo(made.path or made.revision if made else "no differences; no revision was written")

    @app.command(context_settings=negative)
    def downgrade(revision: str = typer.Argument("-1", help="Where to: -1, base, an id.")) -> None:
        """Take revisions back."""
        _told(lambda: api.run_downgrade(target, revision, **within()))

    return app


def _url(variable: str) -> str:
    url = os.environ.get(variable)
    if not url:
        raise UsageError(f"{variable} is not set", help="set it to the URL of the database")
    return url


def _told(work: Callable[[], Answer]) -> Answer:
    """What shed says goes to stderr, and its exit code is the command's."""
    log, heard = logging.getLogger("shed_db"), logging.StreamHandler(sys.stderr)
    before = log.level, log.propagate
    heard.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(heard)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        return work()
    except ShedError as error:
        # shed has said it already, unless it was never started.
        if not error.was_said:
            print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.code) from None
    finally:
        log.removeHandler(heard)
        log.setLevel(before[0])
        log.propagate = before[1]
