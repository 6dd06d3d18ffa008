//! The emulator, built once for each architecture.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use snellen::kernel::cuda::{Device, Order};

/// Without tensor cores and with them.
const ARCHITECTURES: [u32; 2] = [750, 800];

/// Never contracted: the kernels' operations are rounded one by one.
const OPTIONS: [&str; 7] =
    ["-std=c++17", "-O2", "-ffp-contract=off", "-fno-fast-math", "-fPIC", "-shared", "-fvisibility=hidden"];

/// Builds a library of sources of the emulator.
fn build(compiler: &str, architecture: u32, more: &[&str], sources: &[&str], library: &Path) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernel/cuda/emulator");
    let done = Command::new(compiler)
        .args(OPTIONS)
        .args(["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"])
        .arg(format!("-D__CUDA_ARCH__={architecture}"))
        .args(more)
        .args(sources.iter().map(|source| folder.join(source)))
        .arg("-o")
        .arg(library)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Where a library goes.
fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The compiler, where there is one.
fn compiler() -> Option<&'static str> {
    static FOUND: OnceLock<Option<&str>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        if !cfg!(target_os = "linux") {
            say("SKIPPED: the emulator is for Linux");
            return None;
        }
        let there = |compiler: &&str| Command::new(compiler).arg("--version").output().is_ok();
        let found = ["c++", "g++", "clang++"].into_iter().find(there);
        if found.is_none() {
            say("SKIPPED: no C++ compiler (c++, g++ or clang++)");
        }
        found
    })
}

/// The emulators, or none where they cannot be built.
fn libraries() -> &'static [PathBuf] {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let Some(compiler) = compiler() else { return Vec::new() };
        let emulator = |architecture| {
            let library = place(&format!("emulator_{architecture}.so"));
            build(compiler, architecture, &[], &["machine.cpp", "fibers.cpp"], &library);
            library
        };
        ARCHITECTURES.map(emulator).into()
    })
}

/// Folders with drivers of emulated cards, none where they cannot be built. The first driver has no functions.
pub(crate) fn drivers() -> &'static [PathBuf] {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let Some(compiler) = compiler() else { return Vec::new() };
        let driver = |name: &str, architecture, sources: &[&str]| {
            let folder = place(name);
            std::fs::create_dir_all(&folder).unwrap();
            build(compiler, architecture, &[], sources, &folder.join("libcuda.so"));
            folder
        };
        let mut folders = vec![driver("driver_none", 800, &["fibers.cpp"])];
        let whole = |architecture| {
            driver(&format!("driver_{architecture}"), architecture, &["driver.cpp", "machine.cpp", "fibers.cpp"])
        };
        folders.extend(ARCHITECTURES.map(whole));
        folders
    })
}

/// As [`drivers`], the card of which fuses multiplications with additions, as a card must not.
#[cfg(all(feature = "cli", target_arch = "x86_64"))]
pub(crate) fn fused_driver() -> Option<PathBuf> {
    let compiler = compiler().filter(|_| is_x86_feature_detected!("fma"))?;
    let folder = place("driver_fused");
    std::fs::create_dir_all(&folder).unwrap();
    build(compiler, 800, &FUSED, &["driver.cpp", "machine.cpp", "fibers.cpp"], &folder.join("libcuda.so"));
    Some(folder)
}

#[cfg(target_arch = "x86_64")]
const FUSED: [&str; 2] = ["-mfma", "-ffp-contract=fast"];

/// An emulator that fuses multiplications with additions, as a card must not; none where it cannot be built, or where checks run on a card.
#[cfg(target_arch = "x86_64")]
pub(crate) fn fused() -> Option<Device> {
    let compiler = compiler().filter(|_| card().is_none() && is_x86_feature_detected!("fma"))?;
    let library = place("emulator_fused.so");
    build(compiler, 800, &FUSED, &["machine.cpp", "fibers.cpp"], &library);
    Some(open(&library, Order::Ascending))
}

/// The number of the card on which checks are to run instead of the emulator, if there is one.
pub(crate) fn card() -> Option<usize> {
    std::env::var("SNELLEN_TEST_CARD").ok().map(|number| number.parse().unwrap())
}

/// Says it past the test harness, which would swallow it.
pub(crate) fn say(why: &str) {
    std::io::stderr().write_all(format!("{why}\n").as_bytes()).unwrap();
}

#[allow(unsafe_code)]
fn open(library: &Path, order: Order) -> Device {
    // SAFETY: it was just built from the emulator's sources.
    unsafe { Device::emulator(library, order, 1 << 28) }.unwrap()
}

/// Runs a check on both architectures and in all orders, or on the card.
pub(crate) fn everywhere(check: impl Fn(&Device)) {
    if let Some(card) = card() {
        return check(&Device::card(card).unwrap());
    }
    for library in libraries() {
        for order in [Order::Ascending, Order::Descending, Order::Scattered] {
            check(&open(library, order));
        }
    }
}

/// Runs a check on both architectures, or on the card.
pub(crate) fn each_architecture(check: impl Fn(&Device)) {
    if let Some(card) = card() {
        return check(&Device::card(card).unwrap());
    }
    for library in libraries() {
        check(&open(library, Order::Scattered));
    }
}
