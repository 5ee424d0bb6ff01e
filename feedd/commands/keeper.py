"""Keeper: whoever keeps the feeds does what a command wants: the daemon where it runs, else this process.

In: the configuration's file, and what is wanted. Out: the same replies either way. Without a daemon, as beside a timer
that starts `feedd build`, what would happen is found out on a copy of the state, and done under the locks that keep out
others. Hubs and hooks are then told by the next build, as after `feedd build --no-ping`. Says nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from feedd.commands.edges import alone, asked, load, open_pipeline, place_of_socket, run
from feedd.commands.terminal import fail, progress, quiet
from feedd.errors import ControlError, FeeddError, StateError

if TYPE_CHECKING:
    from feedd.config import Config
    from feedd.pipeline import Pipeline
    from feedd.service.inbox import Command
    from feedd.status import ApproveReply, Kind, PruneReply, WithheldReply


class Keeper:
    """Who keeps the feeds of the configuration in `file`. A daemon whose `socket` is named must run. A method ends the
    command, with the reason, where what it is asked for can be neither done nor found out.
    """

    def __init__(self, file: Path, socket: Path | None, is_quiet: bool) -> None:
        self._file, self._socket, self._progress = file, socket, quiet if is_quiet else progress()
        self._place = socket or place_of_socket(file)
        self._config: Config | None = None  # once no daemon was found

    def withheld(self) -> "WithheldReply":
        """What the guard keeps in the feeds."""
        from feedd.status import WithheldReply

        def here(config: "Config") -> WithheldReply:
            from feedd.withheld import listed

            with self._pipeline(config, dry_run=True) as pipeline:
                return listed(pipeline, run(pipeline))

        return self._answer("withheld", WithheldReply, here)

    def approve(self, digest: str) -> "ApproveReply":
        """Let leave what was listed with that digest."""
        from feedd.status import ApproveReply

        def here(config: "Config") -> ApproveReply:
            from feedd.withheld import approved

            with self._pipeline(config, dry_run=False) as pipeline:
                return approved(pipeline, run(pipeline, (digest,)))

        return self._answer("approve", ApproveReply, here, digest=digest)

    def prune(self, names: tuple[str, ...], digest: str = "") -> "PruneReply":
        """What could be removed for good of these names; with the digest of that, it is."""
        from feedd.status import PruneReply

        def here(config: "Config") -> PruneReply:
            from feedd.prune import prune

            with self._pipeline(config, dry_run=not digest) as pipeline:
                return prune(pipeline, self._file, run(pipeline), lambda: run(pipeline), names, digest)

        return self._answer("prune", PruneReply, here, names, digest)

    def _answer(
        self,
        command: "Command",
        kind: "type[Kind]",
        here: Callable[["Config"], "Kind"],
        names: tuple[str, ...] = (),
        digest: str = "",
    ) -> "Kind":
        try:
            if self._config is None:
                from feedd.status import read

                return read(asked(self._place, command, None, names, digest), kind)
        except ControlError as error:
            if error.problem.kind != "not-running" or self._socket:
                fail(error)
            self._config = load(self._file)
        try:
            return here(self._config)
        except FeeddError as error:
            fail(error)

    @contextmanager
    def _pipeline(self, config: "Config", dry_run: bool) -> "Iterator[Pipeline]":
        """A pipeline that nobody else disturbs, or one that disturbs nobody."""
        with ExitStack() as stack:
            if not dry_run:
                alone(config, stack)
            pipeline, problems = open_pipeline(config, dry_run, self._progress)
            stack.enter_context(closing(pipeline))
            for problem in problems:  # what is in the feeds is not known, or would not be remembered
                raise StateError(problem)
            yield pipeline
