//! A bar on standard error, if that is a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

pub struct Progress {
    started: Instant,
    /// 0 if unknown.
    size: u64,
    terminal: bool,
    drawn: Option<Instant>,
}

impl Progress {
    const EVERY: Duration = Duration::from_millis(100);
    const WIDTH: usize = 24;

    pub fn new(started: Instant, size: u64) -> Progress {
        Progress { started, size, terminal: io::stderr().is_terminal(), drawn: None }
    }

    /// Draws the bar, unless it was drawn a moment ago.
    pub fn show(&mut self, done: u64) {
        if !self.terminal || self.drawn.is_some_and(|last| last.elapsed() < Progress::EVERY) {
            return;
        }
        let speed = human((done as f64 / self.started.elapsed().as_secs_f64()) as u64);
        if self.size == 0 {
            self.note(&format!("{}, {speed}/s", human(done)));
        } else {
            let part = (done as f64 / self.size as f64).min(1.0);
            let (percent, width) = (100.0 * part, Progress::WIDTH);
            let bar = "#".repeat((width as f64 * part) as usize);
            self.note(&format!(
                "{percent:3.0}% [{bar:width$}] {} of {}, {speed}/s",
                human(done),
                human(self.size)
            ));
        }
    }

    /// Shows a text instead of the bar.
    pub fn note(&mut self, text: &str) {
        if self.terminal {
            self.drawn = Some(Instant::now());
            let _ = write!(io::stderr(), "\r{text}\x1b[K");
        }
    }
}

/// Clears the line for what is printed next.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            self.note("");
        }
    }
}

/// `1.5 GiB`
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    // 1023.95 and more would be rounded to 1024.0.
    while value >= 1023.95 {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    let digits = usize::from(unit > 0);
    format!("{value:.digits$} {}", UNITS[unit])
}
