"""A seed: pools, app clients, groups, resource servers and users that a TOML file describes.

What is missing is made, what is there is brought in line, nothing is deleted; a second
run changes nothing. Owns that comparison. Does not own the form of the file
(seed_file.py) nor how anything is made: the functions of the API's operations do it.

A seed is one call: everything is worked out and hashed first, without a lock, and
written by its commit, all or nothing. So what one table adds is not yet in the
database when the next is looked at, and rows are passed along instead.
"""

from dataclasses import dataclass, field
from pathlib import Path

from authservice.local.accounts import directory, passwords, pool_settings, profile, registration, schema
from authservice.local.backend import LocalBackend
from authservice.local.call import Call
from authservice.local.models import AppClient, Domain, Group, Membership, Pool, ResourceServer, User
from authservice.local.operations import clients, domains, groups, pools, resource_servers
from authservice.local.seed_file import SeedError, Table, read
from authservice.local.tokens import refresh

__all__ = ["Report", "SeedError", "apply"]

TOTP = "SOFTWARE_TOKEN_MFA"
FIXED = "cannot be changed once it is made"


@dataclass
class Report:
    """What a seed did, as lines like `user pool us-east-1_abc`."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"created {what}" for what in self.created] + [f"updated {what}" for what in self.updated]
        return "\n".join([*lines, f"{len(self.unchanged)} unchanged"])

    def add(self, what: str, created: bool, changed: bool) -> None:
        (self.created if created else self.updated if changed else self.unchanged).append(what)


def apply(backend: LocalBackend, path: str | Path) -> Report:
    """Make the database hold what the file describes; answers what that took.

    ${public_url} and ${demo_url} in the file are the settings of that name. Raises SeedError with the place
    of the first mistake, and then writes nothing.
    """
    settings = backend.settings
    tables = read(path, {"public_url": settings.public_url, "demo_url": settings.demo_url})
    with backend.trail.shell("Seed", pools=[table["id"] for table in tables]):
        return backend.run(lambda call: Seeding(call).all(tables))


class Seeding:
    """One run of a seed in one call."""

    def __init__(self, call: Call):
        self.call = call
        self.report = Report()
        self.claimed: dict[tuple, str] = {}
        """What the file has named so far, and where: a second claim to the same name is a mistake."""

    def all(self, tables: list[Table]) -> Report:
        for table in tables:
            self._claim_once(table, "id", "pool", table["id"])
            pool = self._pool(table)
            if "domain" in table:
                self._domain(table, pool)
            scopes = resource_servers.custom_scopes(self.call, pool)
            for each in table.get("resource_server", []):
                scopes |= resource_servers.scopes_of(self._resource_server(each, pool))
            for each in table.get("client", []):
                self._client(each, pool, scopes)
            names = {self._group(each, pool).name for each in table.get("group", [])}
            for each in table.get("user", []):
                self._user(each, pool, names)
        return self.report

    def _claim_once(self, table: Table, key: str, *name) -> None:
        first = self.claimed.setdefault(name, table.place)
        if first != table.place:
            raise table.mistake(key, f"is the same as of {first.partition(': ')[2]}")

    def _pool(self, table: Table) -> Pool:
        pool = self.call.db.get(Pool, table["id"])
        settings, mfa = table.get("settings", {}), table.get("mfa")
        request, changed = {**settings, "PoolName": table["name"]}, False
        with table.at("settings"):
            if created := pool is None:
                pool = pools.new_pool(self.call, request, pool_id=table["id"])
            else:
                self._check_fixed(table, pool, settings)
                changed = self._bring_pool_in_line(table, pool, request)
        if created and mfa is not None:
            with table.at("mfa"):
                pools.set_mfa(self.call, pool, mfa)
        self.report.add(f"user pool {pool.id}", created, changed)
        return pool

    def _check_fixed(self, table: Table, pool: Pool, settings: dict) -> None:
        for member in pool_settings.FOR_GOOD:
            if (settings.get(member) or None) != pool.settings.get(member):
                raise table.mistake(f"settings.{member}", FIXED)

    def _bring_pool_in_line(self, table: Table, pool: Pool, request: dict) -> bool:
        """UpdateUserPool, AddCustomAttributes and SetUserPoolMfaConfig in one; omitted MFA stays as it is."""
        settings = pool_settings.complete(request, before=pool)
        mfa = dict(pool.mfa)
        if "MfaConfiguration" in request:
            mfa = pool_settings.mfa_by_pool_settings(request, settings, before=pool)
        if "mfa" in table:
            with table.at("mfa"):
                mfa = pool_settings.mfa_by_request(table["mfa"], settings, mfa)
        return pools.change(self.call, pool, name=request["PoolName"], mfa=mfa,
                            settings=pool_settings.with_sms_factor(settings, mfa),
                            schema=self._extended_schema(table, pool, request.get("Schema", [])))

    def _extended_schema(self, table: Table, pool: Pool, given: list[dict]) -> list[dict]:
        """The pool's schema with the custom attributes it lacks; the others must be what the file says."""
        existing = {entry["Name"]: entry for entry in pool.schema}
        named = {entry.get("Name") for entry in given}
        missing = []
        for entry in schema.of_new_pool(given):
            name, custom = entry["Name"], schema.custom([entry])
            if name not in existing:
                missing.append(entry)
            elif (custom or name in named) and existing[name] != entry:
                raise table.mistake("settings.Schema", f"the attribute {name} {FIXED}")
        return [*pool.schema, *missing]

    def _domain(self, table: Table, pool: Pool) -> None:
        name = table["domain"]
        self._claim_once(table, "domain", "domain", name)
        domain = self.call.db.get(Domain, name)
        if created := domain is None or domain.pool_id != pool.id:
            with table.at("domain"):
                domains.new_domain(self.call, pool, {"Domain": name})
        self.report.add(f"domain {name}", created, changed=False)

    def _resource_server(self, table: Table, pool: Pool) -> ResourceServer:
        self._claim_once(table, "identifier", "resource server", pool.id, table["identifier"])
        server = self.call.db.get(ResourceServer, (pool.id, table["identifier"]))
        request = {"Identifier": table["identifier"], "Name": table["name"],
                   "Scopes": table.get("scopes", [])}
        changed = False
        with table.at("scopes"):
            if created := server is None:
                server = resource_servers.new_resource_server(pool, request)
                self.call.db.add(server)
            else:
                changed = resource_servers.update(server, request)
        self.report.add(f"resource server {server.identifier}", created, changed)
        return server

    def _client(self, table: Table, pool: Pool, scopes: set[str]) -> None:
        self._claim_once(table, "id", "client", table["id"])
        client = directory.find_client(self.call, table["id"])
        request, changed = {**table.get("settings", {}), "ClientName": table["name"]}, False
        if client is not None and client.pool_id != pool.id:
            raise table.mistake("id", "belongs to another user pool")
        with table.at("settings"):
            if created := client is None:
                clients.new_client(self.call, pool, request, table["id"], table.get("secret"), scopes)
            else:
                changed = self._secret(client, table.get("secret"), request.get("GenerateSecret", False))
                changed |= clients.update(self.call, client, request, scopes)
        self.report.add(f"app client {table['id']}", created, changed)

    def _secret(self, client: AppClient, secret: str | None, wanted: bool) -> bool:
        known = [self.call.vault.read_text(row, "secret") for row in client.secrets]
        if secret in known or secret is None and (known or not wanted):
            return False
        if known:
            self.call.vault.keep(client.secrets[0], "secret", secret)
        else:
            clients.add_secret(self.call, client, secret)
        return True

    def _group(self, table: Table, pool: Pool) -> Group:
        self._claim_once(table, "name", "group", pool.id, table["name"])
        group = self.call.db.get(Group, (pool.id, table["name"]))
        keys = {"Description": "description", "RoleArn": "role_arn", "Precedence": "precedence"}
        request = {member: table[key] for member, key in keys.items() if key in table}
        changed = False
        if created := group is None:
            group = groups.new_group(self.call, pool, {"GroupName": table["name"], **request})
            self.call.db.add(group)
        else:
            changed = groups.update(self.call, group, request)
        self.report.add(f"group {group.name}", created, changed)
        return group

    def _user(self, table: Table, pool: Pool, group_names: set[str]) -> None:
        if "password" in table and "temporary_password" in table:
            raise table.mistake("temporary_password", "there is a password already")
        user = directory.find_user(self.call, pool, table["username"])
        with table.at("attributes"):
            attributes = profile.read(pool, [
                {"Name": name, "Value": value if isinstance(value, str) else str(value).lower()}
                for name, value in table.get("attributes", {}).items()])
            registration.name_as_attribute(pool, table["username"], attributes)
            if "password" in table:
                profile.check_required(pool, {**(user.attributes if user else {}), **attributes})
        changed = False
        if created := user is None:
            user = self._new_user(table, pool, attributes)
        else:
            changed = self._bring_user_in_line(table, user, attributes)
        changed |= self._password(table, user) | self._totp(table, user) | self._enabled(table, user)
        changed |= self._memberships(table, user, group_names)
        if changed and not created:
            user.modified_at = self.call.now
        for name in user.names:
            if name.signs_in:
                self._claim_once(table, "username", "sign-in name", pool.id, name.key)
        self.report.add(f"user {table['username']}", created, changed)

    def _new_user(self, table: Table, pool: Pool, attributes: dict[str, str]) -> User:
        if not ("password" in table or "temporary_password" in table):
            raise table.mistake("password", "is missing: a new user needs one, or a temporary_password")
        if "sub" in table:
            self._claim_once(table, "sub", "sub", table["sub"])
            if self.call.db.get(User, table["sub"]):
                raise table.mistake("sub", "belongs to another user")
        with table.at("username"):
            profile.check_username(pool, table["username"])
            return registration.new_user(self.call, pool, table["username"], attributes,
                                         "FORCE_CHANGE_PASSWORD", sub=table.get("sub"))

    def _bring_user_in_line(self, table: Table, user: User, attributes: dict[str, str]) -> bool:
        if table.get("sub", user.id) != user.id:
            raise table.mistake("sub", FIXED)
        changes = {name: value for name, value in attributes.items()
                   if user.attributes.get(name, "") != value}
        with table.at("attributes"):
            profile.check_mutable(user.pool, changes)
            profile.change(user, changes)
            directory.index(self.call, user)
        return bool(changes)

    def _password(self, table: Table, user: User) -> bool:
        """Set what is not right yet; a temporary one only until the user has chosen his own."""
        permanent = "password" in table
        password = table.get("password", table.get("temporary_password"))
        if password is None or not permanent and user.status != "FORCE_CHANGE_PASSWORD":
            return False
        status = "CONFIRMED" if permanent else "FORCE_CHANGE_PASSWORD"
        right = user.password_hash is not None and passwords.is_right(self.call, user, password)
        if right and user.status == status:
            return False
        if not right:
            with table.at("password" if permanent else "temporary_password"):
                passwords.check_policy(user.pool, password, passwords.CREATING)
            passwords.set_password(self.call, user, password)
        user.status = status
        return True

    def _totp(self, table: Table, user: User) -> bool:
        """Give the user a verified authenticator secret, and make it the factor asked for."""
        if "totp_secret" not in table:
            return False
        if not user.pool.totp_enabled:
            raise table.mistake("totp_secret", "the pool's MFA has no software token")
        known = user.totp_secret is not None and self.call.vault.read_text(user, "totp_secret")
        if known == table["totp_secret"] and TOTP in user.mfa_methods and user.mfa_preferred == TOTP:
            return False
        if known != table["totp_secret"]:
            self.call.vault.keep(user, "totp_secret", table["totp_secret"])
            user.totp_pending, user.totp_step = None, 0
        user.mfa_methods = [*(method for method in user.mfa_methods if method != TOTP), TOTP]
        user.mfa_preferred = TOTP
        return True

    def _enabled(self, table: Table, user: User) -> bool:
        if table.get("enabled", user.enabled) == user.enabled:
            return False
        user.enabled = table["enabled"]
        if not user.enabled:
            refresh.revoke_all(self.call, user)
        return True

    def _memberships(self, table: Table, user: User, group_names: set[str]) -> bool:
        changed = False
        for name in dict.fromkeys(table.get("groups", [])):
            if name not in group_names and not self.call.db.get(Group, (user.pool_id, name)):
                raise table.mistake("groups", f"there is no group {name} in this pool")
            if not self.call.db.get(Membership, (user.id, user.pool_id, name)):
                self.call.db.add(Membership(user_id=user.id, pool_id=user.pool_id, group_name=name))
                changed = True
        return changed
