//! The contract on a GPU: the same bits as [`super::reference`], by NVIDIA cards of compute capability 7.5 and later.
//!
//! The kernels are CUDA C++ in `kernels/`, one a file. Products are exact there too: rows are put on their grids as three planes of 8-bit digits, nine
//! products of digits are summed in int32 by tensor cores (or dp4a), and joined in 64 bits. Row sums have 32 lanes, which are a warp's. Nothing is
//! fused, flushed or approximated, and there are no atomics on floats.
//!
//! What is shipped is the PTX that NVRTC 12.0 makes of them (`ptx/`, by `ptx.py`): text for a virtual machine, which every driver from version 525
//! on compiles for its card. So users need the driver alone; whatever toolkit they have or have not, the arithmetic is the one that was
//! looked at; and a driver has no choice in it: `mul.rn` and `add.rn` are never contracted, and `div.rn` and `sqrt.rn` are IEEE's.
//! `scan.py` refuses every other instruction on floats, and `machine_code.py` looks at what an assembler makes of them.
//!
//! [`Device::card`] loads the driver when it is called and says what is missing. [`Device::emulator`] runs the same kernels compiled for the
//! processor (`emulator/`), a fiber a thread: that is how they are tested where there is no card.
//!
//! Calls return before the device is done; [`Buffer::download`] and [`Faults::first`] wait for it. Values that are not finite do not stop a
//! computation there: they are reported in [`Faults`], stage by stage.

pub mod attention;
pub mod backward;
mod call;
mod check;
mod device;
mod driver;
pub mod embed;
mod emulator;
mod error;
pub mod faults;
mod functions;
pub mod grids;
mod machine;
pub mod product;
pub mod rows;
pub mod select;
pub mod texts;

pub use check::keeps_contract;
pub use device::{Buffer, Device, Number};
pub use emulator::Order;
pub use error::Error;
pub use faults::{Fault, Faults};

#[cfg(test)]
mod tests;
