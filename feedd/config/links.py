"""Whether symbolic links lead directories that must be apart into one another.

In: a configuration whose paths are apart as text. Out: a `Finding` for each directory that is not, as the disk is now.
Looks only where links lead (a few `readlink`): neither whether the directories are there nor what is in them.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from feedd.config.agreement import overlaps
from feedd.config.model import Config
from feedd.config.reader import Finding


def linked(config: Config) -> Iterator[Finding]:
    """Directories that are one, or inside one another, where links lead. Never raises: of what cannot be followed, the
    path as it is written counts.
    """
    written = {"content": config.content.path, "output": config.output.path, "state": config.state.path}
    real = {table: Path(os.path.realpath(path)) for table, path in written.items()}
    for table, other, how, why in overlaps(real):
        place = f"symbolic links lead from {written[table]} to {real[table]}"
        if real[table] == written[table]:
            place = f"symbolic links lead from {written[other]} to {real[other]}"
        what = f"{how} {other}.path, since {place}, so {why}"
        remedy = f"Choose a directory apart from {real[other]}, or lead the link elsewhere."
        yield Finding("conflict", (table, "path"), what, remedy)
