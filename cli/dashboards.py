"""What Grafana may read of the database: the views in sql/dashboards.sql, and the role that may see them.

The views stand across the services' schemas, and PostgreSQL refuses to change a column that a view
shows. So they are taken down where migrations are missing, and put up anew afterwards.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import asyncpg

from services.chassis.database import CONNECT_TIMEOUT_S, explained
from services.chassis.errors import SetupError

SCHEMA = "dashboards"
ROLE = "aiartist_grafana"
_VIEWS = Path(__file__).parent / "sql" / "dashboards.sql"
_ITERATIONS = 4_096
_TRIES = 5
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Looks, and not for long: one dashboard that is left open must not tire the database. A new role may do
# nothing yet; to say so once more would need rights that the owner of a managed database does not have.
_ROLE = f"""
ALTER ROLE {ROLE} CONNECTION LIMIT 10;
ALTER ROLE {ROLE} SET default_transaction_read_only = on;
ALTER ROLE {ROLE} SET statement_timeout = '10s';
ALTER ROLE {ROLE} SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE {ROLE} SET search_path = {SCHEMA};
ALTER ROLE {ROLE} LOGIN PASSWORD '{{verifier}}';
"""
_MAY_TOO_MUCH = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
       OR EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid) AS too_much
FROM pg_roles WHERE rolname = $1
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext($1))"
_MORE_THAN_VIEWS = f"""
SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('{SCHEMA}') AND relkind <> 'v')
"""
_GRANTS = f"""
GRANT USAGE ON SCHEMA {SCHEMA} TO {ROLE};
GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {ROLE};
"""


def check_password(password: str | None) -> None:
    """SetupError where it can't be used: asked before anything is changed."""
    if password is not None and not (password.isascii() and password.isprintable()):
        raise SetupError("AIARTIST_GRAFANA_PASSWORD: must be printable ASCII; `make secrets` makes one")


async def take_down(dsn: str) -> None:
    """Removes the views, so that nothing stands in a migration's way. SetupError as of `put_up`."""

    async def work(connection: Connection) -> None:
        await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")

    await _alone(dsn, work)


async def put_up(dsn: str, password: str | None) -> None:
    """Makes the views anew. With a password, the role may log in with it; without, it stays as it is.

    SetupError where the database's user may not make roles, the role may do more than read, or somebody
    else keeps tables in a schema of the name.
    """

    async def work(connection: Connection) -> None:
        await connection.execute(_VIEWS.read_text(encoding="utf-8"))
        role = await connection.fetchrow(_MAY_TOO_MUCH, ROLE)
        if role is not None and role["too_much"]:
            raise SetupError(
                f"the role {ROLE} may do more than read, and Grafana would log in with it; "
                "take its attributes and memberships away, or drop it, then migrate again"
            )
        if password is not None:
            await _give_role(connection, password, is_there=role is not None)
        if role is not None or password is not None:
            await connection.execute(_GRANTS)

    await _alone(dsn, work)


async def _give_role(connection: Connection, password: str, *, is_there: bool) -> None:
    try:
        if not is_there:
            await connection.execute(f"CREATE ROLE {ROLE} NOLOGIN")
        await connection.execute(_ROLE.format(verifier=scram_verifier(password, secrets.token_bytes(16))))
    except asyncpg.InsufficientPrivilegeError as error:
        raise SetupError(
            f"the database's user may not make the role {ROLE} for Grafana: {error}; "
            "give it CREATEROLE, or unset AIARTIST_GRAFANA_PASSWORD and make the role yourself"
        ) from error


async def _alone(dsn: str, work: Callable[[Connection], Awaitable[None]]) -> None:
    """Does it in a transaction that no other process's does the same beside."""
    async with explained(dsn):
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        for tries_left in reversed(range(_TRIES)):
            try:
                async with connection.transaction():
                    await connection.execute(_ONE_AT_A_TIME, f"migrate {SCHEMA}")
                    await _refuse_what_is_not_ours(connection)
                    await work(connection)
                return
            except asyncpg.DeadlockDetectedError:
                # Views are dropped one by one, and a query of several came in between.
                if not tries_left:
                    raise
    finally:
        await connection.close()


async def _refuse_what_is_not_ours(connection: Connection) -> None:
    if await connection.fetchval(_MORE_THAN_VIEWS):
        raise SetupError(
            f"the database has a schema {SCHEMA} with more than views in it, which are not aiartist's and "
            "would be dropped; rename it, or use another database"
        )


def scram_verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), so that the password itself is in no statement.

    The password in ASCII, where SASLprep changes nothing.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *encoded)
