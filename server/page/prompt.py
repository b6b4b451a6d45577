"""Runs what is typed at the prompt. Answers to the page are JSON; what programs write goes out as it comes."""

import __main__
import ast
import asyncio
import builtins
import json
import linecache
import pkgutil
import re
import signal
import sys
import traceback

import pkgsrv
import pkgsrv_pictures
from pyodide.console import Console

MOST_COMPLETIONS = 200
LONGEST_RESULT = 50_000

MODULE_BEING_TYPED = re.compile(r"^\s*(?:import|from)\s+(?:\w+\s*,\s*)*(\w*)$")


class Prompt(Console):
    """`host` has the functions `output(stream, text)`, `picture(type, bytes, label)` and `readLine()`."""

    def __init__(self, host):
        super().__init__(
            __main__.__dict__,
            stdin_callback=self._read,
            stdout_callback=lambda text: host.output("stdout", text),
            stderr_callback=lambda text: host.output("stderr", text),
            persistent_stream_redirection=True,
        )
        self._host = host
        self._task = None
        # Whether code that was typed runs, and whether an interrupt came before it.
        self._is_running = self._is_interrupted = False
        signal.signal(signal.SIGINT, self._on_interrupt)
        pkgsrv_pictures.send_to(host.picture)
        __main__.display = self.display

    def begin(self):
        """Forgets the interrupts that have come so far."""
        self._is_interrupted = False

    def is_complete(self, source):
        """Whether Enter should run the text. Blocks end with an empty line, as at Python's own prompt."""
        last_line = source.rpartition("\n")[2]
        try:
            if self._compile(source, "<prompt>", "exec") is None:
                return False
            tree = compile(source, "<prompt>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except (SyntaxError, ValueError, OverflowError):
            return True  # Running it shows what is wrong.
        block = bool(tree.body) and (hasattr(tree.body[-1], "body") or hasattr(tree.body[-1], "cases"))
        return not block or ("\n" in source and not last_line.strip())

    def missing(self, source):
        """Top-level modules that the code imports and that are not there."""
        return json.dumps(pkgsrv.missing_imports(source))

    def completions(self, source, modules):
        """What the text before the caret may go on with, and how many characters of it that replaces."""
        typed = MODULE_BEING_TYPED.match(source.rpartition("\n")[2])
        if typed:
            known = {*sys.stdlib_module_names, *modules, *(module.name for module in pkgutil.iter_modules())}
            start = typed[1]
            names = sorted(name for name in known if name.startswith(start) and (start or not name.startswith("_")))
        else:
            names, at = self.complete(source)
            start = source[at:]
            names = sorted(set(names)) if start else []
        return json.dumps({"names": names[:MOST_COMPLETIONS], "more": len(names) > MOST_COMPLETIONS, "length": len(start)})

    async def run(self, source, number):
        """Runs the code to its end and shows the value of a last expression."""
        filename = f"<input {number}>"
        try:
            code = self._compiled(source, filename)
        except (SyntaxError, ValueError, OverflowError) as error:
            error.__suppress_context__ = True
            return self._failed(error.with_traceback(None), "syntax")
        # Tracebacks show lines; names in angle brackets are not looked for in files.
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        self._task = asyncio.ensure_future(self._guarded(source, code))
        try:
            error = await self._task
        finally:
            self._task = None
        if error is None:
            return json.dumps({"status": "ok"})
        if isinstance(error, asyncio.CancelledError):
            error = KeyboardInterrupt().with_traceback(error.__traceback__)
        # The frames above the first line that was typed are ours.
        while error.__traceback__ and error.__traceback__.tb_frame.f_code.co_filename != filename:
            error = error.with_traceback(error.__traceback__.tb_next)
        return self._failed(error, "interrupted" if isinstance(error, KeyboardInterrupt) else "error")

    def interrupt(self):
        """Ends code that waits for something; code that computes is ended by the interrupt buffer."""
        if self._task is None:
            self._is_interrupted = True
        else:
            self._task.cancel()

    def display(self, *values):
        """Shows values as pictures where they can be drawn, else as text."""
        for value in values:
            if not pkgsrv_pictures.show(value):
                print(shortened(repr(value)))

    def _compiled(self, source, filename):
        try:
            # Remembers `from __future__ import …`.
            return self._compile.compiler(source, filename, "exec")
        except SyntaxError:
            # Without the flags that make of every unfinished text the same error.
            compile(source, filename, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            raise

    async def _guarded(self, source, code):
        """Errors are returned: a task that is left by a KeyboardInterrupt would take the event loop along."""
        try:
            self._is_running = True
            if self._is_interrupted:
                raise KeyboardInterrupt
            value = await self.runcode(source, code)
            if value is not None:
                builtins._ = value
                if not pkgsrv_pictures.show(value):
                    self._host.output("result", shortened(repr(value)) + "\n")
            self._is_running = False
        except BaseException as error:
            # No call comes before this, so no interrupt does.
            self._is_running = False
            return error

    def _on_interrupt(self, _number, _frame):
        """An exception out of our own code would leave what was begun without an end."""
        if self._is_running:
            raise KeyboardInterrupt
        self._is_interrupted = True

    def _failed(self, error, status):
        sys.last_exc = sys.last_value = error
        sys.last_type, sys.last_traceback = type(error), error.__traceback__
        if isinstance(error, SystemExit):
            self._host.output("stderr", f"{error!r}: Python goes on; Restart ends it\n")
            return json.dumps({"status": "ok"})
        self._host.output("error", "".join(traceback.format_exception(error)))
        missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
        return json.dumps({"status": status, "missing": missing.partition(".")[0]})

    def _read(self, _size):
        line = self._host.readLine()
        if line is None:
            raise KeyboardInterrupt
        return line


def shortened(text):
    if len(text) <= LONGEST_RESULT:
        return text
    half = LONGEST_RESULT // 2
    return f"{text[:half]}\n… {len(text) - LONGEST_RESULT:,} characters left out …\n{text[-half:]}"
