"""The verbs: one module a subject, like the chapters of the API reference.

Each operation is a plain function tagged with Cognito's name for it; `Admin…`
twins stand beside their sibling. Importing this room registers them all.
"""

from importlib import import_module
from pkgutil import iter_modules

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
