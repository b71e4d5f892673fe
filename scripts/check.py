"""What CI checks besides the tests: python3 scripts/check.py. Exits 1 with a list of faults.

Owns the rules of the tree that need no running code: the top level, door notes, file length, and what must
not be in a tracked file. Who may import whom and what an operation documents is tests/test_house.py's.
Looks at the files git tracks or would track. Standard library only.
"""
import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "authservice", "instance", "tests", "scripts"}
LONGEST = 400  # lines; a longer file explains itself by "Long: ..." in its door note
MEASURED = {".py", ".html", ".css", ".js", ".mako", ".sh"}
PICTURES = {".png", ".ico", ".jpg", ".woff2"}
# Each is written so that it does not match itself.
FORBIDDEN = [
    ("a machine's path", re.compile(
        r"(?<![\w.$}])/(?:work|root)/|/(?:home|Users)/[a-z][\w.-]*/|/opt/(?:pypi|wheels)")),
    ("a package registry's address", re.compile(
        r"pypi\.org/simple|files\.pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|"
        r"(?:deb|security)\.debian\.org|archive\.ubuntu\.com")),
    ("a download address", re.compile(
        r"https?://\S+\.(?:whl|tar\.gz|tgz|zip|deb|exe|dmg)\b|releases/[d]ownload/|"
        r"\b(?:curl|wget)\b[^\n|]*https?://(?!localhost|127\.|\[::1\]|\$|\{)")),
]


def main():
    paths = tracked()
    faults = [fault for check in (top_level, modules, lengths, texts) for fault in check(paths)]
    for fault in faults:
        print(fault)
    print("%d files checked: %s" % (len(paths), "%d to mend" % len(faults) if faults else "nothing to mend"))
    sys.exit(1 if faults else 0)


def tracked():
    """Return the files git tracks or would add, as paths relative to the root; no git is one clear line."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit("check: the list of files comes from git, which did not give it: %s" % error)
    return sorted(path for path in map(Path, set(found.split("\0")) - {""}) if (ROOT / path).is_file())


def top_level(paths):
    for name in sorted({path.parts[0] for path in paths}):
        if name not in TOP_LEVEL and not name.startswith("."):
            yield "%s: not one of the top level's names (%s, dotfiles)" % (name, ", ".join(sorted(TOP_LEVEL)))


def modules(paths):
    """Every module opens with a docstring; an empty file may stay empty."""
    for path in paths:
        text = read(path) if path.suffix == ".py" else ""
        if text.strip():
            try:
                documented = ast.get_docstring(ast.parse(text))
            except SyntaxError as error:
                yield "%s:%s: %s" % (path, error.lineno, error.msg)
                continue
            if not documented:
                yield "%s: no docstring: what does this module own, and what not?" % path


def lengths(paths):
    for path in paths:
        lines = read(path).splitlines() if path.suffix in MEASURED else []
        if len(lines) > LONGEST and "Long:" not in door_note(path, lines):
            yield "%s: %d lines; past %d the door note says why (Long: ...)" % (path, len(lines), LONGEST)


def door_note(path, lines):
    text = "\n".join(lines)
    try:
        return ast.get_docstring(ast.parse(text)) or "" if path.suffix == ".py" else "\n".join(lines[:10])
    except SyntaxError:
        return ""


def texts(paths):
    for path in paths:
        text = read(path)
        if "\N{REPLACEMENT CHARACTER}" in text:
            yield "%s: not UTF-8 text" % path
        for number, line in enumerate(text.splitlines(), 1):
            for name, pattern in FORBIDDEN:
                if pattern.search(line):
                    yield "%s:%d: %s: %s" % (path, number, name, line.strip()[:80])


def read(path):
    """Return a file's text, with replacement characters where it is not UTF-8; "" for a picture."""
    return "" if path.suffix in PICTURES else (ROOT / path).read_text(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
