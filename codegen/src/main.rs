//! `cargo codegen`: see `cargo codegen --help`.

fn main() -> std::process::ExitCode {
    aio_codegen::cli::run()
}
