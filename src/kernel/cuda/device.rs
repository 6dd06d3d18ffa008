//! A device and its memory.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use super::Error;
use super::driver::Driver;
use super::emulator::{Emulator, Order};
use super::machine::Machine;

/// A card, or its emulation. Copies of it are the same device.
#[derive(Clone)]
pub struct Device {
    pub(super) machine: Arc<dyn Machine>,
}

/// Numbers that lie in a device's memory.
pub trait Number: Copy + private::Sealed {}

mod private {
    /// Numbers without padding, for which every bit pattern is a value.
    pub trait Sealed {
        /// What memory is filled with before it is read.
        const ZERO: Self;
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl private::Sealed for $number {
            const ZERO: Self = 0 as $number;
        }
        impl Number for $number {}
    )*};
}
numbers!(i8 i32 i64 f32);

/// An array in a device's memory. Freed when it is dropped.
pub struct Buffer<T: Number> {
    device: Device,
    /// 0 where there is room for none.
    address: u64,
    room: usize,
    len: usize,
    numbers: PhantomData<T>,
}

impl Device {
    /// The card with this number, through its driver.
    ///
    /// # Errors
    /// What is missing: the driver, the card, or instructions that it has not.
    pub fn card(ordinal: usize) -> Result<Self, Error> {
        Ok(Self { machine: Arc::new(Driver::open(ordinal)?) })
    }

    /// The kernels on this processor, from the shared library that was built of `emulator/`; blocks and threads run in an order of choice, and
    /// there is so much `memory` in bytes.
    ///
    /// # Errors
    /// A library that is not there, or not of this kind.
    ///
    /// # Safety
    /// Loading a library runs its code: it must be the emulator, of this version.
    #[allow(unsafe_code)]
    pub unsafe fn emulator(library: &Path, order: Order, memory: usize) -> Result<Self, Error> {
        // SAFETY: the caller's.
        let emulator = unsafe { Emulator::open(library, order, memory)? };
        Ok(Self { machine: Arc::new(emulator) })
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.machine.name()
    }

    /// Its compute capability, times ten: 80 for 8.0.
    #[must_use]
    pub fn capability(&self) -> u32 {
        self.machine.capability()
    }

    /// Free and total bytes of its memory.
    ///
    /// # Errors
    /// As the device says.
    pub fn memory(&self) -> Result<(usize, usize), Error> {
        self.machine.memory()
    }

    /// `len` numbers of any value.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn allocate<T: Number>(&self, len: usize) -> Result<Buffer<T>, Error> {
        let mut buffer = Buffer { device: self.clone(), address: 0, room: 0, len: 0, numbers: PhantomData };
        buffer.resize(len)?;
        Ok(buffer)
    }

    /// A copy of these numbers.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn upload<T: Number>(&self, numbers: &[T]) -> Result<Buffer<T>, Error> {
        let mut buffer = self.allocate(numbers.len())?;
        buffer.upload(numbers)?;
        Ok(buffer)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Device").field(&self.name()).finish()
    }
}

impl<T: Number> Buffer<T> {
    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where they are.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Holds `len` numbers of any value, in the same memory where that is enough.
    ///
    /// # Errors
    /// [`Error::Memory`]; then it holds none.
    pub fn resize(&mut self, len: usize) -> Result<(), Error> {
        if len > self.room {
            self.release();
            let bytes = len.checked_mul(size_of::<T>()).filter(|bytes| isize::try_from(*bytes).is_ok());
            let bytes = bytes.ok_or_else(|| Error::TooLarge(format!("{len} numbers on {}", self.device.name())))?;
            self.address = self.device.machine.allocate(bytes)?;
            self.room = len;
        }
        self.len = len;
        Ok(())
    }

    /// Takes over these numbers, as many as there are.
    ///
    /// # Errors
    /// As the device says.
    ///
    /// # Panics
    /// Another number of numbers.
    #[allow(unsafe_code)]
    pub fn upload(&mut self, numbers: &[T]) -> Result<(), Error> {
        assert_eq!(numbers.len(), self.len, "as many numbers as the buffer has");
        if numbers.is_empty() {
            return Ok(());
        }
        // SAFETY: numbers have no padding, so that all their bytes can be read; the buffer has room for as many.
        unsafe {
            let bytes = std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers));
            self.device.machine.upload(self.address, bytes)
        }
    }

    /// A copy of the numbers, after all that was asked of the device before.
    ///
    /// # Errors
    /// As the device says, about earlier launches too.
    #[allow(unsafe_code)]
    pub fn download(&self) -> Result<Vec<T>, Error> {
        let mut numbers = vec![T::ZERO; self.len];
        if !numbers.is_empty() {
            // SAFETY: every bit pattern is a number, and the buffer has as many.
            unsafe {
                let bytes = std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(&*numbers));
                self.device.machine.download(self.address, bytes)?;
            }
        }
        Ok(numbers)
    }

    /// The address of the number at `offset`.
    pub(super) fn address(&self, offset: usize) -> u64 {
        assert!(offset <= self.len, "within the buffer");
        self.address + (offset * size_of::<T>()) as u64
    }

    #[allow(unsafe_code)]
    fn release(&mut self) {
        if self.room > 0 {
            // SAFETY: allocated by `resize` and freed once, as the room is then none.
            unsafe { self.device.machine.free(self.address) };
        }
        (self.address, self.room, self.len) = (0, 0, 0);
    }
}

impl<T: Number> Drop for Buffer<T> {
    fn drop(&mut self) {
        self.release();
    }
}
