"""What systemd does for a socket-activated service, where systemd does not run.

usage: activate.py NAME=ADDRESS... -- PROGRAM...

Holds the listening sockets (a path, or a port of 127.0.0.1), starts the program with them when the first
connection waits, and starts it again when it has ended, as Restart=always does. Ends on SIGTERM, after the
program. Writes `started PID` and `ended EXITCODE` to stdout.
"""
import fcntl, os, select, signal, socket, sys

split = sys.argv.index('--')
names, sockets = [], []
for word in sys.argv[1:split]:
    name, address = word.split('=', 1)
    unix = address.startswith('/')
    one = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(address if unix else ('127.0.0.1', int(address)))
    one.listen(4096)
    names.append(name)
    sockets.append(one)

stopping = False
pid = 0


def stop(*_):
    global stopping
    stopping = True
    if pid:
        os.kill(pid, signal.SIGTERM)


signal.signal(signal.SIGTERM, stop)
while not stopping:
    if not select.select(sockets, [], [], 0.1)[0] or stopping:
        continue
    pid = os.fork()
    if pid == 0:
        high = [fcntl.fcntl(one, fcntl.F_DUPFD, 100) for one in sockets]
        for at, fd in enumerate(high):
            os.dup2(fd, 3 + at)
        os.closerange(3 + len(high), 200)
        environment = dict(os.environ, LISTEN_FDS=str(len(high)), LISTEN_PID=str(os.getpid()))
        environment['LISTEN_FDNAMES'] = ':'.join(names)
        program = sys.argv[split + 1:]
        os.execvpe(program[0], program, environment)
    print('started', pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print('ended', os.waitstatus_to_exitcode(status), flush=True)
    pid = 0
