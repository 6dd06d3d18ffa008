//! What can go wrong on a device.

/// Why a device did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no device of this kind, or what is needed to use it is not there.
    #[error("{0}")]
    Missing(String),
    /// The memory does not suffice: less at a time may.
    #[error("out of memory on {device}{}: --device cpu computes without it", asked(*bytes, *free))]
    Memory {
        /// Whose memory.
        device: String,
        /// What was asked for; 0 where that is not known.
        bytes: usize,
        /// What there was.
        free: usize,
    },
    /// More than a kernel can do at once.
    #[error("{0}")]
    TooLarge(String),
    /// Anything else that the device says.
    #[error("{device}: {what}: {why}")]
    Failed {
        /// Which device.
        device: String,
        /// What it was to do.
        what: String,
        /// What it said.
        why: String,
    },
}

/// How much was asked for of how much.
fn asked(bytes: usize, free: usize) -> String {
    if bytes == 0 { String::new() } else { format!(", {bytes} bytes were asked for, {free} are free") }
}
