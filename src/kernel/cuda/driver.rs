//! A card behind NVIDIA's driver, which is loaded when it is asked for.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr;
use std::sync::Mutex;

use cudarc::driver::sys::{self, CUdevice_attribute as Attribute};

use super::Error;
use super::functions::{Functions, OUT_OF_MEMORY, Said};
use super::machine::{Argument, Machine, Shape};

/// The kernels, as NVRTC 12.0 compiled them: see [`super`].
pub(super) const PTX_75: &str = concat!(include_str!("ptx/compute_75.ptx"), "\0");
pub(super) const PTX_80: &str = concat!(include_str!("ptx/compute_80.ptx"), "\0");

/// A card, its context and its kernels.
pub(super) struct Driver {
    functions: Functions,
    name: String,
    capability: u32,
    device: sys::CUdevice,
    context: sys::CUcontext,
    module: sys::CUmodule,
    /// Kernels by name, as addresses: the driver's handles.
    kernels: Mutex<HashMap<&'static str, usize>>,
}

// SAFETY: the driver's functions may be called from any thread, once the context is that thread's, which `enter` sees to.
#[allow(unsafe_code)]
unsafe impl Send for Driver {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Driver {}

impl Driver {
    /// The card with this number.
    ///
    /// # Errors
    /// What is missing.
    #[allow(unsafe_code)]
    pub(super) fn open(ordinal: usize) -> Result<Self, Error> {
        let functions = Functions::load()?;
        // SAFETY: the driver is loaded and initialised; all places that it writes to are ours, and as large as it is told.
        unsafe {
            let driver = |what, said| functions.check("NVIDIA driver", what, said);
            let mut count = 0;
            driver("counting cards", (functions.cuDeviceGetCount)(&mut count))?;
            if ordinal >= count as usize {
                return Err(Error::Missing(format!("no NVIDIA card {ordinal}: there are {count}, counted from 0")));
            }
            let mut device = 0;
            driver("opening a card", (functions.cuDeviceGet)(&mut device, ordinal as c_int))?;
            let mut name = [0u8; 128];
            driver(
                "naming a card",
                (functions.cuDeviceGetName)(name.as_mut_ptr().cast(), name.len() as c_int, device),
            )?;
            let name = CStr::from_bytes_until_nul(&name).unwrap_or_default().to_string_lossy().into_owned();
            let attribute = |attribute| {
                let mut value = 0;
                functions
                    .check(
                        &name,
                        "asking for its capability",
                        (functions.cuDeviceGetAttribute)(&mut value, attribute, device),
                    )
                    .map(|()| value as u32)
            };
            let capability = 10 * attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?
                + attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
            if capability < 75 {
                return Err(Error::Missing(format!(
                    "{name} has compute capability {}.{}: 7.5 is needed",
                    capability / 10,
                    capability % 10
                )));
            }
            let mut context = ptr::null_mut();
            functions.check(&name, "making a context", (functions.cuDevicePrimaryCtxRetain)(&mut context, device))?;
            // From here on dropping it gives the context back.
            let module = ptr::null_mut();
            let mut driver = Self { functions, name, capability, device, context, module, kernels: Mutex::default() };
            driver.enter()?;
            let ptx = if capability < 80 { PTX_75 } else { PTX_80 };
            let loaded = (functions.cuModuleLoadData)(&mut driver.module, ptx.as_ptr().cast());
            driver.check("compiling the kernels (a driver from version 525 on is needed)", loaded)?;
            Ok(driver)
        }
    }

    fn check(&self, what: &str, said: Said) -> Result<(), Error> {
        self.functions.check(&self.name, what, said)
    }

    /// Makes the context this thread's.
    #[allow(unsafe_code)]
    fn enter(&self) -> Result<(), Error> {
        // SAFETY: retained until this is dropped.
        self.check("entering its context", unsafe { (self.functions.cuCtxSetCurrent)(self.context) })
    }

    /// The driver's handle of a kernel.
    #[allow(unsafe_code)]
    fn kernel(&self, name: &'static str) -> Result<sys::CUfunction, Error> {
        let mut kernels = self.kernels.lock().expect("nothing panics while it is held");
        if let Some(kernel) = kernels.get(name) {
            return Ok(*kernel as sys::CUfunction);
        }
        let mut kernel = ptr::null_mut();
        let text = CString::new(name).expect("names have no zeros");
        // SAFETY: the module is loaded, and the name ends.
        self.check(name, unsafe { (self.functions.cuModuleGetFunction)(&mut kernel, self.module, text.as_ptr()) })?;
        kernels.insert(name, kernel as usize);
        Ok(kernel)
    }
}

#[allow(unsafe_code)]
impl Machine for Driver {
    fn name(&self) -> &str {
        &self.name
    }

    fn capability(&self) -> u32 {
        self.capability
    }

    fn memory(&self) -> Result<(usize, usize), Error> {
        self.enter()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: both places are ours.
        self.check("asking for its memory", unsafe { (self.functions.cuMemGetInfo_v2)(&mut free, &mut total) })?;
        Ok((free, total))
    }

    fn allocate(&self, bytes: usize) -> Result<u64, Error> {
        self.enter()?;
        let mut address = 0;
        // SAFETY: the place is ours.
        let result = unsafe { (self.functions.cuMemAlloc_v2)(&mut address, bytes) };
        if result == OUT_OF_MEMORY {
            let (free, _) = self.memory()?;
            return Err(Error::Memory { device: self.name.clone(), bytes, free });
        }
        self.check("allocating", result)?;
        Ok(address)
    }

    unsafe fn free(&self, address: u64) {
        // A context that is gone took its memory along: there is nothing to do about a failure.
        if self.enter().is_ok() {
            // SAFETY: the caller's.
            let _ = unsafe { (self.functions.cuMemFree_v2)(address) };
        }
    }

    unsafe fn upload(&self, to: u64, bytes: &[u8]) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: the caller's.
        self.check("copying to it", unsafe { (self.functions.cuMemcpyHtoD_v2)(to, bytes.as_ptr().cast(), bytes.len()) })
    }

    unsafe fn download(&self, from: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: the caller's.
        self.check("copying from it", unsafe {
            (self.functions.cuMemcpyDtoH_v2)(bytes.as_mut_ptr().cast(), from, bytes.len())
        })
    }

    unsafe fn launch(&self, kernel: &'static str, shape: Shape, arguments: &mut [Argument]) -> Result<(), Error> {
        self.enter()?;
        let function = self.kernel(kernel)?;
        let mut places: Vec<*mut c_void> = arguments.iter_mut().map(Argument::place).collect();
        let Shape { blocks: [x, y, z], threads, shared } = shape;
        // SAFETY: the caller's; the driver copies the arguments before it returns. Of streams only the default one is used.
        let result = unsafe {
            (self.functions.cuLaunchKernel)(
                function,
                x,
                y,
                z,
                threads,
                1,
                1,
                shared,
                ptr::null_mut(),
                places.as_mut_ptr(),
                ptr::null_mut(),
            )
        };
        self.check(kernel, result)
    }
}

impl Drop for Driver {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // Failures change nothing any more. Others of this process may go on to use the context.
        let entered = self.enter().is_ok();
        // SAFETY: loaded once and unloaded once, retained once and released once.
        unsafe {
            if entered && !self.module.is_null() {
                let _ = (self.functions.cuModuleUnload)(self.module);
            }
            let _ = (self.functions.cuDevicePrimaryCtxRelease_v2)(self.device);
        }
    }
}
