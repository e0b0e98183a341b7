//! The examples, as programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The example, built by the cargo that runs this test: all of them at once, with the features that
/// a test of the workspace has built everything with already.
pub fn example(name: &str) -> PathBuf {
    static BUILT: LazyLock<String> = LazyLock::new(|| {
        let build = Command::new(env!("CARGO"))
            .args(["build", "-q", "--workspace", "--examples", "--message-format=json"])
            .current_dir(aio_tests::root())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(build.status.success(), "the examples build");
        String::from_utf8(build.stdout).expect("cargo writes UTF-8")
    });
    // The library `tokio` has the name of an example.
    let target = format!(r#""kind":["example"],"crate_types":["bin"],"name":"{name}""#);
    let message = BUILT.lines().find(|line| line.contains(&target));
    let (_, path) = message
        .and_then(|line| line.split_once(r#""executable":""#))
        .expect("it says where the program is");
    Path::new(path.split_once('"').expect("a string ends").0).into()
}
