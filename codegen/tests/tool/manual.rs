//! The completions and the man pages, read by those they are for.

use crate::common::*;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What a program says of a file; `None` if this machine lacks the program.
fn read_by(
    program: &str,
    arguments: &[&str],
    file: &Path,
) -> Option<(Option<i32>, String, String)> {
    let found = Command::new(program).arg("--version").output().is_ok();
    found.then(|| run(Command::new(program).args(arguments).arg(file)))
}

fn completions(shell: &str) -> String {
    let (status, stdout, stderr) = run(codegen().args(["completions", shell]));
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    stdout
}

#[test]
fn shells_take_their_completions() {
    let directory = TempDir::new().unwrap();
    let clean = Some((Some(0), String::new(), String::new()));
    for (shell, no_execution) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let file = directory.path().join(shell);
        fs::write(&file, completions(shell)).unwrap();
        match read_by(shell, &[no_execution], &file) {
            None => aio_tests::skip(
                &format!("completions of {shell}"),
                "this machine does not have the shell",
            ),
            said => assert_eq!(said, clean, "{shell}"),
        }
    }
}

/// The words that bash offers after some others.
fn offered(line: &str) -> Option<Vec<String>> {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("completions");
    let words: Vec<&str> = line.split(' ').collect();
    let last = words.len() - 1;
    let script = format!(
        "{}\nCOMP_WORDS=({line}); COMP_CWORD={last}; COMP_LINE='{line}'; COMP_POINT={}\n\
         $(complete -p aio-codegen | sed 's/.*-F \\([^ ]*\\).*/\\1/') {} '{}' {}\nprintf '%s\\n' \
         \"${{COMPREPLY[@]}}\"\n",
        completions("bash"),
        line.len(),
        words[0],
        words[last],
        words[last - 1],
    );
    fs::write(&file, script).unwrap();
    let (status, stdout, stderr) = read_by("bash", &[], &file)?;
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    Some(stdout.lines().map(str::to_owned).collect())
}

#[test]
fn bash_offers_subcommands_and_options() {
    let Some(subcommands) = offered("aio-codegen di") else {
        return aio_tests::skip("what bash completes", "this machine has no bash");
    };
    assert_eq!(subcommands, ["diff"]);
    assert_eq!(offered("aio-codegen check --he").unwrap(), ["--headers", "--help"]);
    assert_eq!(offered("aio-codegen completions z").unwrap(), ["zsh"]);
}

#[test]
fn man_pages_are_roff_without_a_warning() {
    let directory = TempDir::new().unwrap();
    let (status, stdout, stderr) = run(codegen().arg("man").arg(directory.path()));
    assert_eq!((status, stdout.as_str()), (Some(0), ""));
    let pages = contents(directory.path());
    assert_eq!(stderr.lines().count(), pages.len());
    let (_, all, _) = run(codegen().arg("man"));
    let help = run(codegen().arg("--help")).1;
    let subcommands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let subcommands = subcommands
        .lines()
        .map(|line| format!("aio-codegen-{}.1", line.split_whitespace().next().unwrap()));
    let mut expected: Vec<String> = subcommands.chain(["aio-codegen.1".to_owned()]).collect();
    expected.sort();
    assert_eq!(pages.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    for (name, text) in &pages {
        let text = String::from_utf8_lossy(text);
        assert!(all.contains(&*text), "{name} is a part of the whole");
    }
    // What mandoc warns of is the style of blank lines; an error is what it cannot show.
    let readers: [(&str, &[&str]); 2] =
        [("groff", &["-k", "-ww", "-man", "-z"]), ("mandoc", &["-T", "lint", "-W", "error"])];
    for (program, arguments) in readers {
        for name in pages.keys() {
            match read_by(program, arguments, &directory.path().join(name)) {
                Some(said) => assert_eq!(said, (Some(0), String::new(), String::new()), "{name}"),
                None => {
                    aio_tests::skip("man pages", &format!("this machine has no {program}"));
                    break;
                }
            }
        }
    }
}

/// The alias is cargo's, and exists in a checkout alone.
#[test]
fn help_calls_the_tool_by_the_name_that_it_was_started_by() {
    for (package, name, other) in
        [("aio-codegen", "cargo codegen", "aio-codegen"), ("other", "aio-codegen", "cargo codegen")]
    {
        for subcommand in ["import", "diff", "check", "export", "explain", "emit"] {
            for help in ["-h", "--help"] {
                let (_, text, _) =
                    run(codegen().env("CARGO_PKG_NAME", package).args([subcommand, help]));
                assert!(text.contains(&format!("Usage: {name} {subcommand} ")), "{text}");
                assert!(
                    text.contains(&format!("Examples:\n  {name} {subcommand} "))
                        && !text.contains(other),
                    "{text}"
                );
            }
        }
    }
    let (_, pages, _) = run(codegen().arg("man"));
    assert!(!pages.contains("cargo codegen"), "{pages}");
}
