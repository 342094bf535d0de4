"""What shed asks of a run: the context file, as fields with their types."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any, Dict, List, Optional


@dataclass
class Models:
    """Where the project's tables are defined."""

    modules: List[Dict[str, str]] = field(default_factory=list)
    metadata: List[str] = field(default_factory=list)
    setup: Optional[str] = None
    owned_modules: List[str] = field(default_factory=list)
    auto_discovery: bool = False


@dataclass
class Settings:
    """One run's context; keys that are absent have their defaults."""

    run: str = ""
    target: str = ""
    project: str = ""
    database: str = ""
    here: str = ""
    ini: str = ""
    steps: List[Dict[str, Any]] = field(default_factory=list)
    writes: bool = False
    missing: bool = False
    python_path: List[str] = field(default_factory=list)
    models: Optional[Models] = None
    need_models: str = "no"
    env: Dict[str, str] = field(default_factory=dict)
    versions: List[str] = field(default_factory=list)
    sql: Optional[Dict[str, Any]] = None
    recursive: bool = False
    post_write_hooks: List[Dict[str, str]] = field(default_factory=list)
    configure: Dict[str, Any] = field(default_factory=dict)
    hooks: Optional[Dict[str, str]] = None
    env_py: Optional[str] = None
    version_table: Optional[str] = None
    version_table_schema: Optional[str] = None
    schemas: List[str] = field(default_factory=list)
    include_tables: List[str] = field(default_factory=list)
    exclude_tables: List[str] = field(default_factory=list)
    other_version_tables: List[List[Optional[str]]] = field(default_factory=list)
    schema: Optional[str] = None
    schema_translate_map: Dict[str, Optional[str]] = field(default_factory=dict)
    on_connect: List[str] = field(default_factory=list)
    transactional: bool = True
    lock_timeout: Optional[str] = None
    statement_timeout: Optional[str] = None
    script_imports: List[str] = field(default_factory=list)
    log_levels: Dict[str, str] = field(default_factory=dict)
    verbose: bool = False
    revision: Dict[str, Any] = field(default_factory=dict)
    check_json: bool = False
    witness: bool = False
    guard: Optional[Dict[str, Any]] = None
    ledger: Optional[Dict[str, Any]] = None


def schemas_of(settings: Settings) -> Dict[Optional[str], Optional[str]]:
    """schema_translate_map; an empty name is the default schema."""
    return {key or None: value for key, value in settings.schema_translate_map.items()}


def read(path: str) -> Settings:
    with open(path, encoding="utf-8") as file:
        return from_json(json.load(file))


def from_json(data: Dict[str, Any]) -> Settings:
    known = {entry.name for entry in fields(Settings)}
    given = {key: value for key, value in data.items() if key in known and value is not None}
    models = given.get("models")
    if models is not None:
        given["models"] = Models(**{key: value for key, value in models.items() if value is not None})
    return Settings(**given)
