//! What the example programs share: the command line, error messages and the exit status.

use aio_sys::Errno;
use lexopt::Arg;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// The error is a message for the user.
pub type Result<T> = std::result::Result<T, String>;

pub struct Program {
    pub name: &'static str,
    /// How it is called, without the name.
    pub usage: &'static str,
    /// The rest of `--help`.
    pub help: &'static str,
}

/// Why a command line is not carried out.
pub enum Stop {
    Help,
    Version,
    /// It is wrong, and this is the message.
    Wrong(String),
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Stop {
        Stop::Wrong(error.to_string())
    }
}

impl Stop {
    /// For an argument that the program itself does not know.
    pub fn at(arg: Arg<'_>) -> Stop {
        match arg {
            Arg::Short('h') | Arg::Long("help") => Stop::Help,
            Arg::Short('V') | Arg::Long("version") => Stop::Version,
            arg => arg.unexpected().into(),
        }
    }
}

impl Program {
    pub fn stop(&self, stop: Stop) -> ExitCode {
        let Program { name, usage, help } = self;
        match stop {
            Stop::Help => self.end(print(format_args!("usage: {name} {usage}\n\n{help}\n"))),
            Stop::Version => {
                self.end(print(format_args!("{name} (aio-sys {})\n", env!("CARGO_PKG_VERSION"))))
            }
            Stop::Wrong(message) => self.complain(2, &format!("{message}; usage: {name} {usage}")),
        }
    }

    /// The exit status, after the message of a failure.
    pub fn end(&self, result: Result<()>) -> ExitCode {
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => self.complain(1, &message),
        }
    }

    fn complain(&self, status: u8, message: &str) -> ExitCode {
        // `eprintln!` would panic if standard error cannot be written.
        let _ = writeln!(io::stderr(), "{}: {message}", self.name);
        ExitCode::from(status)
    }
}

/// Writes to standard output. `print!` would panic if that fails.
pub fn print(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(cannot_print)
}

pub fn cannot_print(error: io::Error) -> String {
    format!("cannot write to standard output: {}", reason(&error))
}

/// For `map_err`: `cannot VERB "PATH": REASON`.
pub fn cannot<'a>(verb: &'a str, path: &'a Path) -> impl Fn(io::Error) -> String + 'a {
    move |error| format!("cannot {verb} {path:?}: {}", reason(&error))
}

/// The name of an error number and its description.
pub fn reason(error: &io::Error) -> String {
    match error.raw_os_error().and_then(Errno::from_raw_os_error) {
        Some(errno) => errno.to_string(),
        None => error.to_string(),
    }
}
