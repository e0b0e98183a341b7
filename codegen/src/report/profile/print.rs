//! The report on a profile as text and as JSON.

use super::{Findings, Found, Input, Row, Stray};
use crate::term::{counted, plain};
use crate::version::Version;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The first release with filters, by seccomp(2).
const FILTERS: [u32; 3] = [3, 5, 0];

impl Findings<'_> {
    /// For people.
    pub(super) fn text(
        &self,
        input: &Input,
        note: Option<String>,
        libseccomp: Option<&str>,
    ) -> String {
        let mut out = String::new();
        let age = match self.newest {
            Some((version, name)) => format!("its newest call is {name}, of Linux {version}"),
            None => "it names no call".to_owned(),
        };
        let _ = writeln!(out, "{}: {age}", input.shown);
        if let Some(note) = note {
            let _ = write!(out, "\n{note}");
        }
        for (what, strays) in [
            ("names that no kernel has ever had", &self.names),
            ("architectures that Linux does not have", &self.architectures),
        ] {
            if !strays.is_empty() {
                let _ = writeln!(out, "\n{what}:");
            }
            for Stray { word, line, near } in strays {
                let hint = match near.as_slice() {
                    [] => String::new(),
                    near => format!("; did you mean {}?", near.join(" or ")),
                };
                let _ = writeln!(out, "  {}:{line}: `{word}`{hint}", input.shown);
            }
        }
        if !self.has_architectures {
            out += "\nit has no architectures: a runtime takes that of its machine\n";
        } else if !self.unmapped.is_empty() {
            let unmapped = self.unmapped.join(", ");
            let _ = writeln!(
                out,
                "\narchitectures that it does not map: {unmapped}\n  On such a machine, libseccomp \
                 filters programs of its own architecture, and kills others."
            );
        }
        for (abi, shown) in &self.absent {
            let shown = shown.join(", ");
            let _ = writeln!(out, "\n{abi} ({shown}): the kernel does not have the ABI");
        }
        for found in &self.abis {
            found.text(&mut out, libseccomp.unwrap_or_default());
        }
        out.split('\n').map(plain).collect::<Vec<_>>().join("\n")
    }

    /// For programs; the subcommand's help describes the keys.
    pub(super) fn json(&self, input: &Input, kernel: Option<&Version>) -> String {
        let strays = |strays: &[Stray<'_>]| -> Value {
            let stray = |stray: &Stray<'_>| {
                let near = stray.near.iter().map(|near| near.trim_matches('`'));
                let near: Vec<&str> = near.collect();
                json!({ "word": stray.word, "line": stray.line, "near": near })
            };
            strays.iter().map(stray).collect()
        };
        let absent: Vec<&str> = self.absent.keys().copied().collect();
        let whole = json!({
            "mend": self.mend,
            "profile": input.shown,
            "kernel": kernel.map(Version::as_str),
            "newest": self.newest.map(|(linux, name)| {
                json!({ "name": name, "since": linux.as_str() })
            }),
            "unknown_names": strays(&self.names),
            "unknown_architectures": strays(&self.architectures),
            "unmapped": self.unmapped,
            "absent": absent,
            "abis": self.abis.iter().map(Found::json).collect::<Vec<_>>(),
        });
        format!("{whole:#}\n")
    }
}

impl Found<'_> {
    fn text(&self, out: &mut String, libseccomp: &str) {
        let Found { abi, linux, default, calls, reserved, above, .. } = self;
        let left_out = match reserved {
            0 => String::new(),
            _ => format!(" ({} not counted)", counted(*reserved, "reserved number")),
        };
        let _ = writeln!(
            out,
            "\n{abi} ({}): it knows {} of {calls} calls of Linux {linux}{left_out}",
            self.shown.join(", "),
            self.known()
        );
        if linux.series() < FILTERS {
            *out += "  it has no seccomp filters, which are there since Linux 3.5\n";
        }
        let listed = |rows: &[Row<'_>]| {
            let text = |row: &Row<'_>| match &row.since {
                Some(since) => format!("{} ({since})", row.name),
                None => format!("{} ({})", row.name, row.number),
            };
            rows.iter().map(text).collect::<Vec<_>>().join(", ")
        };
        for (what, rows) in [
            ("newer than the profile", &self.newer),
            ("older", &self.older),
            ("not mainline's", &self.private),
        ] {
            if !rows.is_empty() {
                let (count, rows) = (rows.len(), listed(rows));
                let get = if count == 1 { "gets" } else { "get" };
                let _ = writeln!(out, "  {what}, {count} {get} {default}: {rows}");
            }
        }
        if !self.named.is_empty() {
            let named = self.named.join(", ");
            let _ = writeln!(
                out,
                "  named in the profile, but libseccomp has another number, or none: {named}"
            );
        }
        for (row, name) in &self.shared {
            let _ = writeln!(
                out,
                "  {} ({}) is not mainline's, and gets what the profile has for {name}, which has \
                 this number there",
                row.name, row.number
            );
        }
        if !self.unclear.is_empty() {
            let unclear = listed(&self.unclear);
            let _ = writeln!(out, "  not known whether Linux {linux} has them: {unclear}");
        }
        for (kernel, names) in &self.before {
            let names = names.join(", ");
            let _ = writeln!(out, "  on kernels before {kernel} also {default}: {names}");
        }
        if *above > 0 && self.refused() {
            let _ = writeln!(
                out,
                "  runc answers ENOSYS to {above} of them, whose numbers are above the profile's"
            );
        }
        if let Some(unresolved) = self.unresolved.as_ref().filter(|names| !names.is_empty()) {
            let _ = writeln!(
                out,
                "  {} that libseccomp's table ({libseccomp}) does not resolve: {}",
                unresolved.len(),
                unresolved.join(", ")
            );
        }
    }

    fn json(&self) -> Value {
        let rows = |rows: &[Row<'_>]| -> Value {
            let row = |row: &Row<'_>| {
                let since = row.since.map(|since| since.to_string());
                json!({ "number": row.number, "name": row.name, "since": since })
            };
            rows.iter().map(row).collect()
        };
        let before = self.before.iter();
        let before =
            before.map(|(kernel, names)| json!({ "kernel": kernel.as_str(), "names": names }));
        let shared = self
            .shared
            .iter()
            .map(|(row, name)| json!({ "number": row.number, "name": row.name, "mainline": name }));
        json!({
            "abi": self.abi,
            "architectures": self.shown,
            "linux": self.linux.as_str(),
            "default": self.default,
            "calls": self.calls,
            "reserved": self.reserved,
            "known": self.known(),
            "newer": rows(&self.newer),
            "older": rows(&self.older),
            "private": rows(&self.private),
            "named": self.named,
            "shared": shared.collect::<Vec<_>>(),
            "unclear": rows(&self.unclear),
            "before": before.collect::<Vec<_>>(),
            "above": self.above,
            "unresolved": self.unresolved,
        })
    }
}
