"""An exchange as a curl command, to be tried from a shell.

Secrets stand in it as shell variables: what nobody may read on a page is not in it. Neighbours: exchange.py asks
for it, journey.py says which names are secret.
"""
import json as json_module
import re
import shlex

from authservice.demo.journey import HIDDEN, SHORTENED


def command(method: str, url: str, *, headers: dict | None = None, form: dict | None = None,
            json: dict | None = None, ca: str = "") -> str:
    """The lines to paste into a POSIX shell; `ca` is the file of a certificate authority to trust."""
    parts = [f"curl -i {'' if method == 'GET' else f'-X {method} '}{shlex.quote(url)}"]
    parts += [f"--cacert {shlex.quote(ca)}"] if ca else []
    parts += [f"-H {_quoted(f'{name}: ', name, value)}" for name, value in (headers or {}).items()]
    parts += [f"--data-urlencode {_quoted(f'{name}=', name, value)}" for name, value in (form or {}).items()]
    if json is None:
        return " \\\n  ".join(parts)
    body = json_module.dumps(_with_variables("", json), indent=2, ensure_ascii=False)
    return " \\\n  ".join([*parts, f"--data @- <<END\n{_in_heredoc(body)}\nEND"])


def variable(name: str) -> str:
    """The shell variable that stands for a secret: ACCESS_TOKEN for access_token, AccessToken, Authorization."""
    name = "AccessToken" if name == "Authorization" else name
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def _is_secret(name: str) -> bool:
    return name in HIDDEN or name in SHORTENED


def _quoted(start: str, name: str, value: str) -> str:
    if not _is_secret(name):
        return shlex.quote(f"{start}{value}")
    return f'"{start}{"Bearer " if name == "Authorization" else ""}${variable(name)}"'


def _with_variables(name: str, value):
    """`value` with each secret replaced by its variable's name between two characters no text has."""
    if isinstance(value, dict):
        return {key: _with_variables(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_variables(name, inner) for inner in value]
    return f"\ue000{variable(name)}\ue001" if _is_secret(name) and isinstance(value, str) else value


def _in_heredoc(text: str) -> str:
    """Text for a here-document in which variables are replaced: whatever else a shell would act on, escaped."""
    escaped = re.sub(r"[\\$`]", r"\\\g<0>", text)
    return escaped.replace("\ue000", "${").replace("\ue001", "}")
