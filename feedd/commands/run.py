"""`feedd run`: the daemon."""

import os
import sys
from pathlib import Path

import click

from feedd.commands.options import configured
from feedd.commands.terminal import CONFIGURATION, PROBLEMS
from feedd.errors import ConfigError, FeeddError


@click.command(epilog="Example: feedd run --config /etc/feedd/feedd.toml")
@configured
def command(file: Path) -> None:
    """Keep all feeds up to date until it is stopped.

    Whatever changes in the content is in the feeds a moment later, and so is what an embargo or an expiry date asks
    for. SIGHUP (or `feedd reload`) loads the configuration anew; SIGTERM or Ctrl-C ends. What it does is logged on
    standard error.
    """
    from feedd.config import Log, load
    from feedd.serve.listening import Handed
    from feedd.service import log, systemd
    from feedd.service.daemon import Daemon
    from feedd.service.inbox import Inbox
    from feedd.service.post import Edges, open_log
    from feedd.service.signals import listen_for_signals

    open_log(Log())
    handed = Handed(os.environ, os.getpid())
    notifier, watchdog = systemd.notifier(os.environ), systemd.watchdog_interval(os.environ, os.getpid())
    try:
        config = load(file)
        open_log(config.log)
        inbox = Inbox(config.watch.quiet, config.watch.limit)
        listen_for_signals(inbox)
        Daemon(file.absolute(), config, inbox, Edges(notifier=notifier, watchdog=watchdog, handed=handed)).run()
    except ConfigError as error:
        for problem in error.problems:
            log.problem(problem)
        sys.exit(CONFIGURATION)
    except FeeddError as error:
        log.problem(error.problem)
        sys.exit(PROBLEMS)
