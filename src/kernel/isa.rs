//! Which instruction set the fast loops use.
//!
//! A fast loop is ordinary safe Rust, compiled once for each instruction set by `compiled_for_each_isa!`; the processor decides at
//! run time which of them is called. The bits are the same, so the choice is only about speed.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

#[cfg(target_arch = "x86_64")]
use super::amx;

/// An instruction set that the fast loops are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Isa {
    /// What every processor of the architecture has (x86-64: SSE2), multiplication and addition never fused.
    Portable = 1,
    /// NEON with fused multiplication and addition: every aarch64.
    Neon = 2,
    /// AVX2 and FMA.
    Avx2 = 3,
    /// AVX-512 F, DQ, VL and BW; VNNI where the processor has it.
    Avx512 = 4,
    /// AMX int8 for matrix products, AVX-512 for all else.
    Amx = 5,
}

/// The instruction set in use; 0 until it is first asked for.
static ACTIVE: AtomicU8 = AtomicU8::new(0);

impl Isa {
    /// All of them, least first.
    pub const ALL: [Self; 5] = [Self::Portable, Self::Neon, Self::Avx2, Self::Avx512, Self::Amx];

    /// Whether this processor has it.
    #[must_use]
    pub fn present(self) -> bool {
        match self {
            Self::Portable => true,
            Self::Neon => cfg!(target_arch = "aarch64"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.present()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Amx => Self::Avx512.present() && amx::absence().is_none(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 | Self::Amx => false,
        }
    }

    /// Why it is not used here, or none where it can be. Asking for [`Isa::Amx`] asks the operating system for its permission, and tries the
    /// instructions.
    #[must_use]
    pub fn absence(self) -> Option<&'static str> {
        #[cfg(target_arch = "x86_64")]
        if self == Self::Amx && Self::Avx512.present() {
            return amx::absence();
        }
        (!self.present()).then_some("this processor has it not")
    }

    /// The best that this processor has.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|isa| isa.present()).unwrap_or(Self::Portable)
    }

    /// The one in use: the best, unless [`Isa::force`] chose another.
    #[must_use]
    pub fn active() -> Self {
        match ACTIVE.load(Ordering::Relaxed) {
            1 => Self::Portable,
            2 => Self::Neon,
            3 => Self::Avx2,
            4 => Self::Avx512,
            5 => Self::Amx,
            _ => {
                let best = Self::best();
                ACTIVE.store(best as u8, Ordering::Relaxed);
                best
            }
        }
    }

    /// Makes every fast loop of the process use this one. Returns whether the processor has it; where it has not, nothing changes.
    #[must_use]
    pub fn force(self) -> bool {
        let present = self.present();
        if present {
            ACTIVE.store(self as u8, Ordering::Relaxed);
        }
        present
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Amx => "amx",
        })
    }
}

impl FromStr for Isa {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|isa| isa.to_string() == name)
            .ok_or_else(|| format!("no instruction set {name}: auto, portable, neon, avx2, avx512 or amx"))
    }
}

/// Compiles one function body for every [`Isa`] and calls the one that is active.
macro_rules! compiled_for_each_isa {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl,avx512bw")]
                fn avx512($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                match $crate::kernel::isa::Isa::active() {
                    // SAFETY: an instruction set is active only if the processor was found to have it.
                    #[allow(unsafe_code)]
                    $crate::kernel::isa::Isa::Avx512 | $crate::kernel::isa::Isa::Amx => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    #[allow(unsafe_code)]
                    $crate::kernel::isa::Isa::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::kernel::isa::Isa::Portable | $crate::kernel::isa::Isa::Neon => {}
                }
            }
            body($($arg),*)
        }
    )*};
}

pub(crate) use compiled_for_each_isa;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
        assert!("mmx".parse::<Isa>().is_err());
    }
}
