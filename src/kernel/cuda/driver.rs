//! A card behind NVIDIA's driver, which is loaded when it is asked for.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr;
use std::sync::Mutex;

use cudarc::driver::sys::{self, CUdevice_attribute as Attribute, CUresult};

use super::Error;
use super::machine::{Argument, Machine, Shape};

/// The kernels, as NVRTC 12.0 compiled them: see [`super`].
pub(super) const PTX_75: &str = concat!(include_str!("ptx/compute_75.ptx"), "\0");
pub(super) const PTX_80: &str = concat!(include_str!("ptx/compute_80.ptx"), "\0");

/// The driver's functions that are called here. All are asked for before any is, as calling one that is not there panics.
const NEEDED: [&str; 18] = [
    "cuInit",
    "cuGetErrorName",
    "cuDeviceGet",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxSetCurrent",
    "cuModuleLoadData",
    "cuModuleGetFunction",
    "cuModuleUnload",
    "cuMemGetInfo_v2",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemcpyHtoD_v2",
    "cuMemcpyDtoH_v2",
    "cuLaunchKernel",
];

/// A card, its context and its kernels.
pub(super) struct Driver {
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

/// What the driver said, unless all is well.
fn check(device: &str, what: &str, result: CUresult) -> Result<(), Error> {
    if result == CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    Err(Error::Failed { device: device.to_owned(), what: what.to_owned(), why: name_of(result) })
}

/// The driver's name of what it said.
#[allow(unsafe_code)]
fn name_of(result: CUresult) -> String {
    let mut name = ptr::null();
    // SAFETY: the driver leaves a string of its own, or nothing.
    unsafe {
        if sys::cuGetErrorName(result, &mut name) == CUresult::CUDA_SUCCESS && !name.is_null() {
            return CStr::from_ptr(name).to_string_lossy().into_owned();
        }
    }
    format!("error {}", result as u32)
}

/// Loads the driver, or says what is missing.
#[allow(unsafe_code)]
fn load() -> Result<(), Error> {
    // SAFETY: loading NVIDIA's driver runs its initialisation and nothing else; its library is looked for before it is asked for functions.
    unsafe {
        if !sys::is_culib_present() {
            let library = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
            return Err(Error::Missing(format!("no NVIDIA driver: {library} was not found")));
        }
        for name in NEEDED {
            if sys::culib().get::<unsafe extern "C" fn()>(name.as_bytes()).is_err() {
                return Err(Error::Missing(format!("the NVIDIA driver has no {name}: at least version 525 is needed")));
            }
        }
        match sys::cuInit(0) {
            CUresult::CUDA_SUCCESS => Ok(()),
            CUresult::CUDA_ERROR_NO_DEVICE => Err(Error::Missing("no NVIDIA card that the driver can use".to_owned())),
            // A stub of a toolkit, another version of the driver's kernel module, a card in a bad state.
            other => Err(Error::Missing(format!("the NVIDIA driver does not start: {}", name_of(other)))),
        }
    }
}

impl Driver {
    /// The card with this number.
    ///
    /// # Errors
    /// What is missing.
    #[allow(unsafe_code)]
    pub(super) fn open(ordinal: usize) -> Result<Self, Error> {
        load()?;
        // SAFETY: the driver is loaded and initialised; all places that it writes to are ours, and as large as it is told.
        unsafe {
            let driver = |what, result| check("NVIDIA driver", what, result);
            let mut count = 0;
            driver("counting cards", sys::cuDeviceGetCount(&mut count))?;
            if ordinal >= count as usize {
                return Err(Error::Missing(format!("no NVIDIA card {ordinal}: there are {count}")));
            }
            let mut device = 0;
            driver("opening a card", sys::cuDeviceGet(&mut device, ordinal as c_int))?;
            let mut name = [0u8; 128];
            driver("naming a card", sys::cuDeviceGetName(name.as_mut_ptr().cast(), name.len() as c_int, device))?;
            let name = CStr::from_bytes_until_nul(&name).unwrap_or_default().to_string_lossy().into_owned();
            let attribute = |attribute| {
                let mut value = 0;
                check(&name, "asking for its capability", sys::cuDeviceGetAttribute(&mut value, attribute, device))
                    .map(|()| value as u32)
            };
            let capability = 10 * attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?
                + attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
            if capability < 75 {
                return Err(Error::Missing(format!("{name} has compute capability {capability}/10: 7.5 is needed")));
            }
            let mut context = ptr::null_mut();
            check(&name, "making a context", sys::cuDevicePrimaryCtxRetain(&mut context, device))?;
            // From here on dropping it gives the context back.
            let module = ptr::null_mut();
            let mut driver = Self { name, capability, device, context, module, kernels: Mutex::default() };
            driver.enter()?;
            let ptx = if capability < 80 { PTX_75 } else { PTX_80 };
            let loaded = sys::cuModuleLoadData(&mut driver.module, ptx.as_ptr().cast());
            driver.check("compiling the kernels (a driver from version 525 on is needed)", loaded)?;
            Ok(driver)
        }
    }

    fn check(&self, what: &str, result: CUresult) -> Result<(), Error> {
        check(&self.name, what, result)
    }

    /// Makes the context this thread's.
    #[allow(unsafe_code)]
    fn enter(&self) -> Result<(), Error> {
        // SAFETY: retained until this is dropped.
        self.check("entering its context", unsafe { sys::cuCtxSetCurrent(self.context) })
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
        self.check(name, unsafe { sys::cuModuleGetFunction(&mut kernel, self.module, text.as_ptr()) })?;
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
        self.check("asking for its memory", unsafe { sys::cuMemGetInfo_v2(&mut free, &mut total) })?;
        Ok((free, total))
    }

    fn allocate(&self, bytes: usize) -> Result<u64, Error> {
        self.enter()?;
        let mut address = 0;
        // SAFETY: the place is ours.
        let result = unsafe { sys::cuMemAlloc_v2(&mut address, bytes) };
        if result == CUresult::CUDA_ERROR_OUT_OF_MEMORY {
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
            let _ = unsafe { sys::cuMemFree_v2(address) };
        }
    }

    unsafe fn upload(&self, to: u64, bytes: &[u8]) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: the caller's.
        self.check("copying to it", unsafe { sys::cuMemcpyHtoD_v2(to, bytes.as_ptr().cast(), bytes.len()) })
    }

    unsafe fn download(&self, from: u64, bytes: &mut [u8]) -> Result<(), Error> {
        self.enter()?;
        // SAFETY: the caller's.
        self.check("copying from it", unsafe { sys::cuMemcpyDtoH_v2(bytes.as_mut_ptr().cast(), from, bytes.len()) })
    }

    unsafe fn launch(&self, kernel: &'static str, shape: Shape, arguments: &mut [Argument]) -> Result<(), Error> {
        self.enter()?;
        let function = self.kernel(kernel)?;
        let mut places: Vec<*mut c_void> = arguments.iter_mut().map(Argument::place).collect();
        let Shape { blocks: [x, y, z], threads, shared } = shape;
        // SAFETY: the caller's; the driver copies the arguments before it returns. Of streams only the default one is used.
        let result = unsafe {
            sys::cuLaunchKernel(
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
                let _ = sys::cuModuleUnload(self.module);
            }
            let _ = sys::cuDevicePrimaryCtxRelease_v2(self.device);
        }
    }
}
