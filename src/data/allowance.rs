//! What may be made of a file: so many times its size and no more, so that a small file from a stranger cannot fill the memory.

/// Beyond what texts and numbers are packed to, or repeat of what they hold.
const RATIO: u64 = 200;
/// May be made of any file.
const LITTLE: u64 = 64 << 20;
/// May not be made of any.
const MOST: u64 = 16 << 30;

/// What is left of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    file: usize,
    left: u64,
}

impl Allowance {
    /// That of a file of so many bytes.
    pub(crate) fn of(file: usize) -> Self {
        Self { file, left: (file as u64).saturating_mul(RATIO).clamp(LITTLE, MOST) }
    }

    /// How much it is.
    pub(crate) fn left(self) -> u64 {
        self.left
    }

    /// Takes so many bytes off, or says that there are not so many.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), String> {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(format!("its {} bytes make more than {} of memory", self.file, Self::of(self.file).left)),
        }
    }
}
