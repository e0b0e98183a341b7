//! Emits the constants and stubs of the target from the tables. Without the feature `generate` the
//! committed copies are used, and it does nothing.

#[cfg(not(feature = "generate"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}

/// The tables are embedded in aio-codegen, so cargo rebuilds and reruns this script when they
/// change; no other file matters.
#[cfg(feature = "generate")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    match texts(&variable("CARGO_CFG_TARGET_ARCH"), &variable("CARGO_CFG_TARGET_POINTER_WIDTH")) {
        Ok(texts) => {
            for (name, text) in texts {
                let path = std::path::Path::new(&variable("OUT_DIR")).join(name);
                if let Err(error) = std::fs::write(&path, text) {
                    println!("cargo::error={} cannot be written: {error}", path.display());
                }
            }
        }
        Err(error) => println!("cargo::error={error}"),
    }
}

#[cfg(feature = "generate")]
fn texts(
    arch: &str,
    pointer_width: &str,
) -> Result<Vec<(&'static str, String)>, aio_codegen::Error> {
    let tables = aio_codegen::Tables::embedded()?;
    let target = match tables.abi_for_target(arch, pointer_width).filter(|abi| abi.stub().is_some())
    {
        Some(abi) => aio_codegen::emit::target(&aio_codegen::lower::target(&tables, abi)?),
        None => aio_codegen::emit::refusal(&tables),
    };
    Ok(vec![
        ("target.rs", target),
        #[cfg(feature = "all-abis")]
        ("abis.rs", aio_codegen::emit::abis(&aio_codegen::lower::lookup(&tables)?)),
    ])
}
