"""Alembic's own command line, given the run."""

from __future__ import annotations

import argparse
import functools
import os
from typing import Any, Dict, List, NoReturn, Optional, Tuple

from alembic import __version__
from alembic.config import CommandLine, Config
from alembic.script import ScriptDirectory
from alembic.util import coerce_resource_to_filename

from .env import ATTRIBUTE
from .refusal import Refusal
from .runs import Run

PROGRAM = "alembic"
TAKES_VALUE = ("-x", "-n", "--name", "-c", "--config")


class Commands(CommandLine):
    """Alembic's commands for one run; made once, because it tells Alembic where the revisions are."""

    def __init__(self, run: Run) -> None:
        super().__init__(prog=PROGRAM)
        self.this = run
        self.hooks = _hooks(run)
        _use_folders(run, self.hooks)

    def _generate_args(self, prog: Optional[str]) -> None:
        """Half of it is looking for translations of words that are never shown: done once, before any fork."""
        vars(self).update(vars(ready()))

    def run(self, argv: List[str], raise_errors: bool = True) -> None:
        if raise_errors:
            self._demand_flags(argv)
            _raise_usage(self.parser)
        self.main([*self._globals(), *(["--raiseerr"] if raise_errors else []), *argv])

    def run_cmd(self, config: Config, options: argparse.Namespace) -> None:
        command = options.cmd[0].__name__
        prepare(config, self.this)
        # Hooks against empty files read it without asking whether `check` has it.
        if not hasattr(options, "autogenerate"):
            options.autogenerate = False
        if self.this.dry_from is not None:
            _as_dry_run(command, options, self.this.dry_from, self.this.settings.env_py is not None)
        if command == "merge" and options.revisions == ["heads"]:
            _demand_several_heads(config)
        if command in ("revision", "merge"):
            _demand_own_folder(config, options, self.this.settings.versions)
        self.this.starts(command, options)
        super().run_cmd(config, options)

    def _globals(self) -> List[str]:
        arguments = ["-c", self.this.settings.ini]
        # Since 1.16 a pyproject.toml of the working directory is read too, unless another is named.
        if any(
            isinstance(action, argparse._AppendAction) and "-c" in action.option_strings
            for action in self.parser._actions
        ):
            arguments += ["-c", os.path.join(self.this.folder, "pyproject.toml")]
        return arguments

    def _demand_flags(self, argv: List[str]) -> None:
        command = command_in(argv)
        parser = _subparsers(self.parser).get(command or "")
        known = set(self.parser._option_string_actions)
        known.update(parser._option_string_actions if parser else ())
        for token in argv[: argv.index("--")] if "--" in argv else argv:
            flag = token.partition("=")[0]
            if flag.startswith("--") and parser and not any(option.startswith(flag) for option in known):
                raise Refusal(
                    "flag",
                    f"alembic {__version__} has no {flag} for `{command}`",
                    "a newer Alembic may have it; `shed doctor` shows which one is used",
                    flag=flag,
                    alembic=__version__,
                )


@functools.cache
def ready() -> CommandLine:
    """Alembic's parsers; a process runs one command line with them."""
    return CommandLine(prog=PROGRAM)


def prepare(config: Config, run: Run) -> None:
    """The run rides in the config; a % in the folder's own path must not be an interpolation."""
    config.attributes[ATTRIBUTE] = run
    defaults = config.file_config.defaults()
    defaults["here"] = str(defaults["here"]).replace("%", "%%")  # type: ignore[index]


def _demand_own_folder(config: Config, options: argparse.Namespace, folders: List[str]) -> None:
    """A revision lands beside the one it builds on; an installed package is nobody's to write to."""
    if not any(_is_installed(folder) for folder in folders):
        return
    folder = getattr(options, "version_path", None)
    if folder is None:
        script = ScriptDirectory.from_config(config)
        base = next(iter(script.get_heads()), None)
        folder = os.path.dirname(script.get_revision(base).path) if base else folders[0]
    if _is_installed(folder):
        raise Refusal(
            "settings",
            f"the revision would be written into an installed package: {folder} (site-packages)",
            "name a folder of the repository first in `versions`, and `--version-path` for its first revision",
        )


def _is_installed(folder: str) -> bool:
    return any(part in ("site-packages", "dist-packages") for part in folder.split(os.sep))


def _demand_several_heads(config: Config) -> None:
    """Alembic would write a revision that merges one head with nothing."""
    heads = ScriptDirectory.from_config(config).get_heads()
    if len(heads) < 2:
        raise Refusal("command", f"there is nothing to merge: {heads[0] if heads else 'no revision'} is the only head")


def config_of(run: Run) -> Config:
    """For questions that are not one of Alembic's commands."""
    config = Config(run.settings.ini)
    prepare(config, run)
    return config


def _hooks(run: Run) -> Any:
    if not run.settings.post_write_hooks:
        return None
    from .hook import Hooks

    return Hooks(run.settings.post_write_hooks, run.events)


def _use_folders(run: Run, hooks: Any) -> None:
    """Set on the object: as text in the ini, a folder could hold whatever separates folders there."""
    run.settings.versions = [_folder(entry) for entry in run.settings.versions]
    original = ScriptDirectory.from_config.__func__  # type: ignore[attr-defined]

    def from_config(cls: Any, config: Config) -> ScriptDirectory:
        if run.script is not None:
            return run.script  # type: ignore[no-any-return]
        script: ScriptDirectory = original(cls, config)
        if run.settings.versions:
            script.version_locations = list(run.settings.versions)
        if run.settings.recursive:
            script.recursive_version_locations = True
        if hooks is not None:
            hooks.attach(script)
        if run.sql is not None:
            run.sql.attach(script)
        return script

    ScriptDirectory.from_config = classmethod(from_config)  # type: ignore[assignment,method-assign]


def _folder(entry: str) -> str:
    """A folder, or `package:folder` in this interpreter; a file would be an empty folder to Alembic."""
    path = entry
    if not os.path.isabs(entry) and ":" in entry:
        try:
            path = str(coerce_resource_to_filename(entry))
        except (ImportError, TypeError) as error:
            raise Refusal("settings", f'versions: "{entry}": {error}', "write it as `package:folder`") from error
    if os.path.exists(path) and not os.path.isdir(path):
        raise Refusal("settings", f"versions: {path} is a file, not a folder")
    return path


def _as_dry_run(command: str, options: argparse.Namespace, heads: Tuple[str, ...], own_env: bool) -> None:
    """env.py gives Alembic all the heads to start from; in the argument there is room for one."""
    options.sql = True
    revision = getattr(options, "revision", None)
    if revision is None or ":" in revision:
        return
    if own_env and len(heads) > 1:
        raise Refusal(
            "command",
            f"the database has several heads ({', '.join(heads)}), and with `env_py` a dry run starts from one",
            "give the range yourself: --sql FROM:TO",
        )
    if command == "downgrade" or (own_env and heads):
        options.revision = f"{heads[0] if heads else 'base'}:{revision}"


def _raise_usage(parser: argparse.ArgumentParser) -> None:
    for each in [parser, *_subparsers(parser).values()]:

        def error(message: str, each: argparse.ArgumentParser = each) -> NoReturn:
            raise Refusal("usage", f"{each.prog}: {message}", each.format_usage().strip())

        each.error = error  # type: ignore[method-assign]


def _subparsers(parser: argparse.ArgumentParser) -> Dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def command_in(argv: List[str]) -> Optional[str]:
    skip = False
    for token in argv:
        if skip:
            skip = False
        elif token in TAKES_VALUE:
            skip = True
        elif not token.startswith("-"):
            return token
    return None
