//! The kernels on a processor: the shared library that the sources in `emulator/` make. For tests, which build it, and for nothing else: it
//! is slow.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libloading::Library;

use super::Error;
use super::machine::{Argument, Machine, Shape};

/// In which order blocks, warps and lanes run. Results must not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the first to the last.
    Ascending,
    /// From the last to the first.
    Descending,
    /// In steps that leave no neighbours beside each other.
    Scattered,
}

type Allocate = unsafe extern "C" fn(usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void) -> c_int;
type Launch = unsafe extern "C" fn(
    *const c_char,
    *const c_uint,
    *const c_uint,
    c_uint,
    c_int,
    *mut *mut c_void,
    *const c_char,
    *mut c_char,
    usize,
);

/// The library is not made for several threads, and is loaded once however often it is opened.
static TURN: Mutex<()> = Mutex::new(());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A device's memory: how much there is, and what of it is in use, by address.
struct Memory {
    total: usize,
    used: BTreeMap<u64, usize>,
}

impl Memory {
    fn free(&self) -> usize {
        self.total - self.used.values().sum::<usize>()
    }
}

/// The emulator, loaded.
pub(super) struct Emulator {
    allocate: Allocate,
    free: Free,
    launch: Launch,
    capability: u32,
    order: Order,
    memory: Mutex<Memory>,
    /// Keeps the functions where they are.
    _library: Library,
}

impl Emulator {
    /// # Safety
    /// The library is the emulator, of this version: its functions have the types above.
    #[allow(unsafe_code)]
    pub(super) unsafe fn open(path: &Path, order: Order, memory: usize) -> Result<Self, Error> {
        let missing = |e: libloading::Error| Error::Missing(format!("no emulator in {}: {e}", path.display()));
        // SAFETY: the caller's. Symbols are copied out as plain functions, which stay loaded as long as the library does.
        unsafe {
            let library = Library::new(path).map_err(missing)?;
            let capability =
                *library.get::<unsafe extern "C" fn() -> c_int>(b"snellen_emulator_capability").map_err(missing)?;
            Ok(Self {
                allocate: *library.get(b"snellen_emulator_allocate").map_err(missing)?,
                free: *library.get(b"snellen_emulator_free").map_err(missing)?,
                launch: *library.get(b"snellen_emulator_launch").map_err(missing)?,
                capability: capability() as u32,
                order,
                memory: Mutex::new(Memory { total: memory, used: BTreeMap::new() }),
                _library: library,
            })
        }
    }
}

#[allow(unsafe_code)]
impl Machine for Emulator {
    fn name(&self) -> &str {
        "emulator"
    }

    fn capability(&self) -> u32 {
        self.capability
    }

    fn memory(&self) -> Result<(usize, usize), Error> {
        let memory = lock(&self.memory);
        Ok((memory.free(), memory.total))
    }

    fn allocate(&self, bytes: usize) -> Result<u64, Error> {
        let mut memory = lock(&self.memory);
        let short = |free| Error::Memory { device: self.name().to_owned(), bytes, free };
        let free = memory.free();
        if bytes > free {
            return Err(short(free));
        }
        let first = {
            let _turn = lock(&TURN);
            // SAFETY: any size may be asked for.
            unsafe { (self.allocate)(bytes) as u64 }
        };
        if first == 0 {
            return Err(short(free));
        }
        memory.used.insert(first, bytes);
        Ok(first)
    }

    unsafe fn free(&self, address: u64) {
        lock(&self.memory).used.remove(&address);
        let _turn = lock(&TURN);
        // SAFETY: the caller's.
        let intact = unsafe { (self.free)(address as *mut c_void) };
        assert!(intact == 1 || std::thread::panicking(), "a kernel wrote beyond the ends of its memory");
    }

    unsafe fn upload(&self, to: u64, bytes: &[u8]) -> Result<(), Error> {
        let _turn = lock(&TURN);
        // SAFETY: the caller's; the emulator's memory is this process's.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to as *mut u8, bytes.len()) };
        Ok(())
    }

    unsafe fn download(&self, from: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let _turn = lock(&TURN);
        // SAFETY: the caller's; the emulator's memory is this process's.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    unsafe fn launch(&self, kernel: &'static str, shape: Shape, arguments: &mut [Argument]) -> Result<(), Error> {
        let letters: Vec<u8> = arguments.iter().map(|argument| argument.letter()).collect();
        let letters = CString::new(letters).expect("letters are no zeros");
        let name = CString::new(kernel).expect("names have no zeros");
        let mut places: Vec<*mut c_void> = arguments.iter_mut().map(Argument::place).collect();
        let mut message = [0u8; 256];
        let _turn = lock(&TURN);
        // SAFETY: the caller's. The library checks the number and kinds of arguments and leaves a string that ends in the message.
        unsafe {
            (self.launch)(
                name.as_ptr(),
                shape.blocks.as_ptr(),
                [shape.threads, 1, 1].as_ptr(),
                shape.shared,
                self.order as c_int,
                places.as_mut_ptr(),
                letters.as_ptr(),
                message.as_mut_ptr().cast(),
                message.len(),
            );
        }
        let why: Vec<u8> = message.into_iter().take_while(|byte| *byte != 0).collect();
        if why.is_empty() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&why).into_owned();
        Err(Error::Failed { device: self.name().to_owned(), what: kernel.to_owned(), why })
    }
}
