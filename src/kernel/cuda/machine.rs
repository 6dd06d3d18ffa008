//! What a machine that runs the kernels can do.

use super::Error;

/// An argument of a kernel, in the kinds that they have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Argument {
    /// An address on the machine; 0 for none.
    Pointer(u64),
    Int(i32),
    Long(i64),
    Float(f32),
}

impl Argument {
    /// Where its value lies: what launches take.
    pub(super) fn place(&mut self) -> *mut std::ffi::c_void {
        match self {
            Self::Pointer(x) => std::ptr::from_mut(x).cast(),
            Self::Int(x) => std::ptr::from_mut(x).cast(),
            Self::Long(x) => std::ptr::from_mut(x).cast(),
            Self::Float(x) => std::ptr::from_mut(x).cast(),
        }
    }

    /// The emulator's letter for its kind.
    pub(super) fn letter(self) -> u8 {
        match self {
            Self::Pointer(_) => b'p',
            Self::Int(_) => b'i',
            Self::Long(_) => b'l',
            Self::Float(_) => b'f',
        }
    }
}

/// How many blocks of how many threads, and how many bytes they share beyond what the kernel declares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) blocks: [u32; 3],
    pub(super) threads: u32,
    pub(super) shared: u32,
}

/// The driver with a card, or the emulator.
///
/// # Safety
/// Of the methods that are unsafe: addresses are of this machine, allocated and not yet freed, with as many bytes from there on as are moved or as
/// the kernel reads and writes; arguments are those that the kernel has.
#[allow(unsafe_code)]
pub(super) trait Machine: Send + Sync {
    /// What people call it.
    fn name(&self) -> &str;

    /// Its compute capability, times ten: 80 for 8.0.
    fn capability(&self) -> u32;

    /// Free and total bytes.
    fn memory(&self) -> Result<(usize, usize), Error>;

    /// The address of this many bytes, at least one.
    fn allocate(&self, bytes: usize) -> Result<u64, Error>;

    /// Gives them back.
    unsafe fn free(&self, address: u64);

    /// Copies bytes to the machine, and waits for it.
    unsafe fn upload(&self, to: u64, bytes: &[u8]) -> Result<(), Error>;

    /// Copies bytes from the machine, after all that was launched before.
    unsafe fn download(&self, from: u64, bytes: &mut [u8]) -> Result<(), Error>;

    /// Launches a kernel after all that was launched before. What it meets may be reported later.
    unsafe fn launch(&self, kernel: &'static str, shape: Shape, arguments: &mut [Argument]) -> Result<(), Error>;
}
