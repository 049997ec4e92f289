//! Values that cannot be printed.

/// A secret value.
///
/// Has no `Debug`, `Display` or `Serialize` on purpose: it can be used, never shown. Its memory is overwritten when it
/// is dropped as far as safe Rust can.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes of a secret.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Gives the bytes to the one place that needs them. Never log or store what this returns.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Says whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
    }
}
