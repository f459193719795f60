"""The migrations of this release, and one of each kind after them."""

from pathlib import Path

from conversations import migrations

_OURS = Path(migrations.__file__).parent
# Modules are found along this path as if the folder held them.
__path__.append(str(_OURS))
LATEST = max(path.stem for path in _OURS.glob("0*.py"))
