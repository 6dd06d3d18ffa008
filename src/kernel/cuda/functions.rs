//! The functions of NVIDIA's driver, and what they say.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

use cudarc::driver::sys::{self, CUdevice_attribute as Attribute, CUresult};

use super::Error;

/// What the driver says: 0 all is well. Not the enumeration of the bindings, of which newer drivers have values that it has not.
pub(super) type Said = u32;

/// Declares functions of the driver. All are looked for before any is called, as the bindings' own panic where one is not there.
macro_rules! functions {
    ($($name:ident($($argument:ty),*);)*) => {
        #[allow(non_snake_case)]
        #[derive(Clone, Copy)]
        pub(super) struct Functions {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) -> Said,)*
        }

        impl Functions {
            /// # Safety
            /// The driver's library is there.
            #[allow(unsafe_code, non_snake_case)]
            unsafe fn find() -> Result<Self, Error> {
                $(
                    // SAFETY: the caller's; the driver's functions have had these arguments since their versions were named.
                    let $name = unsafe { sys::culib().get::<unsafe extern "C" fn($($argument),*) -> Said>(concat!(stringify!($name), "\0").as_bytes()) };
                    let $name = *$name.map_err(|_| {
                        let name = stringify!($name);
                        Error::Missing(format!("the NVIDIA driver has no {name}: a driver from version 525 on is needed, or --device cpu"))
                    })?;
                )*
                Ok(Self { $($name),* })
            }
        }
    };
}

functions! {
    cuInit(c_uint);
    cuGetErrorName(Said, *mut *const c_char);
    cuDeviceGet(*mut sys::CUdevice, c_int);
    cuDeviceGetCount(*mut c_int);
    cuDeviceGetName(*mut c_char, c_int, sys::CUdevice);
    cuDeviceGetAttribute(*mut c_int, Attribute, sys::CUdevice);
    cuDevicePrimaryCtxRetain(*mut sys::CUcontext, sys::CUdevice);
    cuDevicePrimaryCtxRelease_v2(sys::CUdevice);
    cuCtxSetCurrent(sys::CUcontext);
    cuModuleLoadData(*mut sys::CUmodule, *const c_void);
    cuModuleGetFunction(*mut sys::CUfunction, sys::CUmodule, *const c_char);
    cuModuleUnload(sys::CUmodule);
    cuMemGetInfo_v2(*mut usize, *mut usize);
    cuMemAlloc_v2(*mut sys::CUdeviceptr, usize);
    cuMemFree_v2(sys::CUdeviceptr);
    cuMemcpyHtoD_v2(sys::CUdeviceptr, *const c_void, usize);
    cuMemcpyDtoH_v2(*mut c_void, sys::CUdeviceptr, usize);
    cuLaunchKernel(
        sys::CUfunction, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, sys::CUstream, *mut *mut c_void, *mut *mut c_void
    );
}

pub(super) const SUCCESS: Said = CUresult::CUDA_SUCCESS as Said;
pub(super) const OUT_OF_MEMORY: Said = CUresult::CUDA_ERROR_OUT_OF_MEMORY as Said;

#[allow(unsafe_code)]
impl Functions {
    /// What the driver said, unless all is well.
    pub(super) fn check(&self, device: &str, what: &str, said: Said) -> Result<(), Error> {
        match said {
            SUCCESS => Ok(()),
            // Launches and copies may want memory, too.
            OUT_OF_MEMORY => Err(Error::Memory { device: device.to_owned(), bytes: 0, free: 0 }),
            _ => Err(Error::Failed { device: device.to_owned(), what: what.to_owned(), why: self.name_of(said) }),
        }
    }

    /// The driver's name of what it said.
    fn name_of(&self, said: Said) -> String {
        let mut name = ptr::null();
        // SAFETY: the driver leaves a string of its own, or nothing.
        unsafe {
            if (self.cuGetErrorName)(said, &mut name) == SUCCESS && !name.is_null() {
                return CStr::from_ptr(name).to_string_lossy().into_owned();
            }
        }
        format!("error {said}")
    }

    /// Loads the driver, or says what is missing.
    pub(super) fn load() -> Result<Self, Error> {
        // SAFETY: loading NVIDIA's driver runs its initialisation and nothing else; its library is looked for before it is asked for functions.
        unsafe {
            if !sys::is_culib_present() {
                let library = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
                let what = format!("no NVIDIA driver: {library} was not found (install it or use --device cpu)");
                return Err(Error::Missing(what));
            }
            let functions = Self::find()?;
            match (functions.cuInit)(0) {
                SUCCESS => Ok(functions),
                said if said == CUresult::CUDA_ERROR_NO_DEVICE as Said => {
                    Err(Error::Missing("no NVIDIA card that the driver can use".to_owned()))
                }
                // A stub of a toolkit, another version of the driver's kernel module, a card in a bad state.
                said => Err(Error::Missing(format!("the NVIDIA driver does not start: {}", functions.name_of(said)))),
            }
        }
    }
}
