"""Every setting: its name, default, unit and meaning. Nothing else reads the environment.

A value comes from the default here, then `config.toml` in the instance folder,
then the environment variable `AUTHSERVICE_` + the name in capitals; the later
wins. What differs from pool to pool is not a setting: it is the pool's own data.
"""

import os
import tomllib
from dataclasses import dataclass, field, fields
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what is wanted."""


def setting(default, meaning: str):
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Settings:
    """The settings of one installation."""

    instance: Path = setting(Path("instance"), "folder of this installation: config.toml, database, seal.key")
    public_url: str = setting("http://localhost:8400", "where guests reach the service; drives issuer, "
                              "discovery, redirects and links, whatever Host a request carries")
    database_url: str = setting("", "SQLAlchemy URL; empty: authservice.db (SQLite) in the instance folder")
    database_timeout_seconds: int = setting(5, "how long a call waits for the database: to connect, for a lock, for a "
                                            "statement; then it answers 503")
    database_replica_urls: str = setting("", "SQLAlchemy URLs of streaming replicas, comma separated: what only lists is "
                                         "read there")
    database_replica_lag_seconds: int = setting(2, "how far behind a replica may be; one that is further is not asked")
    counters_url: str = setting("", "where failures and rate limits are counted: redis://host:port/0, rediss://… or "
                                "unix://… (the extra authservice[redis]); empty: in the database")
    source_failures: int = setting(300, "failed sign-ins and wrong codes an hour from one address, for IPv6 from one /64; "
                                   "then nobody there signs in for 15 minutes; 0: no limit")
    source_exempt: str = setting("127.0.0.0/8, ::1", "networks that this is not for, comma separated")
    quotas: str = setting("off", "cognito: its default requests a second in each category of operations, then "
                          "TooManyRequestsException; each worker's own count unless counters_url is set; or off")
    trusted_proxies: int = setting(0, "proxies before the service, each of which adds where it was asked from to "
                                   "X-Forwarded-For; 0: that header is not believed")
    backend: str = setting("local", "who answers: local (our own pools) or cognito (Amazon's)")
    host: str = setting("127.0.0.1", "address to listen on; anything but loopback needs access_keys")
    port: int = setting(8400, "TCP port to listen on")
    tls: bool = setting(False, "serve https with a certificate of our own making, in the folder tls of the instance; "
                        "else https is a proxy's to end")
    workers: int = setting(1, "worker processes")
    threads: int = setting(0, "calls that a worker works on at once: waiting for the database or for a hash they leave "
                           "the core to others, signing they do not; 0: 4, with PostgreSQL 8")
    patience: int = setting(20, "seconds that a request may take to arrive, and a connection may be idle; behind a proxy "
                            "more than the proxy keeps its own idle")
    region: str = setting("us-east-1", "region named in ARNs and in new pool ids")
    account_id: str = setting("000000000000", "AWS account id named in ARNs")
    access_keys: str = setting("", "ID:SECRET, comma separated: who may call admin operations by SigV4; "
                               "empty: any credentials, on loopback only")
    oidc: str = setting("cognito", "where Cognito and the OAuth and OpenID specifications cannot both be had: "
                        "cognito, or strict (the specifications, and RFC 9700's advice as rules)")
    outbox: str = setting("auto", "the page /outbox: auto (on loopback, while no smtp_url is set) or off")
    smtp_url: str = setting("", "smtp://user:password@host:port, smtps://…, or …?starttls=1; "
                            "empty: messages stay in the outbox")
    mail_from: str = setting("no-reply@authservice.local", "sender address of mail")
    argon2_memory_kib: int = setting(19456, "argon2id memory in KiB")
    argon2_time: int = setting(2, "argon2id passes")
    argon2_parallelism: int = setting(1, "argon2id lanes")
    metrics_token: str = setting("", "who may read /metrics: whoever presents it as a Bearer token; empty: this machine alone")
    log_level: str = setting("INFO", "least level written to the log")
    audit: str = setting("all", "which calls the audit trail has: all, changes (only what changes or is refused), or off")
    audit_days: int = setting(90, "days that its events stay in the database")
    audit_log: str = setting("", "file, in the instance folder, that it is also written to, a JSON line an event; "
                             "empty: none")
    demo_url: str = setting("http://localhost:8401", "where the demo site runs; fills ${demo_url} in a seed")
    cognito_user_pool_id: str = setting("", "the real user pool, for backend cognito")
    cognito_region: str = setting("", "its region; empty: from the pool id")
    cognito_profile: str = setting("", "AWS profile; empty: the usual credential chain")
    cognito_endpoint_url: str = setting("", "another endpoint than Amazon's, for tests")
    cognito_domain: str = setting("", "https://… of the pool's domain, for browser flows")

    @property
    def sql_url(self) -> str:
        return self.database_url or f"sqlite:///{(self.instance / 'authservice.db').resolve()}"

    @property
    def calls_at_once(self) -> int:
        """Calls that a worker works on at once. Those that wait for PostgreSQL share its answers: it takes some."""
        return self.threads or (4 if self.sql_url.startswith("sqlite") else 8)

    @property
    def replica_urls(self) -> list[str]:
        return [url.strip() for url in self.database_replica_urls.split(",") if url.strip()]

    @property
    def on_loopback(self) -> bool:
        return self.host in LOOPBACK

    @property
    def strict_oidc(self) -> bool:
        """Whether the OAuth endpoints follow the specifications where Cognito does not."""
        return self.oidc == "strict"

    @property
    def https(self) -> bool:
        """Whether guests reach us by https: decided by the public URL, never by a request's headers."""
        return self.public_url.startswith("https://")

    @property
    def for_this_machine(self) -> bool:
        """Whether guests reach us under a name of the machine they sit at."""
        return is_loopback_name(urlsplit(self.public_url).hostname)

    @property
    def hsts(self) -> bool:
        """Whether browsers are told to use nothing but https here. Never under this machine's own names, where
        they would refuse plain http on every other port too."""
        return self.https and not self.for_this_machine

    @cached_property
    def exempt_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks where no failures are counted by address."""
        try:
            return tuple(ip_network(text.strip()) for text in self.source_exempt.split(",") if text.strip())
        except ValueError as error:
            raise SettingsError(f"source_exempt: {error}") from None

    @property
    def keys_by_id(self) -> dict[str, str]:
        """The access keys as {access key id: secret}."""
        keys = dict(pair.strip().partition(":")[::2] for pair in self.access_keys.split(",") if self.access_keys)
        if not all(key and secret for key, secret in keys.items()):
            raise SettingsError("access_keys: write ID:SECRET pairs, separated by commas")
        return keys


LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def is_loopback_name(host: str) -> bool:
    return host in LOOPBACK or host.endswith(".localhost")


def load(**given) -> Settings:
    """Read the settings: defaults, then config.toml, then AUTHSERVICE_*, then what is given here.

    Raises SettingsError for an unknown name, a value of the wrong type or a file that is not TOML.
    """
    instance = Path(given.get("instance") or os.environ.get("AUTHSERVICE_INSTANCE") or "instance")
    known = {f.name: f for f in fields(Settings)}
    values = {**_from_file(instance / "config.toml"), **_from_environment(known), **given, "instance": instance}
    for name in values:
        if name not in known:
            raise SettingsError(f"{name}: no such setting (known: {', '.join(sorted(known))})")
    values = {name: _typed(known[name], value) for name, value in values.items()}
    scheme = "https" if values.get("tls") else "http"
    for name, port in (("public_url", values.get("port") or Settings.port), ("demo_url", 8401)):
        values[name] = values.get(name) or f"{scheme}://localhost:{port}"
    settings = Settings(**values)
    _check(settings)
    return settings


def _from_file(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text()) if path.is_file() else {}
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None


def _from_environment(known: dict) -> dict:
    named = {name: os.environ.get(f"AUTHSERVICE_{name.upper()}") for name in known}
    return {name: value for name, value in named.items() if value is not None}


SWITCH = {"true": True, "1": True, "on": True, "yes": True, "false": False, "0": False, "off": False, "no": False,
          "": False}


def _typed(known, value):
    try:
        if isinstance(known.default, bool):
            return SWITCH[str(value).lower()]
        return type(known.default)(value)
    except (KeyError, TypeError, ValueError):
        wanted = type(known.default).__name__
        raise SettingsError(f"{known.name}: {value!r} is not {wanted}; it is the {known.metadata['meaning']}") from None


def _check(settings: Settings) -> None:
    if settings.backend not in ("local", "cognito"):
        raise SettingsError(f"backend: {settings.backend!r} is neither local nor cognito")
    if settings.oidc not in ("cognito", "strict"):
        raise SettingsError(f"oidc: {settings.oidc!r} is neither cognito nor strict")
    if settings.audit not in ("all", "changes", "off"):
        raise SettingsError(f"audit: {settings.audit!r} is none of all, changes and off")
    if settings.strict_oidc and settings.backend != "local":
        raise SettingsError("oidc: strict is for backend local; with cognito, Amazon's own domain answers")
    if not settings.public_url.startswith(("http://", "https://")):
        raise SettingsError(f"public_url: {settings.public_url!r} must start with http:// or https://")
    if settings.public_url.endswith("/"):
        raise SettingsError("public_url: leave out the slash at the end")
    for name in ("public_url", "demo_url"):
        _check_names_a_host(name, getattr(settings, name))
    if settings.counters_url and not settings.counters_url.startswith(("redis://", "rediss://", "unix://")):
        raise SettingsError("counters_url: it must start with redis://, rediss:// or unix://")
    if settings.tls and not settings.https:
        raise SettingsError(f"public_url: {settings.public_url!r} must start with https://, since tls is on")
    if settings.quotas not in ("off", "cognito"):
        raise SettingsError(f"quotas: {settings.quotas!r} is neither off nor cognito")
    if min(settings.source_failures, settings.trusted_proxies, settings.threads) < 0:
        raise SettingsError("source_failures, trusted_proxies and threads: 0 or more")
    settings.keys_by_id
    settings.exempt_networks


def _check_names_a_host(name: str, url: str) -> None:
    try:
        found = urlsplit(url).hostname
    except ValueError:
        found = None
    if not found:
        raise SettingsError(f"{name}: {url!r} names no host")
