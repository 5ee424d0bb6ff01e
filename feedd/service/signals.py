"""Signals: SIGHUP, SIGTERM and SIGINT → the inbox.

In: signals. Out: a wish in the inbox. They interrupt nothing: a thread waits for them. Decides nothing.
"""

import signal
import threading

from feedd.service.inbox import Inbox


def listen_for_signals(inbox: Inbox) -> None:
    """Let SIGHUP load the configuration anew, SIGTERM and SIGINT stop. From now on a thread waits for these, so that
    they interrupt nothing; call it before any other thread is there.
    """
    stops, all_of_them = {signal.SIGTERM, signal.SIGINT}, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, all_of_them)

    def stop_soon(*_: object) -> None:
        """For the moment in which other processes are started and signals are not blocked (`workers.py`). It interrupts
        the loop, and thus takes no lock: the run that is under way sees it.
        """
        inbox.stopping = True

    for one in stops:
        signal.signal(one, stop_soon)

    def wait() -> None:
        while True:
            (inbox.stop if signal.sigwait(all_of_them) in stops else inbox.reload)()

    threading.Thread(target=wait, name="signals", daemon=True).start()
