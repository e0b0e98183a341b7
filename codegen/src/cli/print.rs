//! Standard output and standard error.

use crate::Error;
use crate::term::plain;
use std::fmt::Display;
use std::io::Write as _;

/// Prints an error as other command-line tools do.
pub(super) fn fail(error: Error) {
    to_stderr(format_args!("error: {error}"));
}

/// Prints a message, which may quote a file or what was typed. A closed standard error is ignored:
/// it could not be reported anywhere.
pub(super) fn to_stderr(message: impl Display) {
    let _ = writeln!(std::io::stderr(), "{}", plain(&message.to_string()));
}

/// Prints to standard output; colours only to a terminal, and not if NO_COLOR is set.
pub(super) fn print(text: &str) -> Result<(), Error> {
    ignore_broken_pipe(anstream::stdout().write_all(text.as_bytes()))
}

/// Ignores the error of a reader that has closed the pipe.
pub(super) fn ignore_broken_pipe(result: std::io::Result<()>) -> Result<(), Error> {
    match result {
        // A reader such as `head` may close the pipe early.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::plain(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
