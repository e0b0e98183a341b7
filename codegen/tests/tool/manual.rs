//! The completions and the man pages, read by shells and man programs.

use crate::common::*;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A program's output for a file; `None` if the program is not installed.
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
            None => {
                aio_tests::skip(&format!("completions of {shell}"), "the shell is not installed")
            }
            said => assert_eq!(said, clean, "{shell}"),
        }
    }
}

/// A script for a shell that prints what it offers at the end of `line`, a word to a line. The
/// completions are in the directory where it runs, as `_aio-codegen`.
type Asks = fn(line: &str) -> String;

const SHELLS: [(&str, &[&str], Asks); 3] =
    [("bash", &[], bash), ("zsh", &["-f"], zsh), ("fish", &["--no-config"], fish)];

fn bash(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let last = words.len() - 1;
    format!(
        "source _aio-codegen
         COMP_WORDS=({line}{}) COMP_CWORD={last} COMP_LINE='{line}' COMP_POINT={}
         $(complete -p aio-codegen | sed 's/.*-F \\([^ ]*\\).*/\\1/') {} '{}' {}
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        if words[last].is_empty() { "''" } else { "" },
        line.len(),
        words[0],
        words[last],
        words[last - 1],
    )
}

/// It completes only on a terminal, which is one of its own here. What `compadd` is to offer is
/// written into a file.
fn zsh(line: &str) -> String {
    format!(
        r#"rm -f ready offered finished
        zmodload zsh/zpty
        cat >setup <<'END'
        fpath=($PWD $fpath)
        autoload -U compinit && compinit -u -D
        bindkey '^I' complete-word
        compadd() {{
            local -a hits
            if [[ ${{@[1,(i)(-|--)]}} != *-(O|A|D)\ * ]]; then
                builtin compadd -O hits "$@"
                print -rl -- $hits >>offered
            fi
            builtin compadd "$@"
        }}
        finish() {{ touch finished }}
        comppostfuncs=(finish)
        touch ready
END
        wait_for() {{ repeat 600; do [[ -e $1 ]] && return; zpty -r -t shell _; sleep 0.05; done }}
        zpty shell env TERM=dumb zsh -f -i
        zpty -w shell "source setup"
        wait_for ready
        zpty -w -n shell '{line}'$'\t'
        wait_for finished
        zpty -d shell
        cat offered
"#
    )
}

fn fish(line: &str) -> String {
    format!("source _aio-codegen\ncomplete -C '{line}' | cut -f 1\n")
}

#[test]
fn shells_offer_the_values_that_there_are() {
    let tables = &*COMMITTED;
    let abis: Vec<&str> = tables.abis.iter().map(|abi| abi.name.as_str()).collect();
    let cases: [(&str, &[&str]); 15] = [
        ("di", &["diff"]),
        ("hel", &["help"]),
        ("help exp", &["explain", "export"]),
        ("check --he", &["--headers", "--help"]),
        ("completions z", &["zsh"]),
        ("export ma", &["markdown"]),
        ("emit as", &["asm"]),
        ("emit c --abi ", &abis),
        ("diff --abi x86", &["x86_64"]),
        ("check --abi ri", &["riscv32", "riscv64"]),
        ("export json --abi arm-", &["arm-oabi"]),
        ("explain io_pg", &["io_pgetevents", "io_pgetevents_time64"]),
        ("explain --abi i386 modify_l", &["modify_ldt"]),
        ("import --only err", &["errno"]),
        ("import --arch pow", &["powerpc"]),
    ];
    for (shell, arguments, asks) in SHELLS {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("_aio-codegen"), completions(shell)).unwrap();
        for (line, expected) in cases {
            fs::write(directory.path().join("script"), asks(&format!("aio-codegen {line}")))
                .unwrap();
            let mut command = Command::new(shell);
            command.args(arguments).arg("script").current_dir(directory.path());
            if command.output().is_err() {
                let reason = "the shell is not installed";
                aio_tests::skip(&format!("what {shell} completes"), reason);
                break;
            }
            let (status, stdout, _) = run(&mut command);
            let mut offered: Vec<&str> = stdout.lines().collect();
            let mut expected = expected.to_vec();
            offered.sort();
            expected.sort();
            assert_eq!((status, offered), (Some(0), expected), "{shell}: {line}");
        }
    }
}

/// What others call an ABI is taken, though it is not offered.
#[test]
fn completions_do_not_restrict_what_is_taken() {
    for abi in ["amd64", "riscv64gc-unknown-linux-gnu"] {
        let (status, _, stderr) = run(codegen().args(["explain", "read", "--abi", abi]));
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{abi}");
    }
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
    // That of `help` would be about the others.
    let subcommands = subcommands
        .lines()
        .filter(|line| !line.trim_start().starts_with("help "))
        .map(|line| format!("aio-codegen-{}.1", line.split_whitespace().next().unwrap()));
    let mut expected: Vec<String> = subcommands.chain(["aio-codegen.1".to_owned()]).collect();
    expected.sort();
    assert_eq!(pages.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    for (name, text) in &pages {
        let text = String::from_utf8_lossy(text);
        assert!(all.contains(&*text), "{name} is a part of the whole");
    }
    // mandoc's warnings are about blank lines; its errors are real.
    let readers: [(&str, &[&str]); 2] =
        [("groff", &["-k", "-ww", "-man", "-z"]), ("mandoc", &["-T", "lint", "-W", "error"])];
    for (program, arguments) in readers {
        for name in pages.keys() {
            match read_by(program, arguments, &directory.path().join(name)) {
                Some(said) => assert_eq!(said, (Some(0), String::new(), String::new()), "{name}"),
                None => {
                    aio_tests::skip("man pages", &format!("{program} is not installed"));
                    break;
                }
            }
        }
    }
}

#[test]
fn help_is_a_subcommand_and_an_option() {
    let help = |arguments: &[&str]| run(codegen().args(arguments));
    let (status, all, stderr) = help(&["help"]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert_eq!(all, help(&["--help"]).1);
    for subcommand in ["import", "explain", "profile", "completions"] {
        let (status, text, stderr) = help(&["help", subcommand]);
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{subcommand}");
        assert_eq!(text, help(&[subcommand, "--help"]).1);
    }
    assert_eq!(help(&["help", "nonsense"]).0, Some(2));
    let (_, pages, _) = help(&["man"]);
    assert!(!pages.contains("codegen\\-help") && !pages.contains("codegen-help"), "{pages}");
}

/// The alias is cargo's, and exists only in a checkout.
#[test]
fn help_uses_the_name_by_which_the_tool_was_started() {
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
