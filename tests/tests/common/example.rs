//! The examples, as programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The example, built with these features by the cargo that runs this test.
pub fn example(name: &str, features: &str) -> PathBuf {
    let build = Command::new(env!("CARGO"))
        .args([
            "build",
            "-q",
            "-p",
            "aio-sys",
            "--example",
            name,
            "--features",
            features,
            "--message-format=json",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(build.status.success(), "the example builds");
    let messages = String::from_utf8(build.stdout).expect("cargo writes UTF-8");
    let message = messages.lines().find(|line| line.contains(&format!(r#""name":"{name}""#)));
    let (_, path) = message
        .and_then(|line| line.split_once(r#""executable":""#))
        .expect("it says where the program is");
    path.split_once('"').expect("a string ends").0.into()
}
