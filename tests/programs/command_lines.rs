//! What all example programs do with their command lines.

use std::process::{Command, Output, Stdio};

/// The names, and a line of arguments that is right.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("aiobench", &["file"]),
    ("aiocp", &["src", "dst"]),
    ("ranges", &["directory", "127.0.0.1:0"]),
    ("wal", &["dump", "log"]),
];

/// The exit status, standard output and standard error.
fn run(name: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(crate::example::example(name));
    let output = command.args(args).current_dir("/").stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.expect("the program can be run");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn help_is_on_standard_output() {
    for (name, args) in PROGRAMS {
        let help = run(name, &["--help"]);
        assert_eq!((help.0, help.2.as_str()), (Some(0), ""), "{name}");
        for text in [&format!("usage: {name} ")[..], "--help", "--version", "Exit status: "] {
            assert!(help.1.contains(text), "{name}: {text}");
        }
        assert!(help.1.lines().all(|line| line.chars().count() <= 100), "{name}");
        assert_eq!(run(name, &[args, &["-h"]].concat()), help, "{name}");
    }
}

#[test]
fn the_version_is_on_standard_output() {
    let version = env!("CARGO_PKG_VERSION");
    for (name, _) in PROGRAMS {
        let expected = (Some(0), format!("{name} (aio-sys {version})\n"), String::new());
        assert_eq!(run(name, &["--version"]), expected);
        assert_eq!(run(name, &["-V"]), expected);
    }
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    let mut wrong = vec![("wal", vec!["append"]), ("wal", vec!["sync", "log"])];
    for (name, args) in PROGRAMS {
        wrong.push((name, vec![]));
        wrong.extend(
            [["--fast"], ["-x"], ["one too many"]].map(|more| (name, [args, &more].concat())),
        );
    }
    wrong.extend(
        [["0"], ["-1"], ["soon"]]
            .map(|seconds| ("ranges", [&["--timeout"], &seconds[..], &["."]].concat())),
    );
    for (name, args) in wrong {
        let (status, stdout, stderr) = run(name, &args);
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{name} {args:?}: {stderr}");
        assert!(stderr.starts_with(&format!("{name}: ")), "{stderr}");
        assert!(stderr.contains(&format!("; usage: {name} ")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}
