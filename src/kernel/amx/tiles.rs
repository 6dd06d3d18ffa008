//! The instructions of Intel AMX that int8 products need, as inline assembly.
//!
//! A thread has eight tile registers of up to 16 rows of 64 bytes: here five sums and three operands. The compiler knows nothing of them and
//! keeps nothing in them, so that what one statement leaves there the next one finds.

#![allow(unsafe_code)]

use std::arch::asm;

/// Most rows of a tile.
pub(crate) const HEIGHT: usize = 16;

/// Bytes of a tile's row.
pub(crate) const WIDTH: usize = 64;

/// The register of left operands; 0 to 4 are sums.
pub(crate) const LEFT: u8 = 5;

/// A register of right operands.
pub(crate) const RIGHT: u8 = 6;

/// The other register of right operands.
pub(crate) const RIGHT_TOO: u8 = 7;

/// What `ldtilecfg` reads (Intel SDM volume 1, "The TILECFG register").
#[repr(C, align(64))]
pub(crate) struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Config {
    /// Sums and left operands of `height` rows, 1 to 16; right operands of 16.
    pub(crate) fn of_height(height: usize) -> Self {
        debug_assert!((1..=HEIGHT).contains(&height));
        let (mut rows, mut row_bytes) = ([0; 16], [0; 16]);
        rows[..8].fill(height as u8);
        rows[RIGHT as usize] = HEIGHT as u8;
        rows[RIGHT_TOO as usize] = HEIGHT as u8;
        row_bytes[..8].fill(WIDTH as u16);
        Self { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows }
    }
}

/// Eight tile registers. Tiles lie in memory row after row, 64 bytes each.
///
/// A trait, so that everything but these few instructions can be tested on processors that have none of them.
///
/// # Safety
/// Of all methods: the thread can use the registers; registers are below 8 and, but for the first method, configured; memory that is read or
/// written is that of the register's rows.
pub(crate) trait Tiles {
    /// Gives every register its number of rows, and zeros.
    unsafe fn configure(&mut self, config: &Config);
    /// Zeros.
    unsafe fn zero<const TILE: u8>(&mut self);
    /// Reads a tile.
    unsafe fn load<const TILE: u8>(&mut self, from: *const u8);
    /// Adds to each 32-bit sum four products of signed bytes for every row of `RIGHT`; sums wrap.
    unsafe fn dot<const SUM: u8, const LEFT: u8, const RIGHT: u8>(&mut self);
    /// Writes a tile.
    unsafe fn store<const TILE: u8>(&mut self, to: *mut u8);
    /// Back to where a thread begins: the system has no tiles to keep for it any more.
    unsafe fn release(&mut self);
}

/// The processor's own.
pub(crate) struct Amx;

// SAFETY (of all blocks): one instruction that touches the registers and the memory that its method says.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Tiles for Amx {
    #[inline(always)]
    unsafe fn configure(&mut self, config: &Config) {
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) std::ptr::from_ref(config), options(readonly, nostack, preserves_flags))
        }
    }

    #[inline(always)]
    unsafe fn zero<const TILE: u8>(&mut self) {
        unsafe { asm!("tilezero tmm{}", const TILE, options(nomem, nostack, preserves_flags)) }
    }

    #[inline(always)]
    unsafe fn load<const TILE: u8>(&mut self, from: *const u8) {
        unsafe {
            asm!("tileloadd tmm{}, [{} + 1*{}]", const TILE, in(reg) from, in(reg) WIDTH,
                options(readonly, nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn dot<const SUM: u8, const LEFT: u8, const RIGHT: u8>(&mut self) {
        unsafe {
            asm!("tdpbssd tmm{}, tmm{}, tmm{}", const SUM, const LEFT, const RIGHT, options(nomem, nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn store<const TILE: u8>(&mut self, to: *mut u8) {
        unsafe {
            asm!("tilestored [{} + 1*{}], tmm{}", in(reg) to, in(reg) WIDTH, const TILE, options(nostack, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn release(&mut self) {
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) }
    }
}
