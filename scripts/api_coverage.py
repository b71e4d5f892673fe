"""Which operations of the user pools API are built: a table made from the code.

    python3 scripts/api_coverage.py            print the table
    python3 scripts/api_coverage.py --write    put it into README.md
    python3 scripts/api_coverage.py --check    exit 1 when README.md has another

The names come from Amazon's service model, what is built from the operations' own tags.
"""

import argparse
import re
import sys

import bootstrap
from bootstrap import ROOT

bootstrap.go_on_in_venv()

from authservice.contract import service  # noqa: E402
from authservice.local import operations  # noqa: E402, F401  tags every operation
from authservice.local.call import OPERATIONS  # noqa: E402

MARKED = re.compile(r"(<!-- operations -->\n).*?(<!-- /operations -->)", re.DOTALL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("--check", action="store_true", help="exit 1 when README.md has another table")
    arguments = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text()
    fresh = MARKED.sub(lambda found: found[1] + table() + found[2], text)
    if arguments.write:
        readme.write_text(fresh)
    elif arguments.check and fresh != text:
        print("README.md is stale: run scripts/api_coverage.py --write", file=sys.stderr)
        return 1
    elif not arguments.check:
        print(table(), end="")
    return 0


def table() -> str:
    """The table in Markdown: a row a subject (the module that answers), then what is not built yet."""
    subjects: dict[str, list[str]] = {}
    for name, function in OPERATIONS.items():
        subjects.setdefault(function.__module__.rpartition(".")[2], []).append(name)
    rows = [f"| [{subject}](authservice/local/operations/{subject}.py) | {', '.join(sorted(names))} |"
            for subject, names in sorted(subjects.items())]
    missing = sorted(service().operations - OPERATIONS.keys())
    return "\n".join([f"**{len(OPERATIONS)} of {len(service().operations)} are built.**", "",
                      "| subject | operations |", "|---|---|", *rows,
                      f"| *not built yet* | {', '.join(missing)} |", ""])


if __name__ == "__main__":
    sys.exit(main())
