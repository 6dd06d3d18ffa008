//! A kernel's call, argument by argument.

use super::machine::{Argument, Shape};
use super::{Buffer, Device, Error, Number};

/// Threads of a block of warps that have a row each.
const THREADS: u32 = 128;
/// The longest side of a grid of blocks but for the first.
pub(super) const MAX_SIDE: usize = 65_535;
/// What the kernels may share beyond what they declare: 48 KiB, which every card has, less room for the latter.
pub(super) const MAX_SHARED: usize = 46 << 10;

/// A kernel and the arguments that it has got so far.
pub(super) struct Call<'a> {
    device: &'a Device,
    kernel: &'static str,
    arguments: Vec<Argument>,
}

impl<'a> Call<'a> {
    pub(super) fn new(device: &'a Device, kernel: &'static str) -> Self {
        Self { device, kernel, arguments: Vec::new() }
    }

    /// An array that the kernel reads or writes.
    pub(super) fn buffer<T: Number>(self, buffer: &Buffer<T>) -> Self {
        self.buffer_from(buffer, 0)
    }

    /// An array from `offset` on.
    pub(super) fn buffer_from<T: Number>(mut self, buffer: &Buffer<T>, offset: usize) -> Self {
        assert!(std::ptr::addr_eq(&*buffer.device().machine, &*self.device.machine), "all on one device");
        self.arguments.push(Argument::Pointer(buffer.address(offset)));
        self
    }

    /// An array, or none.
    pub(super) fn optional<T: Number>(mut self, buffer: Option<&Buffer<T>>) -> Self {
        if let Some(buffer) = buffer {
            return self.buffer(buffer);
        }
        self.arguments.push(Argument::Pointer(0));
        self
    }

    /// A 32-bit count.
    ///
    /// # Panics
    /// One beyond 32 bits.
    pub(super) fn int(mut self, x: usize) -> Self {
        self.arguments.push(Argument::Int(i32::try_from(x).expect("a count of 32 bits")));
        self
    }

    /// A 64-bit count.
    pub(super) fn long(mut self, x: usize) -> Self {
        self.arguments.push(Argument::Long(i64::try_from(x).expect("memory is smaller")));
        self
    }

    /// A number.
    pub(super) fn float(mut self, x: f32) -> Self {
        self.arguments.push(Argument::Float(x));
        self
    }

    /// Launches it.
    ///
    /// # Safety
    /// The arguments are those that the kernel has, and arrays are as long as it takes them to be from the others.
    ///
    /// # Errors
    /// As the device says.
    #[allow(unsafe_code)]
    pub(super) unsafe fn launch(mut self, blocks: [usize; 3], threads: u32, shared: usize) -> Result<(), Error> {
        if blocks.contains(&0) {
            return Ok(());
        }
        let too_large = || Error::TooLarge(format!("{}: {blocks:?} blocks that share {shared} bytes", self.kernel));
        if blocks[0] > i32::MAX as usize || blocks[1].max(blocks[2]) > MAX_SIDE || shared > MAX_SHARED {
            return Err(too_large());
        }
        let shape = Shape { blocks: blocks.map(|n| n as u32), threads, shared: shared as u32 };
        // SAFETY: the caller's; buffers live and are on this device.
        unsafe { self.device.machine.launch(self.kernel, shape, &mut self.arguments) }
    }

    /// Launches it with a warp for each of some rows.
    ///
    /// # Safety
    /// As [`Self::launch`].
    ///
    /// # Errors
    /// As the device says.
    #[allow(unsafe_code)]
    pub(super) unsafe fn launch_warps(self, rows: usize) -> Result<(), Error> {
        // SAFETY: the caller's.
        unsafe { self.launch([rows.div_ceil(THREADS as usize / 32), 1, 1], THREADS, 0) }
    }

    /// Launches it with a thread for each of some numbers.
    ///
    /// # Safety
    /// As [`Self::launch`].
    ///
    /// # Errors
    /// As the device says.
    #[allow(unsafe_code)]
    pub(super) unsafe fn launch_threads(self, numbers: usize) -> Result<(), Error> {
        // SAFETY: the caller's.
        unsafe { self.launch([numbers.div_ceil(THREADS as usize), 1, 1], THREADS, 0) }
    }
}
