//! Compiles the kernel's program with clang. Without clang the crate builds all the same: it then
//! says at run time that it has no program, and the relay serves alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const SOURCE: &str = "bpf/relay.bpf.c";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-env-changed=CLANG");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("abi.h"), fastpath_abi::c_header()).expect("OUT_DIR can be written");
    let object = out.join("relay.bpf.o");
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    if let Err(reason) = compile(&clang, &out, &object) {
        println!(
            "cargo::warning=the fast path's program was not built, every packet will be relayed in \
             user space: {reason}"
        );
        fs::write(&object, []).expect("OUT_DIR can be written");
    }
}

/// Makes the object; why not, otherwise. A compiler that is there and refuses the source ends the build.
fn compile(clang: &str, include: &Path, object: &Path) -> Result<(), String> {
    let mut command = Command::new(clang);
    command
        .args([
            "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror",
        ])
        .args(["-Wno-unused-parameter", "-Wno-sign-compare"])
        .arg("-I")
        .arg(include)
        .args(system_include())
        .args(["-c", SOURCE, "-o"])
        .arg(object);
    let done = command
        .output()
        .map_err(|error| format!("{clang}: {error} (apt-get install clang)"))?;
    assert!(
        done.status.success(),
        "{clang} does not take {SOURCE}:\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

/// Where Debian has asm/types.h, which is outside of clang's path for this target.
fn system_include() -> Vec<String> {
    let machine = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let folder = format!("/usr/include/{machine}-linux-gnu");
    if Path::new(&folder).is_dir() {
        vec!["-I".to_owned(), folder]
    } else {
        Vec::new()
    }
}
