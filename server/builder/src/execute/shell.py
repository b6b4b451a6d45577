# Runs sys.argv[1:] on a terminal of its own, and copies between that and ours, as large as ours is.
#
# A program in the sandbox must not have the user's terminal for its own: it could type into it what is run outside.
import fcntl
import os
import pty
import sys
import termios

SIZE = 8


def read(terminal):
    # There is no signal that tells of a change, since our terminal is not the one of our session.
    ours = fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(SIZE))
    if ours != fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(SIZE)):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, ours)
    return os.read(terminal, 1 << 16)


code = os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read))
sys.exit(code if code >= 0 else 128 - code)
