"""`authservice db`: the schema, copies, checks, and what to do after a restore."""

import sys
from pathlib import Path

import click

from authservice import config
from authservice.cli import cli, local_backend, plainly, pool_ids, refuse_without_pools
from authservice.config import SettingsError


@cli.group()
def db():
    """The database."""


@db.command("upgrade", with_appcontext=False)
@plainly
def upgrade_database():
    """Bring the schema to the newest revision. Stop all workers first, and make a backup."""
    from authservice.local import database
    engine = _engine()
    before = database.revision(engine)
    database.upgrade(engine)
    after = database.revision(engine)
    click.echo(f"the schema is {after}" + (", as before" if before == after else f"; it was {before or 'empty'}"))


@db.command("downgrade", with_appcontext=False)
@click.argument("revision")
@click.confirmation_option(prompt="What only the newer schema holds is lost. Go on?")
@plainly
def downgrade_database(revision):
    """Take the schema back to an older REVISION, for an older version of this program."""
    from authservice.local import database
    engine = _engine()
    database.downgrade(engine, revision)
    click.echo(f"the schema is {database.revision(engine)}")


@db.command("check", with_appcontext=False)
@plainly
def check_database():
    """Walk through the tables and tell what should not be; exit code 1 if there is anything."""
    from authservice.local import invariants
    found = local_backend(config.load()).run(lambda work: list(invariants.violations(work)))
    for line in found:
        click.echo(line)
    click.echo(f"{len(found)} faults found" if found else "nothing is wrong")
    sys.exit(1 if found else 0)


@db.command("backup", with_appcontext=False)
@click.argument("file", type=click.Path(path_type=Path))
@plainly
def backup_database(file):
    """Copy the SQLite database into a new FILE, while the service runs.

    \b
    Example:
      authservice db backup backups/$(date +%F).db
    """
    from authservice.local import database
    engine = _engine()
    with click.progressbar(length=100, label="copying") as bar:
        database.backup(engine, file, lambda left, total: bar.update(100 - 100 * left // max(total, 1) - bar.pos))
    click.echo(f"copied to {file}; what is sealed in it opens with seal.key alone: keep a copy of that elsewhere")


@db.command(with_appcontext=False)
@click.confirmation_option(prompt="Everybody has to sign in again. Go on?")
@plainly
def restored():
    """After the database was restored from a copy: end whatever the copy brings back to life.

    Sign-ins, tokens, sessions, codes and waiting messages of before the copy end, and every pool gets new signing keys:
    the copy knows nothing of what was used, revoked or withdrawn after it was made.
    """
    from authservice.local import restoration
    backend = local_backend(config.load(database_timeout_seconds=0))
    with backend.trail.shell("EndRestoredSignIns"):
        backend.run(restoration.end_everything)
    for each in pool_ids(backend):
        with backend.trail.shell("RotateSigningKeys", userPoolId=each, compromised=True):
            backend.run(lambda work: restoration.withdraw_keys(work, each))
    click.echo("all sign-ins, tokens and codes have ended; all pools have new keys")


@db.command(with_appcontext=False)
@plainly
def sweep():
    """Remove what has expired: sessions, codes, tokens, counters; a running service does so too, bit by bit."""
    from authservice.local import housekeeping
    backend = local_backend(config.load())
    with click.progressbar(length=backend.run(housekeeping.waiting), label="removing") as bar:
        housekeeping.sweep(backend.run, bar.update)
    click.echo(f"{bar.pos} expired rows removed")


def _engine():
    from sqlalchemy.exc import DBAPIError
    from authservice.local import database
    settings = config.load()
    refuse_without_pools(settings)
    engine = database.open_engine(settings.sql_url)
    try:
        engine.connect().close()
    except DBAPIError as error:
        raise SettingsError(f"the database does not answer: {error.orig}") from None
    return engine
