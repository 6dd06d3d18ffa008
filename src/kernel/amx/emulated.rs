//! Tile registers in plain Rust, after the pseudo-code of Intel's SDM (volume 2: LDTILECFG, TILELOADD, TDPBSSD, TILESTORED): for tests.

#![allow(unsafe_code)]

use super::{Config, HEIGHT, Tiles, WIDTH};

/// A way of getting it wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Bytes of the left operand are taken as unsigned.
    UnsignedLeft,
    /// A product replaces the sum.
    LostSum,
    /// All 16 rows are stored.
    FullHeight,
    /// The pair of right operands is exchanged with bytes in reverse.
    SwappedRight,
}

/// Registers, and how many rows and bytes a row each was given.
pub(crate) struct Emulated {
    tiles: [[[u8; WIDTH]; HEIGHT]; 8],
    rows: [usize; 8],
    row_bytes: [usize; 8],
    fault: Option<Fault>,
}

impl Default for Emulated {
    fn default() -> Self {
        // Not zero: a kernel that relies on zeros it never asked for fails.
        Self { tiles: [[[0xa5; WIDTH]; HEIGHT]; 8], rows: [0; 8], row_bytes: [0; 8], fault: None }
    }
}

impl Emulated {
    pub(crate) fn with(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    fn configured(&self, tile: u8) -> usize {
        let tile = usize::from(tile);
        assert!(self.rows[tile] > 0 && self.row_bytes[tile] > 0, "#UD: tile {tile} is not configured");
        tile
    }

    fn sum(&self, tile: usize, row: usize, column: usize) -> i32 {
        i32::from_le_bytes(*self.tiles[tile][row][4 * column..].first_chunk().unwrap())
    }
}

impl Tiles for Emulated {
    unsafe fn configure(&mut self, config: &Config) {
        // SAFETY: a configuration is 64 bytes without padding.
        let bytes: &[u8; 64] = unsafe { &*std::ptr::from_ref(config).cast() };
        assert_eq!(bytes[0], 1, "#GP: palette");
        assert!(bytes[1..16].iter().all(|byte| *byte == 0), "#GP: start row and reserved bytes");
        for tile in 0..16 {
            let row_bytes = usize::from(u16::from_le_bytes([bytes[16 + 2 * tile], bytes[17 + 2 * tile]]));
            let rows = usize::from(bytes[48 + tile]);
            assert!(row_bytes <= WIDTH && rows <= HEIGHT && (rows == 0) == (row_bytes == 0), "#GP: tile {tile}");
            assert!(tile < 8 || rows == 0, "#GP: tile {tile} of eight");
            if tile < 8 {
                (self.rows[tile], self.row_bytes[tile]) = (rows, row_bytes);
            }
        }
        self.tiles = [[[0; WIDTH]; HEIGHT]; 8];
    }

    unsafe fn zero<const TILE: u8>(&mut self) {
        let tile = self.configured(TILE);
        self.tiles[tile] = [[0; WIDTH]; HEIGHT];
    }

    unsafe fn load<const TILE: u8>(&mut self, from: *const u8) {
        let tile = self.configured(TILE);
        self.tiles[tile] = [[0; WIDTH]; HEIGHT];
        for row in 0..self.rows[tile] {
            for byte in 0..self.row_bytes[tile] {
                // SAFETY: the caller's memory is that of the register's rows.
                self.tiles[tile][row][byte] = unsafe { from.add(row * WIDTH + byte).read() };
            }
        }
    }

    unsafe fn dot<const SUM: u8, const LEFT: u8, const RIGHT: u8>(&mut self) {
        let (sum, left, right) = (self.configured(SUM), self.configured(LEFT), self.configured(RIGHT));
        assert!(sum != left && left != right && sum != right, "#UD: one tile twice");
        assert!([sum, left, right].iter().all(|tile| self.row_bytes[*tile].is_multiple_of(4)), "#UD: bytes of a row");
        assert_eq!(self.rows[sum], self.rows[left], "#UD: rows of sums and left operand");
        assert_eq!(self.row_bytes[left] / 4, self.rows[right], "#UD: terms of both operands");
        assert_eq!(self.row_bytes[sum], self.row_bytes[right], "#UD: columns of sums and right operand");
        for m in 0..self.rows[sum] {
            for k in 0..self.row_bytes[left] / 4 {
                for n in 0..self.row_bytes[sum] / 4 {
                    let mut dword = self.sum(sum, m, n);
                    if self.fault == Some(Fault::LostSum) && k == 0 {
                        dword = 0;
                    }
                    for byte in 0..4 {
                        let a = self.tiles[left][m][4 * k + byte];
                        let other = if self.fault == Some(Fault::SwappedRight) { 3 - byte } else { byte };
                        let b = self.tiles[right][k][4 * n + other] as i8;
                        let a = if self.fault == Some(Fault::UnsignedLeft) { i32::from(a) } else { i32::from(a as i8) };
                        dword = dword.wrapping_add(a * i32::from(b));
                    }
                    self.tiles[sum][m][4 * n..4 * n + 4].copy_from_slice(&dword.to_le_bytes());
                }
            }
        }
    }

    unsafe fn store<const TILE: u8>(&mut self, to: *mut u8) {
        let tile = self.configured(TILE);
        let rows = if self.fault == Some(Fault::FullHeight) { HEIGHT } else { self.rows[tile] };
        for row in 0..rows {
            for byte in 0..self.row_bytes[tile] {
                // SAFETY: the caller's memory is that of the register's rows.
                unsafe { to.add(row * WIDTH + byte).write(self.tiles[tile][row][byte]) };
            }
        }
    }

    unsafe fn release(&mut self) {
        *self = Self { fault: self.fault, ..Self::default() };
    }
}
