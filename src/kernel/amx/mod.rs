//! Intel AMX: whether it can be used, and its instructions ([`Tiles`]).
//!
//! A unit is used only if it proves itself: beyond what the processor says it has and the permission of the operating system, its
//! instructions have to compute what plain integers do.

#[cfg(test)]
pub(crate) mod emulated;
mod tiles;

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

pub(crate) use tiles::{Amx, Config, HEIGHT, LEFT, RIGHT, RIGHT_TOO, Tiles, WIDTH};

/// Why AMX is not used here, or none where it is.
///
/// Asked once; asking for the system's permission is part of it.
pub(crate) fn absence() -> Option<&'static str> {
    static ABSENCE: OnceLock<Option<&'static str>> = OnceLock::new();
    *ABSENCE.get_or_init(|| {
        if !processor_has_it() {
            Some("this processor has it not")
        } else if !permitted() {
            Some("the operating system does not permit its use")
        } else if !works() {
            Some("ITS INSTRUCTIONS DO NOT PASS THEIR SELF-CHECK: it is not used; please report it")
        } else {
            None
        }
    })
}

fn works() -> bool {
    // SAFETY: the processor has the instructions, and the system keeps their state.
    #[allow(unsafe_code)]
    unsafe {
        passes(&mut Amx)
    }
}

/// Tile registers, int8 products, and palette 1 as this code wants it (Intel SDM volume 2, CPUID leaves 7, 1DH and 1EH).
fn processor_has_it() -> bool {
    /// Leaf 7, EDX: AMX-TILE and AMX-INT8.
    const TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
    if !is_x86_feature_detected!("xsave") || __cpuid(0).eax < 0x1e {
        return false;
    }
    if __cpuid_count(7, 0).edx & TILE_AND_INT8 != TILE_AND_INT8 {
        return false;
    }
    let (palette, unit) = (__cpuid_count(0x1d, 1), __cpuid_count(0x1e, 0));
    let (bytes_per_tile, row_bytes, names) = (palette.eax >> 16, palette.ebx & 0xffff, palette.ebx >> 16);
    let (height, width) = (unit.ebx & 0xff, unit.ebx >> 8 & 0xffff);
    (bytes_per_tile, row_bytes, names, palette.ecx & 0xffff) == (1024, WIDTH as u32, 8, HEIGHT as u32)
        && height >= HEIGHT as u32
        && width >= WIDTH as u32
}

/// Whether the operating system keeps tiles across a switch of threads and lets this process use them.
fn permitted() -> bool {
    /// XCR0: the state of the tile configuration and of the tiles.
    const TILES: u64 = 1 << 17 | 1 << 18;
    // SAFETY: the processor has XSAVE and the system has enabled it, or AMX would not be asked for.
    #[allow(unsafe_code)]
    let kept = unsafe { _xgetbv(0) } & TILES == TILES;
    kept && granted()
}

/// Linux gives a process tiles, 8 KB of state a thread, only if it asks: `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`
/// (Linux's Documentation/arch/x86/xstate.rst).
#[cfg(target_os = "linux")]
fn granted() -> bool {
    const ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call that touches no memory of ours; the kernel changes rax, rcx and r11 only.
    #[allow(unsafe_code)]
    unsafe {
        asm!(
            "syscall",
            inout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    result == 0
}

/// Other systems are not asked: none of them was tried.
#[cfg(not(target_os = "linux"))]
fn granted() -> bool {
    false
}

/// Whether these tiles multiply as plain integers do: every pair of operands with every accumulator, full tiles and low ones, in two steps, so
/// that sums are seen to go on.
///
/// # Safety
/// The thread can use the tiles.
#[allow(unsafe_code)]
unsafe fn passes(tiles: &mut impl Tiles) -> bool {
    [HEIGHT, 5, 1].into_iter().all(|height| {
        // SAFETY: passed on.
        unsafe {
            agrees::<0>(tiles, height)
                && agrees::<1>(tiles, height)
                && agrees::<2>(tiles, height)
                && agrees::<3>(tiles, height)
                && agrees::<4>(tiles, height)
        }
    })
}

/// A tile as memory holds it.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Tile<T>(T);

/// C = A·B + A·B' in one accumulator, against plain loops.
#[allow(unsafe_code)]
unsafe fn agrees<const SUM: u8>(tiles: &mut impl Tiles, height: usize) -> bool {
    const COLUMNS: usize = WIDTH / 4;
    let byte = |i: usize| ((i * 89 + i / 7 * 31 + SUM as usize * 17 + 128) % 256) as u8 as i8;
    let mut a = Tile([[0i8; WIDTH]; HEIGHT]);
    let mut b = [Tile([[[0i8; 4]; COLUMNS]; HEIGHT]); 2];
    for (row, values) in a.0.iter_mut().enumerate() {
        for (term, x) in values.iter_mut().enumerate() {
            *x = byte(row * WIDTH + term);
        }
    }
    // Four consecutive terms of a column lie together.
    let right = |which: usize, term: usize, column: usize| byte(5000 + which * 3001 + term * COLUMNS + column);
    for (which, b) in b.iter_mut().enumerate() {
        for term in 0..WIDTH {
            for column in 0..COLUMNS {
                b.0[term / 4][column][term % 4] = right(which, term, column);
            }
        }
    }
    const UNTOUCHED: i32 = 0x5555_5555;
    let mut c = Tile([[UNTOUCHED; COLUMNS]; HEIGHT]);
    // SAFETY: the thread can use the tiles, as the caller says, and every tile is 16 rows of 64 bytes.
    unsafe {
        tiles.configure(&Config::of_height(height));
        tiles.zero::<SUM>();
        tiles.load::<LEFT>((&raw const a).cast());
        tiles.load::<RIGHT>((&raw const b[0]).cast());
        tiles.load::<RIGHT_TOO>((&raw const b[1]).cast());
        tiles.dot::<SUM, LEFT, RIGHT>();
        tiles.dot::<SUM, LEFT, RIGHT_TOO>();
        tiles.store::<SUM>((&raw mut c).cast());
        tiles.release();
    }
    (0..HEIGHT * COLUMNS).all(|i| {
        let (row, column) = (i / COLUMNS, i % COLUMNS);
        let product = |which, term: usize| i32::from(a.0[row][term]) * i32::from(right(which, term, column));
        let sum: i32 = (0..WIDTH).map(|term| product(0, term) + product(1, term)).sum();
        c.0[row][column] == if row < height { sum } else { UNTOUCHED }
    })
}

#[cfg(test)]
mod tests {
    use super::emulated::{Emulated, Fault};
    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn the_check_passes_what_the_manual_describes_and_nothing_else() {
        // SAFETY: the emulation has no requirements.
        unsafe {
            assert!(passes(&mut Emulated::default()));
            for fault in [Fault::UnsignedLeft, Fault::LostSum, Fault::FullHeight, Fault::SwappedRight] {
                assert!(!passes(&mut Emulated::with(fault)), "{fault:?}");
            }
        }
    }

    #[test]
    fn asking_twice_gives_one_answer() {
        assert_eq!(absence(), absence());
    }
}
