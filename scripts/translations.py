"""The login pages' catalogues, held to the texts that the pages really say.

    python3 scripts/translations.py            add new texts (empty) to every catalogue, drop those no page says
    python3 scripts/translations.py --check    change nothing; list what is not as it should be

Either way exits 1 while a text of a catalogue is missing, left over, marked as fuzzy, or has other placeholders or
other markup than the English one. Whether a translation is good is for people to say.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import bootstrap

bootstrap.go_on_in_venv()

from babel.messages.catalog import Catalog, Message  # noqa: E402
from babel.messages.extract import extract_from_dir  # noqa: E402
from babel.messages.pofile import read_po, write_po  # noqa: E402

from authservice.hosted import languages  # noqa: E402

HEADER = """\
# {name}: the texts of the login pages. Kept in step with them by scripts/translations.py.
msgid ""
msgstr ""
"Language: {locale}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plurals}\\n"

"""
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
TAG = re.compile(r"<[^>]*>")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--folder", type=Path, default=languages.FOLDER, help="where the catalogues are")
    arguments = parser.parse_args()
    said = texts()
    tags = [tag for tag in languages.LANGUAGES if tag != languages.SOURCE]
    if not arguments.check:
        for tag in tags:
            update(languages.path_of(tag, arguments.folder), tag, said)
    found = [f"{tag}: {fault}" for tag in tags
             for fault in faults(read(languages.path_of(tag, arguments.folder), tag), said)]
    print("\n".join(found) or f"{len(said)} texts in {len(tags)} languages besides English")
    return 1 if found else 0


def texts() -> Catalog:
    """Every text of the pages, in English, as they are written now."""
    catalog = Catalog()
    room = Path(languages.__file__).parent
    methods = [("templates/**.html", "jinja2"), ("**.py", "python")]
    for file, _, message, comments, context in extract_from_dir(
            room, methods, {"templates/**.html": {"trimmed": "true", "silent": "false"}}):
        catalog.add(message, locations=[(Path(file).name, 0)], context=context, auto_comments=comments)
    return catalog


def read(path: Path, tag: str) -> Catalog:
    """A catalogue; empty where there is none yet."""
    locale = tag.replace("-", "_")
    if not path.exists():
        return Catalog(locale)
    with path.open("rb") as file:
        return read_po(file, locale)


def update(path: Path, tag: str, said: Catalog) -> None:
    """Bring a catalogue into step, what is translated as it stands and in the order of the pages."""
    catalog = read(path, tag)
    catalog.update(said, no_fuzzy_matching=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(HEADER.format(name=languages.LANGUAGES[tag], locale=tag.replace("-", "_"),
                                 plurals=catalog.plural_forms).encode())
        write_po(file, catalog, width=110, omit_header=True, ignore_obsolete=True, include_lineno=False)


def faults(catalog: Catalog, said: Catalog) -> Iterator[str]:
    """What is wrong with a catalogue, a line each."""
    for source in messages(said):
        message = catalog.get(source.id, source.context)
        if message is None or not all(forms_of(message.string)):
            yield f"{source.id!r} is not translated"
        elif message.fuzzy:
            yield f"{source.id!r} is fuzzy"
        else:
            yield from differences(source, message, catalog.num_plurals)
    for message in messages(catalog):
        if said.get(message.id, message.context) is None:
            yield f"{message.id!r} is said by no page"


def differences(source: Message, message: Message, plurals: int) -> Iterator[str]:
    """Where a translation would not fit into the page: it takes the place of the English text, markup and all."""
    english, forms = forms_of(source.id), forms_of(message.string)
    if len(forms) != (plurals if source.pluralizable else 1):
        yield f"{source.id!r} has {len(forms)} forms"
    for form in forms:
        one_of = [PLACEHOLDER.findall(text) for text in english]
        if sorted(PLACEHOLDER.findall(form)) not in [sorted(names) for names in one_of]:
            yield f"{form!r} has not the placeholders of {source.id!r}"
        if "%" in PLACEHOLDER.sub("", form):
            yield f"{form!r} has a stray %"
        if sorted(TAG.findall(form)) not in [sorted(TAG.findall(text)) for text in english]:
            yield f"{form!r} has not the markup of {source.id!r}"


def messages(catalog: Catalog) -> list[Message]:
    """All but the header."""
    return [message for message in catalog if message.id]


def forms_of(text: str | tuple) -> tuple:
    return text if isinstance(text, tuple) else (text,)


if __name__ == "__main__":
    sys.exit(main())
