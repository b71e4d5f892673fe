"""The command `authservice`: Flask's own CLI group, with what an operator of the service needs.

Owns the words of the shell. Works on the same backend as the doors. The commands about the database are in database.py.
"""

import gc
import json
import os
import socket
import sys
from datetime import timezone
from functools import wraps
from itertools import islice

import click
from flask.cli import FlaskGroup

from authservice import build_backend, config, figures
from authservice.config import Settings, SettingsError
from authservice.contract import OPERATOR, service
from authservice.errors import CognitoError


def _make_app():
    from authservice import create_app
    return create_app()


class Group(FlaskGroup):
    """Flask's own, which would make the app to see what it adds; it adds nothing, and --help must make no database."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return click.Group.list_commands(self, ctx)


@click.group(cls=Group, create_app=_make_app, add_default_commands=True)
def cli():
    """A reference authentication backend with Cognito-style user pools.

    \b
    Examples:
      authservice serve                       the service on http://localhost:8400
      authservice seed pools.toml             make the pools, clients and users of a file
      authservice call ListUserPools '{"MaxResults": 10}'
      authservice outbox                      the messages sent in development
      authservice keys rotate us-east-1_AbC123xYz
    """


def main():
    """The entry point of the command."""
    gc.set_threshold(20_000)  # what is loaded now stays: to look for garbage in it would take a tenth of the start
    cli.main(prog_name="authservice")


def plainly(command):
    """A mistake in the settings or a refused call is one line and exit code 1, not a trace."""

    @wraps(command)
    def run(*args, **given):
        try:
            return command(*args, **given)
        except (SettingsError, CognitoError, OSError) as error:
            raise click.ClickException(str(error)) from None

    return run


def local_backend(settings: Settings):
    refuse_without_pools(settings)
    return build_backend(settings)


def refuse_without_pools(settings: Settings) -> None:
    if settings.backend != "local":
        raise SettingsError("this command is for backend local; with cognito, Amazon keeps the pools")


@cli.command(with_appcontext=False)
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="TCP port (default 8400).")
@click.option("--workers", type=int, help="Worker processes (default 1).")
@click.option("--tls", is_flag=True, help="Serve https, with a local certificate authority under instance/tls.")
@plainly
def serve(host, port, workers, tls):
    """Serve by granian until interrupted.

    \b
    Examples:
      authservice serve --port 9000
      authservice serve --tls
      AUTHSERVICE_ACCESS_KEYS=AKIDEXAMPLE:secret authservice serve --host 0.0.0.0 --workers 2
    """
    given = {"host": host, "port": port, "workers": workers, "tls": tls}
    settings = config.load(**{name: value for name, value in given.items() if value})
    check_posture(settings)
    _check_port_is_free(settings)
    for name in ("host", "port", "workers", "tls", "public_url"):  # the worker processes read the settings anew
        os.environ[f"AUTHSERVICE_{name.upper()}"] = str(getattr(settings, name))
    _prepare(settings)
    figures.begin_anew(figures.folder_of(settings))
    certificate = _certificate(settings, settings.host)
    for line in posture(settings) + (certificate.how_to_trust() if certificate else []):
        click.echo(line)
    sys.stdout.flush()
    from authservice import serving
    serving.run("authservice.worker:create_app", settings.host, settings.port, certificate, settings.workers,
                settings.calls_at_once, settings.patience)


def _prepare(settings: Settings) -> None:
    """What one process must do before the workers start: the schema.

    Without the database the workers start nevertheless, say that they live, and do it when it is there.
    """
    backend = build_backend(settings)
    if settings.backend == "local":
        backend.close()


def check_posture(settings: Settings) -> None:
    """Refuse to open the admin operations to a network without access keys."""
    if not settings.on_loopback and not settings.access_keys:
        raise SettingsError(f"host {settings.host} is reachable from elsewhere: set AUTHSERVICE_ACCESS_KEYS=ID:SECRET "
                            "first (who may call admin operations), or listen on 127.0.0.1")


def posture(settings: Settings) -> list[str]:
    """The first lines of a start: where it is reached, and which conveniences are open."""
    from authservice import outbox
    lines = [f"authservice: {settings.public_url} (backend {settings.backend}, listening on "
             f"{settings.host}:{settings.port})"]
    if settings.access_keys:
        lines.append("admin operations: SigV4 signatures are verified against the access keys")
    else:
        lines.append("admin operations: any credentials are accepted, from this machine only (development)")
        if settings.backend == "cognito":
            lines.append("they are forwarded with your own AWS credentials")
        if not settings.for_this_machine:
            lines.append("before a proxy brings guests from elsewhere, set AUTHSERVICE_ACCESS_KEYS=ID:SECRET")
    if settings.backend == "local" and outbox.enabled(settings):
        lines.append(f"messages: shown at {settings.public_url}/outbox, not sent (development)")
    return lines


def _check_port_is_free(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SettingsError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; "
                                "choose another --port") from None


def _certificate(settings: Settings, host: str):
    """What to serve https with, made where it is missing; None without the setting `tls`."""
    if not settings.tls:
        return None
    from authservice import tls
    return tls.prepare(settings.instance, tls.wanted_names(settings, host))


@cli.command(with_appcontext=False)
@click.argument("operation")
@click.argument("request_json", metavar="JSON", default="{}")
@plainly
def call(operation, request_json):
    """Call one API operation as an operator, on whichever backend is set.

    \b
    Example:
      authservice call AdminGetUser '{"UserPoolId": "us-east-1_Demo00001", "Username": "demo@example.com"}'
    """
    contract = service()
    try:
        asked = contract.decode(operation, json.loads(request_json))
    except ValueError as error:
        raise click.ClickException(f"the request is not JSON: {error}") from None
    answer = build_backend(config.load()).call(operation, asked, OPERATOR)
    click.echo(contract.encode(answer, indent=2))


@cli.command(with_appcontext=False)
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@plainly
def seed(file):
    """Make the pools, app clients, groups and users that a TOML file describes. Run it as often as you like."""
    from authservice.local import seed as seeds
    try:
        report = seeds.apply(local_backend(config.load()), file)
    except seeds.SeedError as error:
        raise click.ClickException(str(error)) from None
    click.echo(report)


@cli.group(invoke_without_command=True)
@click.option("--to", help="Only messages to this address.")
@click.pass_context
@plainly
def outbox(context, to):
    """Show the messages that wait in the outbox, newest first."""
    if context.invoked_subcommand:
        return
    from authservice.local.messaging import outbox as messages
    for message in messages.recent(local_backend(config.load()), to):
        click.echo(f"{message['sent_at']}  {message['medium']:5}  {message['to']}  [{message['purpose']}]")
        click.echo(f"    {message['text']}\n")


@cli.command(with_appcontext=False)
@click.option("--name", help="Only events of this name, as SignUp or Token_POST.")
@click.option("--user", help="Only of this user: a sub or, with --pool, a name. What changed him or was refused to him.")
@click.option("--reads", is_flag=True, help="With --user, also what only looked at him (slow: looks into every event).")
@click.option("--pool", help="Only of this user pool.")
@click.option("--since", type=click.DateTime(), help="Only from this time on (UTC).")
@click.option("--limit", default=50, show_default=True, help="So many events at most.")
@click.option("--json", "as_json", is_flag=True, help="A JSON line an event, in CloudTrail's format.")
@plainly
def events(name, user, reads, pool, since, limit, as_json):
    """Look events up in the audit trail, newest first.

    \b
    Examples:
      authservice events --name InitiateAuth --since 2026-03-01
      authservice events --pool us-east-1_Demo00001 --user demo@example.com --json
    """
    from authservice.local import history
    since = since and since.replace(tzinfo=timezone.utc)

    def show(work) -> None:
        whom = history.sub_of(work, pool, user)
        for event in islice(history.look_up(work, name, whom, pool, since, reads), limit):
            click.echo(json.dumps(event) if as_json else history.in_a_line(event))

    local_backend(config.load()).run(show)


@outbox.command(with_appcontext=False)
@plainly
def deliver():
    """Try now to send what is due by SMTP."""
    sent = local_backend(config.load()).courier.deliver_due()
    click.echo(f"{sent} sent")


@cli.group()
def keys():
    """The signing keys of the pools."""


@keys.command(with_appcontext=False)
@click.argument("pool_id", required=False)
@click.option("--now", "at_once", is_flag=True, help="Sign with them at once.")
@click.option("--compromised", is_flag=True, help="And withdraw the old ones at once: a key is in wrong hands.")
@plainly
def rotate(pool_id, at_once, compromised):
    """Publish new keys (of all pools, or one); they sign as soon as nobody can hold an older list of keys.

    The old public keys stay published until their last token has expired. With --compromised they do not: every
    token that is out is refused from now on, and apps go on with their refresh tokens.
    """
    from authservice.local.accounts import directory
    from authservice.local.tokens import keys as ring

    backend = local_backend(config.load())
    gently = not (at_once or compromised)
    when = f"in {ring.PUBLISHED_FIRST.total_seconds() / 60:.0f} minutes" if gently else "from now on"
    fate = "are withdrawn" if compromised else "stay published until their tokens have expired"
    for each in [pool_id] if pool_id else pool_ids(backend):
        with backend.trail.shell("RotateSigningKeys", userPoolId=each, compromised=compromised):
            retired = backend.run(lambda work: ring.rotate(work, directory.pool(work, each), at_once, compromised))
        click.echo(f"{each}: new keys are published and sign {when}; {len(retired)} old ones {fate}")


@keys.command("list", with_appcontext=False)
@plainly
def list_keys():
    """Which keys sign, and which are only published."""
    from authservice.local.accounts import directory
    from authservice.local.tokens import keys as ring

    backend = local_backend(config.load())
    for pool_id in pool_ids(backend):
        for key, signs in backend.run(lambda work: ring.published(work, directory.pool(work, pool_id))):
            times = [] if signs or key.served_until else [f"signs from {key.signs_from:%Y-%m-%d %H:%M} UTC"]
            times += [f"published until {key.served_until:%Y-%m-%d %H:%M} UTC"] if key.served_until else []
            state = ", ".join((["signing"] if signs else []) + times)
            click.echo(f"{pool_id}  {key.use:6}  {key.kid}  {state}")


def pool_ids(backend) -> list[str]:
    from sqlalchemy import select
    from authservice.local.models import Pool
    return list(backend.run(lambda work: work.db.scalars(select(Pool.id).order_by(Pool.id)).all()))


@cli.command(with_appcontext=False)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=int, default=8401, help="TCP port.")
@click.option("--tls", is_flag=True, help="Serve https, and expect it of the service.")
@plainly
def demo(host, port, tls):
    """Serve the demo site, a small application that signs its users in here."""
    settings = config.load(**({"tls": True} if tls else {}))
    certificate = _certificate(settings, host)
    known = {"PUBLIC_URL": settings.public_url, "DEMO_URL": settings.demo_url}
    if certificate:
        known["DEMO_CA"] = str(certificate.authority)
    for name, value in known.items():  # all that the site learns of us, unless it was told otherwise
        os.environ.setdefault(f"AUTHSERVICE_{name}", value)
    from authservice import serving
    serving.run("authservice.demo:create_app", host, port, certificate)


from authservice.cli import database  # noqa: E402,F401  its commands register themselves
