"""The connection's parts as SQLAlchemy's URL, in each driver's own spelling."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple
from urllib.parse import urlencode

from sqlalchemy.engine import URL

from .refusal import Refusal

Parts = Dict[str, Any]
LONGEST_NAME = 63


def sqlite(parts: Parts, driver: str, missing: bool) -> Tuple[URL, Dict[str, Any]]:
    path = ":memory:" if missing else parts["path"]
    query = {key: str(value) for key, value in (parts.get("query") or {}).items()}
    return URL.create(f"sqlite+{driver}", database=path, query=query), {}


def postgres(parts: Parts, driver: str, project: str) -> Tuple[URL, Dict[str, Any]]:
    """The URL without what only some drivers understand, and the arguments that say the same."""
    query = {key: str(value) for key, value in (parts.get("query") or {}).items()}
    query.setdefault("application_name", _application_name(project))
    url = URL.create(
        f"postgresql+{driver}",
        username=parts.get("user"),
        password=parts.get("password"),
        database=parts.get("database"),
    )
    if driver == "pg8000":
        return _with_host(url, parts), _pg8000_arguments(parts, query)
    if driver == "asyncpg":
        return _with_host(url, parts), _asyncpg_arguments(parts, query)
    return _with_host(url, parts).update_query_dict(query), {}


def text(parts: Parts, driver: str, missing: bool = False) -> str:
    """For a program that reads the URL from its environment: percent-encoded, the driver's own options only."""
    if parts["dialect"] == "sqlite":
        url, _ = sqlite(parts, driver, missing)
        return _plain_driver(url, "pysqlite").render_as_string(hide_password=False)
    url, arguments = postgres(parts, driver, "")
    if driver == "pg8000" and "unix_sock" in arguments:
        url = url.update_query_dict({"unix_sock": arguments["unix_sock"]})
    if driver == "asyncpg":
        url = _asyncpg_text(url, parts)
    if not (parts.get("query") or {}).get("application_name"):
        url = url.difference_update_query(["application_name"])
    # SQLAlchemy leaves blanks in names and passwords as they are; not every reader takes that.
    names, at, rest = url.render_as_string(hide_password=False).partition("@")
    return names.replace(" ", "%20") + at + rest


def _plain_driver(url: URL, default: str) -> URL:
    return url.set(drivername="sqlite") if url.drivername == f"sqlite+{default}" else url


def _application_name(project: str) -> str:
    return f"shed/{project}".encode()[:LONGEST_NAME].decode(errors="ignore")


def _is_folder(host: Optional[str]) -> bool:
    return bool(host) and str(host).startswith(("/", "@"))


def _with_host(url: URL, parts: Parts) -> URL:
    host, port = parts.get("host"), parts.get("port")
    if not _is_folder(host):
        return url.set(host=host, port=port)
    if url.drivername.endswith("pg8000"):
        return url
    # A folder cannot stand between `@` and `/` once the URL is text.
    url = url.update_query_dict({"host": str(host)})
    return url.update_query_dict({"port": str(port)}) if port else url


def _pg8000_arguments(parts: Parts, query: Dict[str, str]) -> Dict[str, Any]:
    arguments: Dict[str, Any] = {"application_name": query.pop("application_name")}
    if "connect_timeout" in query:
        arguments["timeout"] = int(query.pop("connect_timeout")) or None
    if _is_folder(parts.get("host")):
        arguments["unix_sock"] = f"{parts['host']}/.s.PGSQL.{parts.get('port') or 5432}"
    context = _ssl_context(query.pop("sslmode", "prefer"), query.pop("sslrootcert", None))
    if context is not None:
        arguments["ssl_context"] = context
    if query:
        raise Refusal(
            "settings",
            f"the driver pg8000 does not know the connection option {', '.join(sorted(query))}",
            "remove it, or use another driver, such as `driver: psycopg`",
        )
    return arguments


def _ssl_context(mode: str, root: Optional[str]) -> Any:
    if mode in ("disable", "allow", "prefer"):
        return None
    import ssl  # slow to load, and rarely needed

    context = ssl.create_default_context(cafile=root)
    context.check_hostname = mode == "verify-full"
    if mode == "require" and root is None:
        context.verify_mode = ssl.CERT_NONE
    return context


def _asyncpg_arguments(parts: Parts, query: Dict[str, str]) -> Dict[str, Any]:
    """asyncpg reads libpq's names from a DSN only, and makes server settings of the rest."""
    arguments: Dict[str, Any] = {}
    if "connect_timeout" in query:
        arguments["timeout"] = float(query.pop("connect_timeout")) or None
    arguments["dsn"] = "postgresql:///?" + urlencode(query)
    return arguments


def _asyncpg_text(url: URL, parts: Parts) -> URL:
    mode = (parts.get("query") or {}).get("sslmode")
    return url.update_query_dict({"ssl": mode}) if mode else url
