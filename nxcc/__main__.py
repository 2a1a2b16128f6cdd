"""The entry of the command line, and the one guard around everything that nxcc does.

A mistake in an input is a diagnostic; what the machine refuses (a missing file, a full disk) is one line and exit
code 2; anything else is a bug of nxcc's, said so, and never a bare traceback.
"""

import sys

BROKEN_PIPE = 128 + 13


def main() -> int:
    """Run the command line; returns the exit code: 0 done, 1 the input has errors, 2 wrong usage or a fault."""
    import gc

    # A process that lives for a tenth of a second has no garbage worth looking for, while it runs or when it ends:
    # looking costs a fifth of the time that `nxcc --help` takes.
    gc.disable()
    try:
        code = _run()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError as error:  # the reader went away, or the disk is full: the last flush would fail once more
        _forget_output()
        code = BROKEN_PIPE if isinstance(error, BrokenPipeError) else _fault(_words(error))
    gc.freeze()
    return code


def _run() -> int:
    try:
        from nxcc.cli import app

        app(prog_name="nxcc")
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):
            raise stop.__context__ from None
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else _fault(str(stop.code))
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.filename is None:
            raise
        return _fault(_words(error))
    except MemoryError:
        return _fault("there is not enough memory")
    except RecursionError as error:
        return _bug(error, "internal error: the input nests deeper than nxcc can follow")
    except Exception as error:
        return _bug(error, f"internal error: {type(error).__name__}: {error}")
    return 0


def _fault(message: str) -> int:
    """Say what went wrong outside of the input."""
    print(f"error: {message}", file=sys.stderr)
    return 2


def _words(error: OSError) -> str:
    """An OSError in one line: the file, and what the system says about it."""
    reason = error.strerror or str(error) or type(error).__name__
    names = [str(name) for name in (error.filename, error.filename2) if name not in (None, "")]
    return f"{' and '.join(names)}: {reason}" if names else reason


def _bug(error: Exception, message: str) -> int:
    """Say that nxcc itself failed, with what a report about it needs."""
    import os
    import platform

    from nxcc import __version__

    print(f"error: {message}", file=sys.stderr)
    print(f"note: nxcc {__version__}, Python {platform.python_version()}, {platform.system()}", file=sys.stderr)
    if os.environ.get("NXCC_DEBUG") == "1":
        import traceback

        traceback.print_exception(error, limit=-12)
        print("help: this is a bug of nxcc; please report it with these lines and the input", file=sys.stderr)
    else:
        print("help: this is a bug of nxcc; please report it with what NXCC_DEBUG=1 prints", file=sys.stderr)
    return 2


def _forget_output() -> None:
    """Point the output to nowhere, so that the interpreter's own last flush has nothing to complain about."""
    import os

    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            if stream is not None:
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
