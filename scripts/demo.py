"""Start everything with one command: python3 scripts/demo.py.

On a machine with nothing but Python 3.11 or newer: makes `.venv` and installs the project (bootstrap.py),
brings the database up to date, seeds a demo pool with fixed ids, starts the service and the demo site
(children.py), and prints what to click. Ctrl-C or SIGTERM stops both. It knows the service by its commands,
settings and URLs only; standard library only, and no syntax newer than Python 3.6 (see bootstrap.py).
"""
import bootstrap  # first: it is what refuses an old Python
from bootstrap import ROOT, fail, say

import argparse
import contextlib
import errno
import ipaddress
import os
import shlex
import signal
import socket
import sys
import tempfile
import tomllib
import urllib.parse
from pathlib import Path

from children import Child, run_to_end, stop, wait_until_ready, watch

SEED = ROOT / "authservice" / "demo" / "seed.toml"
DEFAULTS = {"host": "127.0.0.1", "port": 8400, "workers": 1, "backend": "local", "region": "us-east-1",
            "tls": False, "database_url": "", "access_keys": "", "smtp_url": "", "outbox": "auto", "public_url": "",
            "demo_url": "", "cognito_user_pool_id": "", "cognito_region": "", "cognito_endpoint_url": ""}
OWNED = ("authservice.db", "authservice.db-wal", "authservice.db-shm", "authservice.db-journal", "seal.key")
SCOPES = "openid email profile aws.cognito.signin.user.admin"
SWITCH = {"true": True, "1": True, "on": True, "yes": True, "false": False, "0": False, "off": False, "no": False}
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # all addresses, and the one to ask whether it answers
EXAMPLES = """examples:
  python3 scripts/demo.py                      service on port 8400, demo site on 8401
  python3 scripts/demo.py --port 9000          service on port 9000, demo site on 9001
  python3 scripts/demo.py --workers 2          two worker processes
  python3 scripts/demo.py --tls                both by https, as Amplify's hosted sign-in wants it
  python3 scripts/demo.py --reset              forget all users and keys first (asks)
  python3 scripts/demo.py --instance /tmp/try  keep database and keys in another folder
  AUTHSERVICE_ACCESS_KEYS=ID:SECRET python3 scripts/demo.py --host 0.0.0.0
                                               reachable from other machines
  AUTHSERVICE_COGNITO_USER_POOL_ID=... python3 scripts/demo.py --backend cognito
                                               the same doors, Amazon Cognito behind them

A flag wins over AUTHSERVICE_PORT and its like, and those over config.toml in the instance folder."""


def main():
    arguments = read_arguments()
    config = read_config(arguments)
    listen_for_the_end()
    children = []
    try:
        check_ports(config)
        check_writable(config["instance"])
        if arguments.reset:
            reset(config, arguments.yes)
        command = [str(bootstrap.prepare()), "-m", "authservice"]
        start(children, "demo", command, config, config["port"] + 1)
        if config["backend"] == "local":
            run_to_end([*command, "db", "upgrade"], environment_of(config))
            run_to_end([*command, "seed", str(SEED)], environment_of(config))
        start(children, "serve", command, config, config["port"], "--workers", str(config["workers"]))
        wait_until_ready(children)
        say("\n" + what_to_click(config))
        watch(children)
    except KeyboardInterrupt:
        say("\nStopping ..." if children else "\nStopped before anything was started.")
        sys.exit(0 if children else 130)
    finally:
        stop(children)


def listen_for_the_end():
    """Let SIGINT, SIGTERM and a closed terminal end this script the same way; nohup is respected."""
    def interrupt(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)  # a shell script's background job starts with it ignored
    signal.signal(signal.SIGTERM, interrupt)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, interrupt)


# --- settings -----------------------------------------------------------------------------------------------

def read_arguments():
    parser = argparse.ArgumentParser(
        description="Set up and start the service and its demo site; Ctrl-C stops both.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, help="port of the service; the demo site takes the next (8400)")
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--workers", type=int, help="worker processes of the service (1)")
    parser.add_argument("--tls", action="store_true", default=None,
                        help="https, by a certificate authority of this instance's own (folder tls)")
    parser.add_argument("--backend", choices=["local", "cognito"], help="who answers: our pools or Amazon")
    parser.add_argument("--instance", type=Path, metavar="DIR", help="folder of database and keys (instance)")
    parser.add_argument("--reset", action="store_true", help="first delete the demo's database and keys")
    parser.add_argument("--yes", action="store_true", help="do not ask before --reset deletes")
    return parser.parse_args()


def read_config(arguments):
    """Return the settings this script needs: flag, else environment, else config.toml, else default."""
    instance = arguments.instance or Path(os.environ.get("AUTHSERVICE_INSTANCE") or ROOT / "instance")
    instance = Path(os.path.abspath(os.path.expanduser(instance)))
    try:
        written = tomllib.loads((instance / "config.toml").read_text())
    except FileNotFoundError:
        written = {}
    except (OSError, ValueError) as error:
        fail("%s cannot be read: %s." % (instance / "config.toml", getattr(error, "strerror", None) or error))

    def setting(name, default):
        flag, variable = getattr(arguments, name, None), os.environ.get("AUTHSERVICE_" + name.upper())
        given = [value for value in (flag, variable, written.get(name)) if value not in (None, "")]
        return given[0] if given else default

    config = {name: setting(name, default) for name, default in DEFAULTS.items()}
    config["instance"] = instance
    config["host"] = "127.0.0.1" if config["host"] == "localhost" else config["host"]
    for name in ("port", "workers"):
        if not str(config[name]).isdigit() or int(config[name]) < 1:
            fail("%s: %s is not a positive whole number." % (name, config[name]))
        config[name] = int(config[name])
    if str(config["tls"]).lower() not in SWITCH:
        fail("tls: %s is neither true nor false." % config["tls"])
    config["tls"] = SWITCH[str(config["tls"]).lower()]
    if config["port"] > 65534:
        fail("port: %d is too high; it and the next one must be at most 65535." % config["port"])
    everywhere = config["host"] in EVERYWHERE
    name = "localhost" if everywhere or is_loopback(config["host"]) else bracketed(config["host"])
    config["public_url"] = config["public_url"] or "%s://%s:%d" % (scheme_of(config), name, config["port"])
    config["demo_url"] = config["demo_url"] or "%s://%s:%d" % (scheme_of(config), name, config["port"] + 1)
    return config


def scheme_of(config):
    """Return how the two are reached on their own ports; a proxy in front may make another of it."""
    return "https" if config["tls"] else "http"


def authority_of(config):
    """Return the file of the certificate authority to trust; it is made by the first start."""
    return config["instance"] / "tls" / "ca.pem" if config["tls"] else None


def is_loopback(host):
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def bracketed(host):
    return "[%s]" % host if ":" in host else host


def environment_of(config):
    """Return the environment of the commands: ours, with the settings that the flags and ports decide."""
    decided = {"AUTHSERVICE_" + name.upper(): str(config[name])
               for name in ("instance", "public_url", "demo_url", "backend")}
    found = {}
    if config["backend"] == "cognito":
        pool_id = config["cognito_user_pool_id"]
        region = config["cognito_region"] or pool_id.partition("_")[0]
        amazon = config["cognito_endpoint_url"] or "https://cognito-idp.%s.amazonaws.com" % region
        found = {"AUTHSERVICE_DEMO_ISSUER": "%s/%s" % (amazon.rstrip("/"), pool_id),
                 "AUTHSERVICE_DEMO_API": config["public_url"], "AUTHSERVICE_DEMO_OUTBOX": ""}
    decided["AUTHSERVICE_TLS"] = "1" if config["tls"] else "0"
    return {**found, **os.environ, **decided, "PYTHONUNBUFFERED": "1"}


# --- before the start ---------------------------------------------------------------------------------------

def check_ports(config):
    """Refuse, in one line, a port that another program has, or an address this machine has not."""
    for port, whose in ((config["port"], "the service"), (config["port"] + 1, "the demo site")):
        try:
            found = socket.getaddrinfo(config["host"], port, type=socket.SOCK_STREAM)
        except OSError as error:
            fail("host %s: %s." % (config["host"], error.strerror))
        refused = [bind_error(family, address) for family, _, _, _, address in found]
        refused = [error for error in refused if error]
        # One of a name's addresses may be missing here (::1 where there is no IPv6), none may be taken.
        if len(refused) == len(found) or errno.EADDRINUSE in refused:
            fail("port %d (%s) on %s cannot be used: %s. Another one: --port N takes N and N+1."
                 % (port, whose, config["host"], os.strerror(refused[0])))


def bind_error(family, address):
    """Return the error number of listening at this address, None when it can be done."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # there this option would let us share a taken port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return error.errno
        return None
    return errno.EAFNOSUPPORT


def check_writable(instance):
    try:
        instance.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=instance):
            pass
    except OSError as error:
        fail("the instance folder %s cannot be written to: %s. Another one: --instance DIR."
             % (instance, error.strerror))


def reset(config, sure):
    """Delete the database and key of this instance, and nothing else, after asking.

    The certificate authority stays: it knows no user, and whoever trusts it would have to do so anew.
    """
    if config["database_url"]:
        fail("--reset deletes a SQLite file of the instance folder only; this instance's database is "
             "elsewhere (database_url), and its contents would be unreadable without the key.")
    files = [path for path in (config["instance"] / name for name in OWNED) if path.is_file()]
    if not files:
        say("Nothing to reset in %s." % config["instance"])
        return
    if not sure:
        if not sys.stdin.isatty():
            fail("--reset asks before it deletes; where there is no terminal, add --yes.")
        names = ", ".join(path.name for path in files)
        answer = input("Delete %s in %s, with all users and keys? [y/N] " % (names, config["instance"]))
        if answer.strip().lower() not in ("y", "yes"):
            fail("nothing was deleted, nothing was started.")
    for path in files:
        path.unlink()
    kept = (config["instance"] / "tls").is_dir()
    say("Deleted the database and key in %s%s." % (
        config["instance"], "; the certificate authority in tls is kept, for those who trust it" if kept else ""))


def start(children, name, command, config, port, *options):
    """Start `authservice NAME` on this port and add it to the children."""
    host = EVERYWHERE.get(config["host"], config["host"])
    address = "%s://%s:%d" % (scheme_of(config), bracketed(host), port)
    children.append(Child("authservice " + name, address, authority_of(config)))
    listen = ["--host", config["host"], "--port", str(port)]
    children[-1].start([*command, name, *listen, *options], environment_of(config))


# --- what to click ------------------------------------------------------------------------------------------

def what_to_click(config):
    """Return the lines that end the start: URLs, the demo user, and how to point a program here."""
    service, site = config["public_url"], config["demo_url"]
    lines = ["Ready. Ctrl-C stops it.", ""]
    if config["backend"] == "local":
        pool, client, user = read_seed()
        outbox = is_loopback(config["host"]) and config["outbox"] == "auto" and not config["smtp_url"]
        login = urllib.parse.urlencode({"client_id": client["id"], "response_type": "code", "scope": SCOPES,
                                        "redirect_uri": site + "/callback"}, safe=":/")
        pool_id = pool["id"]
        lines += ["  Demo site          %s/" % site,
                  "  Hosted login page  %s/login?%s" % (service, login),
                  "  Outbox (messages)  %s" % (service + "/outbox" if outbox else "authservice outbox"),
                  "  Discovery          %s/%s/.well-known/openid-configuration" % (service, pool_id),
                  "  Demo user          %s, password %s" % (user["username"], user["password"]),
                  "  App client         %s" % client["id"]]
    else:
        pool_id = config["cognito_user_pool_id"]
        lines += ["  Demo site          %s/" % site,
                  "  User pool          %s, at Amazon Cognito" % pool_id,
                  "  The demo site signs in with the app client AUTHSERVICE_DEMO_CLIENT_ID; it needs the",
                  "  callback URL %s/callback." % site]
    key, secret = ("ID", "SECRET") if config["access_keys"] else ("any", "any")
    verify = ", verify=%r" % str(authority_of(config)) if config["tls"] else ""
    trust = "AWS_CA_BUNDLE=%s " % shlex.quote(str(authority_of(config))) if config["tls"] else ""
    lines += ["", "  From Python:  boto3.client('cognito-idp', endpoint_url='%s'%s," % (service, verify),
              "                             region_name='%s', aws_access_key_id='%s',"
              % (config["region"], key),
              "                             aws_secret_access_key='%s')" % secret,
              "  From a shell: %saws cognito-idp list-users --user-pool-id %s --endpoint-url %s"
              % (trust, pool_id, service)]
    if config["tls"]:
        lines += ["  A browser:    one with a profile for this alone, by the command above; README, \"https\""]
    if config["backend"] == "local" and not is_loopback(config["host"]):
        lines += ["", "  Other machines reach this; the demo pool's passwords and secrets are known to all."]
    return "\n".join(lines + [""])


def read_seed():
    """Return the demo's pool, the app client of the demo site, and a user with a password."""
    with open(SEED, "rb") as file:
        pool = tomllib.load(file)["pool"][0]
    here = "${demo_url}/callback"
    client = next(client for client in pool["client"] if here in client["settings"].get("CallbackURLs", []))
    return pool, client, next(user for user in pool["user"] if "password" in user)


if __name__ == "__main__":
    main()
