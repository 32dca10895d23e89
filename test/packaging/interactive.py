"""A shell on a terminal of its own: what its line holds after a Tab."""
import os
import pty
import select
import signal
import time
from pathlib import Path

PROMPT = b"READY> "


def setup(shell, prefix, folder):
    """Writes the shell's start file into `folder`; returns its command and environment."""
    if shell == "bash":
        start = folder / "start"
        scripts = sorted((prefix / "share/bash-completion/completions").iterdir())
        start.write_text("PS1='READY> '\nbind 'set enable-bracketed-paste off'\nbind 'set bell-style none'\n" +
                         "".join(f". '{script}'\n" for script in scripts) +
                         "bind -x '\"\\C-x\": printf %s \"$READLINE_LINE\" > \"$LINE\"'\n")
        return ["bash", "--noprofile", "--rcfile", str(start), "-i"], {}
    (folder / ".zshrc").write_text(
        f"fpath=('{prefix}/share/zsh/vendor-completions' $fpath)\nautoload -Uz compinit\ncompinit -u -D\n"
        "unsetopt beep list_beep\ndump() { print -rn -- $BUFFER > $LINE }\nzle -N dump\nbindkey '^X' dump\n"
        "PS1='READY> '\n")
    return ["zsh", "-d", "-i"], {"ZDOTDIR": str(folder)}


def completed(shell, prefix, scratch, here, text):
    """The line after `text` and a Tab, typed in the folder `here`."""
    folder = Path(scratch) / f"{shell}-start"
    folder.mkdir(exist_ok=True)
    line = folder / "line"
    line.unlink(missing_ok=True)
    command, more = setup(shell, prefix, folder)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(here)
        os.execvpe(command[0], command, {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TERM": "dumb", "LANG": "C.UTF-8",
                                         "LINE": str(line)} | more)
    seen = b""

    def read_until(done):
        nonlocal seen
        end = time.monotonic() + 60
        while time.monotonic() < end and not done():
            if select.select([terminal], [], [], 0.05)[0]:
                seen += os.read(terminal, 4096)

    try:
        read_until(lambda: PROMPT in seen)
        os.write(terminal, text.encode() + b"\t\x18")  # Tab, then Ctrl-X, which writes the line
        read_until(lambda: line.exists() and line.stat().st_size > 0)
        return line.read_text() if line.exists() else repr(seen)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
